"""The command line of the driver JVM, and when it is left to PySpark's own scripts."""

from __future__ import annotations

from pathlib import Path

import pytest
from spark_session.jvm import (
    COMPILER_OPTIONS,
    MEMORY_OPTIONS,
    MODULE_OPTIONS,
    Installation,
    command,
    environment,
    find_installation,
)

CACHE = Path("/opt/spark-notebooks/aot/driver.aot")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """SPARK_HOME as pip installs it."""
    jars = tmp_path / "spark" / "jars"
    jars.mkdir(parents=True)
    for name in ("a.jar", "slf4j-api-2.0.17.jar"):
        (jars / name).touch()
    return jars.parent


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.touch(0o755)
    return {"JAVA_HOME": str(tmp_path / "java"), "PATH": ""}


@pytest.fixture
def image(tmp_path: Path, home: Path, variables: dict[str, str]) -> Path:
    """The notebook image's own files, made for this Java and this SPARK_HOME."""
    folder = tmp_path / "image"
    (folder / "aot").mkdir(parents=True)
    (folder / "aot" / "driver.aot").touch()
    (folder / "aot" / "java").symlink_to(Path(variables["JAVA_HOME"], "bin", "java"))
    (folder / "class-path").write_text(f"{home}/jars/a.jar:{home}/jars/slf4j-api-2.0.17.jar\n")
    return folder


def test_the_class_path_of_a_laptop_is_that_of_the_launcher(
    home: Path, variables: dict[str, str], tmp_path: Path
) -> None:
    found = find_installation({**variables, "SPARK_DIST_CLASSPATH": "/more/*"}, home, tmp_path / "none")
    assert found is not None
    assert found.class_path == f"{home}/conf:{home}/jars/slf4j-api-2.0.17.jar:{home}/jars/*:/more/*"
    assert found.cache is None


def test_in_the_image_the_jars_come_first_so_that_the_cache_fits(
    home: Path, variables: dict[str, str], image: Path, tmp_path: Path
) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    found = find_installation({**variables, "SPARK_CONF_DIR": str(conf), "HADOOP_CONF_DIR": "/hadoop"}, home, image)
    assert found is not None
    assert found.class_path == f"{home}/jars/a.jar:{home}/jars/slf4j-api-2.0.17.jar:{conf}:/hadoop"
    assert found.cache == image / "aot" / "driver.aot"


