"""Jupyter notebooks on S3: a contents manager, its checkpoints, uploads and downloads."""

from s3_contents.checkpoints import S3Checkpoints
from s3_contents.files_handler import S3FilesHandler
from s3_contents.manager import S3ContentsManager
from s3_contents.sessions import S3SessionManager

__all__ = ["S3Checkpoints", "S3ContentsManager", "S3FilesHandler", "S3SessionManager"]


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    from s3_contents.extension import S3ContentsExtension

    return [{"module": "s3_contents.extension", "app": S3ContentsExtension}]
