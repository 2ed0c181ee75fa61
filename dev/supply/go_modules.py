"""Go modules of the programs of an image: what the compiler has written into them."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dev.supply.licence_texts import recognised
from dev.supply.package import GO, Package, place_of

PROGRAMS = "usr/local/bin/*"
LICENCE_FILE = re.compile(r"(LICEN[SC]E|COPYING|UNLICENSE)([.-].*)?", re.IGNORECASE)


def packages(root: Path, go: Path, cache: Callable[[], Path]) -> Iterator[Package]:
    """The modules of all Go programs in /usr/local/bin. `cache` gives Go's own folder of modules, where their licences are."""
    for path in sorted(root.glob(PROGRAMS)):
        done = subprocess.run(
            [str(go), "version", "-m", "-json", str(path)], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            yield from of_program(json.loads(done.stdout), place_of(path, root), cache())


def of_program(build: Mapping[str, Any], place: str, cache: Path) -> Iterator[Package]:
    """The packages of one program, from what `go version -m -json` says of it: its own, those that it needs, and the standard library."""
    yield Package(GO, "stdlib", build["GoVersion"].removeprefix("go"), licences=("BSD-3-Clause",), place=place)
    for module in [build["Main"], *build.get("Deps", [])]:
        used = module.get("Replace", module)
        namespace, _, name = used["Path"].rpartition("/")
        yield Package(GO, name, used.get("Version", ""), namespace, licences(module_folder(cache, used)), place)


def module_folder(cache: Path, module: Mapping[str, Any]) -> Path:
    """Where Go keeps a module: capital letters of its path are written as ! and the small letter."""
    path = re.sub(r"[A-Z]", lambda letter: f"!{letter[0].lower()}", module["Path"])
    return cache / f"{path}@{module.get('Version', '')}"


def licences(folder: Path) -> tuple[str, ...]:
    """Of the licence files of a module's folder; several hold together."""
    files: Sequence[Path] = [
        path for path in sorted(folder.glob("*")) if path.is_file() and LICENCE_FILE.fullmatch(path.name)
    ]
    found = dict.fromkeys(filter(None, (recognised(path.read_text(errors="replace")) for path in files)))
    return (" AND ".join(found),) if found else ()
