"""Debian packages of an image: dpkg's own list, and their copyright files."""

import re
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

from dev.supply.package import DEBIAN, Package, place_of

STATUS = "var/lib/dpkg/status"
MACHINE_READABLE = re.compile(r"^Format(-Specification)?:", re.MULTILINE)
# What stands in copyright files that are prose, by the files of /usr/share/common-licenses that they name.
COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z]+(?:-[0-9.]+)?)")
MAIN = "main"


def os_release(root: Path) -> dict[str, str]:
    """The settings of /etc/os-release."""
    lines = (root / "usr/lib/os-release").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name: value.strip('"') for name, _, value in pairs}


def packages(root: Path) -> Iterator[Package]:
    """The packages that are installed in the file system below `root`."""
    release = os_release(root)
    distribution = f"{release['ID']}-{release['VERSION_ID']}"
    for fields in status((root / STATUS).read_text()):
        if not fields.get("Status", "").endswith(" installed"):
            continue
        name, architecture = fields["Package"], fields["Architecture"]
        file = root / "usr/share/doc" / name / "copyright"
        named = licences(file.read_text(errors="replace")) if file.is_file() else []
        yield Package(
            DEBIAN,
            name,
            fields["Version"],
            release["ID"],
            # Prose names none that could be found: it says where to read.
            tuple(named or ([f"as in {place_of(file, root)}"] if file.is_file() else [])),
            qualifiers={"arch": architecture, "distro": distribution, "upstream": source(fields)},
            properties={"debian:area": area(fields.get("Section", ""))},
        )


def status(text: str) -> Iterator[dict[str, str]]:
    """The paragraphs of a dpkg status file as fields by their names."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        yield dict(HeaderParser().parsestr(paragraph).items())


def source(fields: dict[str, str]) -> str:
    """The source package, with its version where that is another one: vulnerabilities are recorded by it."""
    name, _, version = fields.get("Source", fields["Package"]).partition(" ")
    return f"{name}@{version.strip('()')}" if version else name


def area(section: str) -> str:
    """Of Debian's archive: `main`, `contrib`, `non-free` or `non-free-firmware`."""
    return section.partition("/")[0] if "/" in section else MAIN


def licences(text: str) -> list[str]:
    """The names of all licences in a copyright file, as it has them, sorted, each once."""
    if MACHINE_READABLE.search(text):
        found = {line.strip() for line in re.findall(r"^License:[ \t]*(\S.*)$", text, re.MULTILINE)}
    else:
        found = {name.rstrip(".") for name in COMMON.findall(text)}
    return sorted(found)


def owned(root: Path) -> set[str]:
    """The paths, from the root, of all files that Debian packages have brought."""
    lists = (root / "var/lib/dpkg/info").glob("*.list")
    return {line for path in lists for line in path.read_text().splitlines()}
