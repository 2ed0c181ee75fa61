"""The page of licences, made from the images' packages."""

from collections import defaultdict
from collections.abc import Sequence

from dev.markdown import table
from dev.paths import REPOSITORY
from dev.supply.inventory import Inventory
from dev.supply.licences import refused, verdict
from dev.supply.package import DEBIAN, Package, with_bundled

PAGE = REPOSITORY / "docs" / "security" / "licences.md"

INTRODUCTION = """\
# Licences of what the images hold

<!-- Made by `make licences` from the images: change what goes into them, dev/supply/known.toml or dev/supply/licences.py. -->

All packages of the four images by their licences, without versions: those are in the bills of materials ([What the images hold](supply.md)). The project itself is under
[Apache-2.0](https://www.apache.org/licenses/LICENSE-2.0). `OR` is a choice that you have. Packages within others (shaded jars, scripts in one bundle) are listed as their own.

"""
DEBIANS = """
## Debian packages

All are of Debian's `main`, so free software by [Debian's guidelines](https://www.debian.org/social_contract#guidelines). Each has the licences of its files in
`/usr/share/doc/<package>/copyright` of the image.

"""
UNKNOWN = """
## Not allowed, or unknown

"""
KINDS = {"pypi": "Python", "maven": "Java", "npm": "JavaScript", "golang": "Go"}


def page(inventories: Sequence[Inventory]) -> str:
    """The page in Markdown."""
    listed: dict[tuple[str, str], set[str]] = defaultdict(set)
    debian: dict[str, set[str]] = defaultdict(set)
    for inventory in inventories:
        for package in with_bundled(inventory.packages):
            if package.kind == DEBIAN:
                debian[package.name].add(inventory.image.name)
            else:
                listed[verdict(package).expression or "unknown", KINDS[package.kind]].add(package.full_name)
    everywhere = {inventory.image.name for inventory in inventories}
    rows = [
        (licence, kind, ", ".join(f"`{name}`" for name in sorted(names)))
        for (licence, kind), names in sorted(listed.items())
    ]
    places = [
        (f"`{name}`", "all" if found == everywhere else ", ".join(sorted(found)))
        for name, found in sorted(debian.items())
    ]
    refusals = _refusals(inventories)
    return (
        INTRODUCTION
        + table(("licence", "of", "packages"), rows)
        + DEBIANS
        + table(("package", "in the images"), places)
        + UNKNOWN
        + (table(("image", "package", "what it says"), refusals) if refusals else "None.\n")
    )


def _refusals(inventories: Sequence[Inventory]) -> list[tuple[str, ...]]:
    found = {
        (inventory.image.name, f"`{package.full_name}`", _said(package))
        for inventory in inventories
        for package, _ in refused(inventory.packages)
    }
    return sorted(found)


def _said(package: Package) -> str:
    return ", ".join(package.licences) or "nothing"
