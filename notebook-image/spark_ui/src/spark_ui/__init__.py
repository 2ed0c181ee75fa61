"""The Spark UI of every session of a Jupyter server, running and past, behind the server's own login."""

from spark_ui.extension import SparkUI, _jupyter_server_extension_points

__all__ = ["SparkUI", "_jupyter_server_extension_points"]
