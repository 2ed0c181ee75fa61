"""What the build of the notebook image takes out of its environment."""

import importlib.util
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from dev.paths import REPOSITORY


@pytest.fixture(scope="module")
def trim() -> ModuleType:
    # The script is no part of a package: it runs inside the build.
    spec = importlib.util.spec_from_file_location("trim", REPOSITORY / "notebook-image/build/trim.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("entry", "kept_on"),
    [
        ("librocksdbjni-linux64.so", {"x86_64"}),
        ("librocksdbjni-linux64-musl.so", set()),
        ("librocksdbjni-linux32.so", set()),
        ("librocksdbjni-linux-aarch64.so", {"aarch64"}),
        ("librocksdbjni-linux-ppc64le.so", set()),
        ("librocksdbjni-osx-arm64.jnilib", set()),
        ("librocksdbjni-win64.dll", set()),
        ("linux/amd64/libzstd-jni-1.5.7-7.so", {"x86_64"}),
        ("freebsd/amd64/libzstd-jni-1.5.7-7.so", set()),
        ("org/xerial/snappy/native/Linux/x86_64/libsnappyjava.so", {"x86_64"}),
        ("org/xerial/snappy/native/Linux/aarch64/libsnappyjava.so", {"aarch64"}),
        ("org/xerial/snappy/native/SunOS/x86_64/libsnappyjava.so", set()),
        ("org/rocksdb/RocksDB.class", {"x86_64", "aarch64"}),
    ],
)
def test_native_libraries_stay_for_their_own_platform_only(trim, entry, kept_on):
    assert {machine for machine in trim.NAMES if not trim.is_foreign(entry, machine)} == kept_on


@pytest.mark.parametrize(
    ("jar", "kept_on"),
    [
        ("netty-tcnative-boringssl-static-2.0.76.Final-linux-x86_64.jar", {"x86_64"}),
        ("netty-transport-native-epoll-4.2.13.Final-linux-aarch_64.jar", {"aarch64"}),
        ("netty-transport-native-epoll-4.2.13.Final-linux-riscv64.jar", set()),
        ("netty-tcnative-boringssl-static-2.0.76.Final-windows-x86_64.jar", set()),
        ("netty-transport-native-kqueue-4.2.13.Final-osx-aarch_64.jar", set()),
        ("netty-tcnative-classes-2.0.76.Final.jar", {"x86_64", "aarch64"}),
        ("netty-transport-classes-kqueue-4.2.13.Final.jar", {"x86_64", "aarch64"}),
    ],
)
def test_a_jar_of_one_platform_stays_on_that_one(trim, jar, kept_on):
    assert {machine for machine in trim.NAMES if not trim.is_foreign_jar(jar, machine)} == kept_on


def test_an_environment_loses_tests_hub_pages_and_foreign_libraries_and_nothing_else(trim, tmp_path):
    packages = tmp_path / "lib/python3.13/site-packages"
    jars = packages / "pyspark/jars"
    for name in (
        "numpy/tests/test_a.py",
        "numpy/testing/__init__.py",
        "pandas/core/tests/deep/tests/x.py",
        "pandas/core/frame.py",
        "pyspark/jars/netty-transport-native-kqueue-4.2-osx-x86_64.jar",
        "pyspark/jars/netty-common-4.2.jar",
        "pyspark/python/lib/pyspark.zip",
        "pyspark/worker.py",
    ):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).touch()
    hub_page = tmp_path / "share/jupyterhub/static/page.html"
    lab_page = tmp_path / "share/jupyter/lab/page.html"
    for path in (hub_page, lab_page):
        path.parent.mkdir(parents=True)
        path.touch()
    with zipfile.ZipFile(jars / "rocksdbjni-9.jar", "w") as jar:
        for entry in ("librocksdbjni-linux64.so", "librocksdbjni-win64.dll", "org/rocksdb/RocksDB.class"):
            jar.writestr(entry, entry)

    trim.trim(tmp_path, "x86_64")

    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    prefix = "lib/python3.13/site-packages"
    assert left == {
        f"{prefix}/numpy/testing/__init__.py",
        f"{prefix}/pandas/core/frame.py",
        f"{prefix}/pyspark/jars/netty-common-4.2.jar",
        f"{prefix}/pyspark/jars/rocksdbjni-9.jar",
        f"{prefix}/pyspark/worker.py",
        "share/jupyter/lab/page.html",
    }
    with zipfile.ZipFile(jars / "rocksdbjni-9.jar") as jar:
        assert jar.namelist() == ["librocksdbjni-linux64.so", "org/rocksdb/RocksDB.class"]
        assert jar.read("librocksdbjni-linux64.so") == b"librocksdbjni-linux64.so"


def test_a_trimmed_jar_is_not_written_again(trim, tmp_path):
    jar = tmp_path / "zstd-jni-1.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("linux/amd64/libzstd.so", "x")
    before = jar.stat()
    trim.slim(jar, "x86_64")
    assert (jar.stat().st_ino, jar.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_list_of_jars_is_sorted_and_has_no_bundle():
    names = [line.split()[1] for line in Path(REPOSITORY, "notebook-image/jars/SHA256SUMS").read_text().splitlines()]
    assert names == sorted(names)
    assert not [
        name for name in names if "bundle" in name or name.startswith(("netty-b", "netty-c", "slf4j", "httpclient"))
    ]
    assert any(name.startswith("hadoop-aws-") for name in names)
