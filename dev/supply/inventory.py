"""All packages of the images, read out of the images themselves."""

import hashlib
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dev import images
from dev.image_builder import find_builder, output
from dev.paths import REPOSITORY
from dev.progress import step
from dev.supply import debian, distributions, go_modules, jars, node_modules
from dev.supply.bill import Image
from dev.supply.content import mounted
from dev.supply.package import Package
from dev.toolchain import go_compiler

GO_SOURCES = REPOSITORY / "s3-server"


@dataclass(frozen=True)
class Inventory:
    """An image, and what is in it."""

    image: Image
    packages: tuple[Package, ...]


def inventories(names: Iterable[str] = tuple(images.IMAGES)) -> list[Inventory]:
    """Of the images, which are built first where they are not there. Raises ImageError, ToolchainError."""
    references = images.build(names)
    builder = find_builder()
    found = []
    with images.no_other_build():
        for name, reference in references.items():
            layers = output(builder.layers(reference)) or ""
            identity = f"sha256:{hashlib.sha256(layers.encode()).hexdigest()}"
            with step(f"Reading image {name}"), mounted(builder, reference) as root:
                image = Image(name, reference, identity, debian.os_release(root))
                found.append(Inventory(image, tuple(packages(root))))
    return found


def packages(root: Path) -> Iterator[Package]:
    """All packages of the file system below `root`."""
    yield from debian.packages(root)
    yield from distributions.packages(root)
    yield from jars.packages(root, debian.owned(root))
    yield from node_modules.packages(root)
    go = go_compiler(GO_SOURCES)
    yield from go_modules.packages(root, go, lambda: module_cache(go))


def module_cache(go: Path) -> Path:
    """Go's own folder of modules, with those that our programs are made of."""
    # At once where they are there already: whoever built the programs has them.
    subprocess.run([str(go), "mod", "download"], cwd=GO_SOURCES, capture_output=True, check=False)
    done = subprocess.run([str(go), "env", "GOMODCACHE"], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())
