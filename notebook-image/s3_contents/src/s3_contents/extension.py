"""The Jupyter server extension, where this package's contents manager is the one in use: the history of files, the trash, folders as archives, and the look at the S3 server."""

from __future__ import annotations

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.services.contents import handlers as contents

from s3_contents.archive_handler import ArchiveHandler
from s3_contents.chunk_handler import ChunkHandler
from s3_contents.handlers import ROOT, ProgressHandler, StoreHandler
from s3_contents.history_handlers import HistoryHandler, VersionHandler
from s3_contents.listing_handler import ListingHandler
from s3_contents.manager import S3ContentsManager
from s3_contents.trash_handlers import TrashHandler

HANDLERS = {
    "archive": ArchiveHandler,
    "chunk": ChunkHandler,
    "history": HistoryHandler,
    "progress": ProgressHandler,
    "store": StoreHandler,
    "trash": TrashHandler,
    "version": VersionHandler,
}


class S3ContentsExtension(ExtensionApp):
    """Starts and stops, with the server, what the contents manager does in the background."""

    name = "s3_contents"

    def initialize_handlers(self) -> None:
        """Add the addresses below ``s3-contents/api/``."""
        if self._manager() is None:
            self.log.info("The files are not on S3, so that they have no history.")
            return
        self.handlers.extend((f"/{ROOT}/{name}", handler) for name, handler in HANDLERS.items())
        # What extensions serve comes before what the server does; its address of a file begins like those of its checkpoints.
        own = {contents.ContentsHandler: ListingHandler}
        self.handlers.extend((address, own.get(handler, handler)) for address, handler in contents.default_handlers)

    async def _start_jupyter_server_extension(self, serverapp: object) -> None:
        manager = self._manager()
        if manager is not None:
            manager.start()

    async def stop_extension(self) -> None:
        """Send what is to be sent before the server ends."""
        manager = self._manager()
        if manager is not None:
            await manager.close()

    def _manager(self) -> S3ContentsManager | None:
        manager = self.serverapp.contents_manager
        return manager if isinstance(manager, S3ContentsManager) else None
