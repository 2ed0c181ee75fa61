"""What goes into an image: the files that its Dockerfile copies, a hash over them, and a build context that holds nothing else."""

import hashlib
import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

# Every file of a context gets this time (the earliest that a ZIP file knows), so that a fresh clone finds the layers of an older one.
EPOCH = 315532800  # 1980-01-01T00:00:00Z
TAG_LENGTH = 16


class ImageError(Exception):
    """An image could be neither found nor made. The text is for the user."""


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """The instructions of a Dockerfile as (NAME, rest), without comments, continuation lines joined."""
    kept = "\n".join(line for line in dockerfile.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\[ \t]*\n", " ", kept).splitlines():
        name, _, rest = line.strip().partition(" ")
        if name:
            yield name.upper(), rest.strip()


def copied_sources(dockerfile: str) -> list[str]:
    """The paths of the build context that a Dockerfile's COPY and ADD name, in order, each once."""
    sources: dict[str, None] = {}
    for name, rest in instructions(dockerfile):
        if name not in ("COPY", "ADD"):
            continue
        words = shlex.split(rest)
        flags = [word for word in words if word.startswith("--")]
        if any(flag.startswith("--from=") for flag in flags):
            continue
        paths = rest[rest.index("[") :] if "[" in rest else None
        operands = json.loads(paths) if paths else [word for word in words if not word.startswith("--")]
        sources.update(dict.fromkeys(operands[:-1]))
    return list(sources)


def kept(name: str) -> bool:
    """Whether a file or folder of this name belongs in a build context; the same rules as in .dockerignore."""
    return not (
        name.startswith(".") or name in ("__pycache__", "node_modules", "dist") or name.endswith((".pyc", ".egg-info"))
    )


def context_files(root: Path, dockerfile: Path, extra: Mapping[str, Path]) -> dict[str, Path]:
    """The files of a build context by their path in it: the Dockerfile, what it copies from below `root`, and `extra`.

    Raises ImageError where the Dockerfile copies what is not there.
    """
    files = {dockerfile.relative_to(root).as_posix(): dockerfile}
    for source in copied_sources(dockerfile.read_text()):
        pattern = source.strip("/")
        if pattern in extra:
            files[pattern] = extra[pattern]
            continue
        matches = sorted(root.glob(pattern))
        if not matches:
            raise ImageError(f"{dockerfile} copies {source}, which is not in {root}.")
        for match in matches:
            files.update({path.relative_to(root).as_posix(): path for path in _files_below(match)})
    return files


def _files_below(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for child in sorted(path.iterdir()):
            if kept(child.name):
                yield from _files_below(child)
    else:
        yield path


def digest(files: Mapping[str, Path], arguments: Mapping[str, str]) -> str:
    """A short hash over the names, contents and executable bits of a context, and the build arguments."""
    entries = [
        (name, mode(path), hashlib.sha256(path.read_bytes()).hexdigest()) for name, path in sorted(files.items())
    ]
    return hashlib.sha256(json.dumps([entries, sorted(arguments.items())]).encode()).hexdigest()[:TAG_LENGTH]


def mode(path: Path) -> int:
    """The mode that a file has in a context, whatever the umask of its checkout was."""
    return 0o755 if path.stat().st_mode & 0o100 else 0o644


def stage(files: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """Makes the build context in `folder`, and gives its files: with normal modes and one time."""
    staged = {name: folder / name for name in files}
    for name, target in staged.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files[name], target)
        target.chmod(mode(files[name]))
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
        os.utime(path, (EPOCH, EPOCH))
    return staged
