"""Sessions of Jupyter, whose kernels know where on S3 their notebook is."""

from __future__ import annotations

from typing import Any

from jupyter_server.services.sessions.sessionmanager import SessionManager

NOTEBOOK_VARIABLE = "SPARK_NOTEBOOKS_NOTEBOOK"
FOLDER_VARIABLE = "SPARK_NOTEBOOKS_NOTEBOOK_FOLDER"


class S3SessionManager(SessionManager):
    """Jupyter's own, with the path of the notebook in the kernel's environment.

    Jupyter names a kernel the notebook's path on the local disk (JPY_SESSION_NAME), which a folder that is on S3 only is not part of.
    """

    async def start_kernel_for_session(self, session_id: str, path: str | None, *arguments: Any, **named: Any) -> str:
        """Start a kernel, and tell the working folders of the contents manager which kernel is in which."""
        folders = getattr(self.contents_manager, "working_folders", None)
        kernel: str | None = None
        try:
            kernel = await super().start_kernel_for_session(session_id, path, *arguments, **named)
        finally:
            if folders is not None:
                folders.started(self.contents_manager.kernel_folder(path or ""), kernel)
        return kernel

    def get_kernel_env(self, path: str | None, name: Any = None) -> dict[str, str]:
        """The environment of a kernel, in which the notebook's path and the s3:// address of its folder are.

        Args:
            path: API path of the notebook, such as "work/flights.ipynb".
            name: what the session is called.
        """
        variables: dict[str, str] = super().get_kernel_env(path, name)
        if not path:
            return variables
        folder_url = getattr(self.contents_manager, "folder_url", None)
        folder = {} if folder_url is None else {FOLDER_VARIABLE: folder_url(path)}
        return {**variables, NOTEBOOK_VARIABLE: path, **folder}
