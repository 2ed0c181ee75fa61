import pytest
from spark_session.sizes import format_cores, format_memory, parse_cores, parse_memory


@pytest.mark.parametrize(
    ("text", "mib"),
    [
        ("512m", 512),
        ("450m", 450),
        ("4g", 4096),
        ("4G", 4096),
        (" 4 g ", 4096),
        ("4gb", 4096),
        ("4GB", 4096),
        ("4Gi", 4096),
        ("4GiB", 4096),
        ("1.5g", 1536),
        ("0.5t", 524288),
        ("16t", 16 * 1024 * 1024),
    ],
)
def test_memory_in_the_units_people_write(text: str, mib: int) -> None:
    assert parse_memory(text) == mib


@pytest.mark.parametrize(
    ("value", "cores"), [(1, 1.0), (2, 2.0), (0.5, 0.5), ("2", 2.0), ("0.5", 0.5), ("500m", 0.5), (1 / 3, 0.333)]
)
def test_cores_in_the_units_people_write(value: object, cores: float) -> None:
    assert parse_cores(value) == cores


@pytest.mark.parametrize(("mib", "text"), [(512, "512m"), (1024, "1g"), (1536, "1536m"), (1048576, "1t")])
def test_memory_is_written_as_spark_reads_it(mib: int, text: str) -> None:
    assert format_memory(mib) == text
    assert parse_memory(text) == mib


@pytest.mark.parametrize(("cores", "text"), [(2.0, "2"), (0.5, "500m"), (0.05, "50m"), (1.25, "1250m")])
def test_cores_are_written_as_kubernetes_reads_them(cores: float, text: str) -> None:
    assert format_cores(cores) == text
    assert parse_cores(text) == cores
