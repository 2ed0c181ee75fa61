"""Removes from an environment what no notebook and no executor uses. Runs in the build of the image, after each installation.

Usage: python3 trim.py FOLDER
"""

import os
import platform
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

# Jars that carry the native libraries of a dozen platforms, some of them tens of megabytes.
JARS_OF_MANY_PLATFORMS = ("rocksdbjni-*.jar", "snappy-java-*.jar", "zstd-jni-*.jar")
# Jars of one platform each, by the suffix of netty's classifiers.
PLATFORMS = ("linux-aarch_64", "linux-riscv64", "linux-x86_64", "osx-aarch_64", "osx-x86_64", "windows-x86_64")
# How the libraries call the two processors that Debian's JDK and PySpark's wheels have in common.
NAMES = {"x86_64": ("x86_64", "amd64", "linux64"), "aarch64": ("aarch64", "aarch_64")}
NATIVE_SUFFIXES = (".so", ".dll", ".dylib", ".jnilib", ".a")
# The pages of the hub, which is not in this image.
HUB_PAGES = "share/jupyterhub"


def is_foreign(entry: str, machine: str) -> bool:
    """Whether a path in a jar is a native library of another platform than glibc Linux on `machine`."""
    path = entry.lower()
    if not path.endswith(NATIVE_SUFFIXES):
        return False
    return "linux" not in path or "musl" in path or not any(name in path for name in NAMES[machine])


def is_foreign_jar(name: str, machine: str) -> bool:
    """Whether a jar is one that netty makes for another platform."""
    platforms = [name.endswith(f"-{classifier}.jar") and classifier for classifier in PLATFORMS]
    return any(found and is_foreign(f"{found}.so", machine) for found in platforms)


def slim(jar: Path, machine: str) -> None:
    """Writes a jar again without the native libraries of other platforms. A jar that has none is left as it is."""
    with zipfile.ZipFile(jar) as source:
        entries = source.infolist()
        wanted = [entry for entry in entries if not is_foreign(entry.filename, machine)]
        if len(wanted) == len(entries):
            return
        smaller = jar.with_suffix(".smaller")
        with zipfile.ZipFile(smaller, "w", zipfile.ZIP_DEFLATED) as target:
            for entry in wanted:
                target.writestr(entry, source.read(entry))
    shutil.copymode(jar, smaller)
    smaller.replace(jar)


def test_folders(packages: Path) -> Iterator[Path]:
    """The folders called `tests` of installed packages, outermost ones only."""
    for folder, names, _ in os.walk(packages):
        if "tests" in names:
            names.remove("tests")
            yield Path(folder, "tests")


def trim(environment: Path, machine: str) -> None:
    """Trims a Python environment that may hold PySpark."""
    for packages in environment.glob("lib/python3*/site-packages"):
        for folder in list(test_folders(packages)):
            shutil.rmtree(folder)
        jars = packages / "pyspark" / "jars"
        for pattern in JARS_OF_MANY_PLATFORMS:
            for jar in jars.glob(pattern):
                slim(jar, machine)
        for jar in jars.glob("netty-*.jar"):
            if is_foreign_jar(jar.name, machine):
                jar.unlink()
        # PySpark's own modules once more, as archives that Spark puts ahead of the byte-compiled ones: a Python worker then compiles them anew.
        for archive in (packages / "pyspark" / "python" / "lib").glob("*.zip"):
            archive.unlink()
    shutil.rmtree(environment / HUB_PAGES, ignore_errors=True)


if __name__ == "__main__":
    trim(Path(sys.argv[1]), platform.machine())
