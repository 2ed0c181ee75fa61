"""The Spark UI of every session of a Jupyter server, running and past, behind the server's own login."""

from spark_ui.extension import _jupyter_server_extension_points, _load_jupyter_server_extension

__all__ = ["_jupyter_server_extension_points", "_load_jupyter_server_extension"]
