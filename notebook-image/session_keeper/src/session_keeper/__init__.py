"""Ends what is left of Spark sessions whose kernel or JVM is gone."""

from session_keeper.extension import (
    SessionKeeper,
    _jupyter_server_extension_points,
    _load_jupyter_server_extension,
    _start_jupyter_server_extension,
)

__all__ = [
    "SessionKeeper",
    "_jupyter_server_extension_points",
    "_load_jupyter_server_extension",
    "_start_jupyter_server_extension",
]
