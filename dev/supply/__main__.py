"""`make sbom`, `make licences`, `make audit`: what is in the images, under which licences, and what is known against it."""

import argparse
import sys
from collections.abc import Callable

from dev.images import ImageError
from dev.paths import REPOSITORY
from dev.supply import audit, licence_page
from dev.supply.bill import bill
from dev.supply.inventory import Inventory, inventories
from dev.supply.licences import refused
from dev.toolchain import ToolchainError

FOLDER = REPOSITORY / ".sbom"


def sbom() -> int:
    """Writes the bills of materials."""
    write(inventories())
    return 0


def write(found: list[Inventory]) -> None:
    """The bills of materials of these images, as <image>.cdx.json in FOLDER."""
    FOLDER.mkdir(exist_ok=True)
    for each in found:
        path = FOLDER / f"{each.image.name}.cdx.json"
        path.write_text(bill(each.image, each.packages), encoding="utf-8")
        print(f"{path.relative_to(REPOSITORY)}  {len(each.packages)} packages  {each.image.reference}")


def licences() -> int:
    """Writes the page of licences; fails where one is unknown or not allowed."""
    found = inventories()
    licence_page.PAGE.write_text(licence_page.page(found), encoding="utf-8")
    print(f"wrote {licence_page.PAGE.relative_to(REPOSITORY)}")
    bad = [(each.image.name, package) for each in found for package, _ in refused(each.packages)]
    for image, package in bad:
        print(
            f"{image}: {package.full_name} {package.version} is under {', '.join(package.licences) or 'an unknown licence'}",
            file=sys.stderr,
        )
    if bad:
        print(
            "Find out what they are under. If it is on the list, say so in dev/supply/known.toml; if it is to be allowed, add it to ALLOWED in "
            "dev/supply/licences.py; else leave the package out.",
            file=sys.stderr,
        )
    return 1 if bad else 0


def known_vulnerabilities() -> int:
    """Asks the registries, and prints what they know; fails where they know something, or could not be asked."""
    found = inventories()
    write(found)
    wanted = audit.pins((package for each in found for package in each.packages), audit.own_packages())
    answers = [audit.ask_pypi(wanted), *(audit.ask_npm(folder) for folder in audit.NPM_FOLDERS)]
    print(audit.told(answers))
    return 1 if any(answer.findings or answer.not_asked for answer in answers) else 0


COMMANDS: dict[str, Callable[[], int]] = {"sbom": sbom, "licences": licences, "audit": known_vulnerabilities}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.supply", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    try:
        return COMMANDS[parser.parse_args().command]()
    except (ImageError, ToolchainError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
