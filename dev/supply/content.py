"""The file system of an image, to read."""

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.image_builder import Builder, output, temporary_folder
from dev.image_context import ImageError


@contextmanager
def mounted(builder: Builder, reference: str) -> Iterator[Path]:
    """The root of an image of this machine.

    buildah shows it where it is; others hand out a copy. Nobody may build meanwhile: a build removes what others left. Raises ImageError.
    """
    make = "from" if builder.program == "buildah" else "create"
    container = output(builder.command(make, reference))
    if not container:
        raise ImageError(f"{builder.program} has no image {reference}. Build it: make images")
    try:
        if builder.program == "buildah":
            root = output(builder.command("mount", container))
            if not root:
                raise ImageError("buildah shows the files of an image to root only. Run the same command as root.")
            yield Path(root)
        else:
            with tempfile.TemporaryDirectory(dir=temporary_folder(), prefix="image.") as folder:
                _export(builder, container, Path(folder))
                yield Path(folder)
    finally:
        output(builder.command("rm", container))


def _export(builder: Builder, container: str, folder: Path) -> None:
    with (
        subprocess.Popen(builder.command("export", container), stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as archive,
    ):
        for member in archive:
            # What is neither file, link nor folder says nothing; links to absolute paths are the image's, not this machine's.
            if member.isfile() or member.isdir() or (member.issym() and not member.linkname.startswith("/")):
                archive.extract(member, folder, filter="data")
    if process.returncode:
        raise ImageError(f"`{builder.program} export` failed (exit code {process.returncode}).")
