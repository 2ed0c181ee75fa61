"""Where the project keeps things on the user's machine (XDG base directories)."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def cache_folder() -> Path:
    """What can be made again: programs, images, downloads. All instances of the cluster share it."""
    return _base("XDG_CACHE_HOME", ".cache")


def data_folder() -> Path:
    """What cannot be made again: the clusters' objects and volumes, generated passwords, notebooks of the laptop mode."""
    return _base("XDG_DATA_HOME", ".local/share")


def _base(variable: str, default: str) -> Path:
    value = os.environ.get(variable, "")
    # The XDG specification: a relative path is to be ignored.
    base = Path(value) if Path(value).is_absolute() else Path.home() / default
    return base / "spark-notebooks"
