"""A package that is in an image, whatever kind it is of."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEBIAN, PYTHON, MAVEN, NPM, GO = "deb", "pypi", "maven", "npm", "golang"  # the types of package URLs


@dataclass(frozen=True)
class Package:
    """One package, as it is installed.

    Args:
        kind: the type of its package URL (`DEBIAN` and so on).
        name: without the namespace.
        namespace: Maven's group, npm's scope, the path of a Go module without its last part; empty where there is none.
        licences: what the package says of itself: one SPDX expression, or names as its authors write them. Empty where it says nothing.
        place: its file or folder in the image, "" where it has none of its own.
        qualifiers: those of its package URL.
        properties: more to tell, by name.
        bundled: packages whose files it has within its own (shaded jars, scripts in one bundle).
    """

    kind: str
    name: str
    version: str
    namespace: str = ""
    licences: tuple[str, ...] = ()
    place: str = ""
    sha256: str = ""
    qualifiers: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    bundled: tuple["Package", ...] = ()

    @property
    def coordinates(self) -> tuple[str, str, str]:
        """What names it among packages of its kind, and its version."""
        return self.namespace, self.name, self.version

    @property
    def full_name(self) -> str:
        """As people write it: `org.apache.spark:spark-core_2.13`, `@jupyterlab/services`, `numpy`."""
        separator = ":" if self.kind == MAVEN else "/"
        return f"{self.namespace}{separator}{self.name}" if self.namespace else self.name


def with_bundled(packages: Iterable[Package]) -> Iterator[Package]:
    """The packages and what they bundle, each after its bundle."""
    for package in packages:
        yield package
        yield from with_bundled(package.bundled)


def place_of(path: Path, root: Path) -> str:
    """The path that a file of an image has in the image."""
    return f"/{path.relative_to(root).as_posix()}"
