"""Gives a new person the example notebooks, once."""

from welcome.extension import (
    Welcome,
    _jupyter_server_extension_points,
    _load_jupyter_server_extension,
    _start_jupyter_server_extension,
)

__all__ = [
    "Welcome",
    "_jupyter_server_extension_points",
    "_load_jupyter_server_extension",
    "_start_jupyter_server_extension",
]
