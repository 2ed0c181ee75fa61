"""The Jupyter server extension: starts the copy when the server has started, and never stands in its way."""

import asyncio
import os
from pathlib import Path

from fsspec.core import url_to_fs
from jupyter_server.serverapp import ServerApp
from traitlets import Unicode, default
from traitlets.config import LoggingConfigurable

from welcome.copy import give


class Welcome(LoggingConfigurable):
    """Copies the example notebooks to a person's files, once in the life of those files."""

    examples = Unicode("/opt/spark-notebooks/examples", help="Folder on this machine with the examples.").tag(
        config=True
    )
    folder = Unicode("Welcome", help="Name of the folder among the person's files that receives them.").tag(config=True)
    home = Unicode(
        help="Address of the person's files, as s3://bucket/prefix. Empty: no examples are copied. Default: $SPARK_NOTEBOOKS_S3_HOME"
    ).tag(config=True)

    @default("home")
    def _home_of_environment(self) -> str:
        return os.environ.get("SPARK_NOTEBOOKS_S3_HOME", "")

    async def run(self) -> None:
        """Copies what is missing. A failure is logged, not raised: the server works without examples."""
        if not self.home:
            return
        try:
            created = await asyncio.to_thread(self._give)
        except Exception as error:  # noqa: BLE001 (S3 clients raise many kinds, and none may reach the server)
            self.log.warning(
                "The examples were not copied to %s in %s: %s: %s. They are in %s, and the next start of this server tries again.",
                *(self.folder, self.home, type(error).__name__, error, self.examples),
            )
            return
        if created is not None:
            self.log.info("Copied %d examples to %s in %s", len(created), self.folder, self.home)

    def _give(self) -> list[str] | None:
        # A file system of its own, not one of fsspec's shared ones: its listings would go stale in a server that lives for weeks.
        filesystem, path = url_to_fs(self.home, skip_instance_cache=True, use_listings_cache=False)
        return give(filesystem, path, Path(self.examples), self.folder)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "welcome"}]


def _load_jupyter_server_extension(_serverapp: ServerApp) -> None:
    """Jupyter asks each extension for this function; there is nothing to do before the server has started."""


async def _start_jupyter_server_extension(serverapp: ServerApp) -> None:
    # The server waits for this function, so the work goes into a task, and the server's settings keep the task alive.
    serverapp.web_app.settings["welcome_task"] = asyncio.create_task(Welcome(parent=serverapp).run())