def test_another_java_does_without_the_cache(
    home: Path, variables: dict[str, str], image: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "bin" / "java"
    other.parent.mkdir(parents=True)
    other.touch(0o755)
    found = find_installation({**variables, "JAVA_HOME": str(tmp_path / "other")}, home, image)
    assert found is not None
    assert (found.java, found.cache) == (other, None)


def test_another_spark_home_in_the_image_has_a_class_path_of_its_own(
    home: Path, variables: dict[str, str], image: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other-spark"
    (other / "jars").mkdir(parents=True)
    found = find_installation(variables, other, image)
    assert found is not None
    assert found.class_path == f"{other}/conf:{other}/jars/*"
    assert found.cache is None


@pytest.mark.parametrize(
    "name", ["PYSPARK_SUBMIT_ARGS", "PYSPARK_GATEWAY_PORT", "SPARK_SUBMIT_OPTS", "SPARK_PREPEND_CLASSES"]
)
def test_variables_of_the_launcher_leave_the_start_to_it(
    home: Path, variables: dict[str, str], image: Path, name: str
) -> None:
    assert find_installation({**variables, name: "x"}, home, image) is None


@pytest.mark.parametrize("name", ["spark-env.sh", "spark-defaults.conf", "java-opts"])
def test_files_of_the_launcher_leave_the_start_to_it(
    home: Path, variables: dict[str, str], image: Path, name: str
) -> None:
    (home / "conf").mkdir()
    (home / "conf" / name).touch()
    assert find_installation(variables, home, image) is None


def test_without_java_or_jars_the_scripts_say_what_is_wrong(home: Path, variables: dict[str, str], image: Path) -> None:
    assert find_installation({"JAVA_HOME": "/nonexistent", "PATH": ""}, home, image) is None
    assert find_installation({"PATH": ""}, home, image) is None
    assert find_installation(variables, home / "nonexistent", image) is None


def installation(cache: Path | None = CACHE) -> Installation:
    return Installation(Path("/spark"), Path("/java/bin/java"), "/spark/jars/a.jar", cache)


def test_the_command_has_the_settings_that_take_effect_at_the_start_as_options() -> None:
    words = command(
        installation(),
        {
            "spark.driver.memory": "3g",
            "spark.driver.extraJavaOptions": "-Da='two words' -XX:+UseSerialGC",
            "spark.driver.extraClassPath": "/mine.jar",
        },
    )
    assert words[:4] == ["/java/bin/java", f"-XX:AOTCache={CACHE}", "-Xlog:aot*=off", "-Xlog:cds*=off"]
    assert words[words.index("-cp") + 1] == "/mine.jar:/spark/jars/a.jar"
    assert words.index("-Xmx3g") < words.index("org.apache.spark.deploy.SparkSubmit")
    main = words.index("org.apache.spark.deploy.SparkSubmit")
    assert words[main - 2 : main] == ["-Da=two words", "-XX:+UseSerialGC"]
    assert words[main + 1 : main + 3] == ["--conf", "spark.driver.extraClassPath=/mine.jar"]
    assert words[-1] == "pyspark-shell"


def test_the_command_of_a_laptop_has_the_options_of_any_java() -> None:
    words = command(installation(cache=None), {})
    assert not [word for word in words if "AOT" in word or word.startswith("-Xlog")]
    assert "-Xmx1g" in words
    assert set(MODULE_OPTIONS + COMPILER_OPTIONS + MEMORY_OPTIONS) <= set(words)
    # A JVM that does not know it is told first that it may pass it over.
    assert words.index("-XX:+IgnoreUnrecognizedVMOptions") < words.index(*MEMORY_OPTIONS)


@pytest.mark.parametrize("option", ["-XX:AOTCache=/mine", "-XX:SharedArchiveFile=/mine", "-Xshare:off"])
def test_a_cache_of_ones_own_takes_the_place_of_ours(option: str) -> None:
    words = command(installation(), {"spark.driver.extraJavaOptions": option})
    assert f"-XX:AOTCache={CACHE}" not in words
    assert option in words


@pytest.mark.parametrize(
    ("settings", "processors", "serial"),
    [
        ({"spark.master": "k8s://https://api"}, 8, True),
        ({"spark.master": "k8s://https://api", "spark.driver.memory": "4g"}, 8, False),
        ({"spark.master": "k8s://https://api", "spark.driver.extraJavaOptions": "-Da=1 -XX:+UseZGC"}, 8, False),
        ({"spark.master": "local[*]"}, 2, True),
        ({"spark.master": "local[*]", "spark.driver.memory": "4g"}, 2, False),
        ({"spark.master": "local[*]"}, 4, False),
        ({"spark.master": "local[*]"}, 0, False),
    ],
)
def test_a_driver_that_waits_or_has_few_processors_has_the_smallest_collector(
    settings: dict[str, str], processors: int, serial: bool
) -> None:
    words = command(Installation(Path("/spark"), Path("/java"), "/spark/jars/*", processors=processors), settings)
    assert ("-XX:+UseSerialGC" in words) == serial


def test_the_environment_says_where_to_write_the_connection_and_has_the_native_libraries() -> None:
    made = environment(
        installation(), {"spark.driver.extraLibraryPath": "/native"}, {"LD_LIBRARY_PATH": "/l"}, Path("/c")
    )
    assert made == {
        "LD_LIBRARY_PATH": "/native:/l",
        "SPARK_HOME": "/spark",
        "SPARK_CONNECT_MODE": "0",
        "_PYSPARK_DRIVER_CONN_INFO_PATH": "/c",
    }
