"""The part of the contents manager that says where kernels run, and has the files there that are beside their notebooks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from traitlets import Instance, Integer, Unicode, default

from s3_contents import paths
from s3_contents.models import Model
from s3_contents.reader import MIB, S3ContentsReader
from s3_contents.sync import Mirror
from s3_contents.sync_disk import Disk
from s3_contents.sync_plan import Limits
from s3_contents.working_folders import WorkingFolders

# Since a kernel has done something, it counts as active for so long.
ACTIVE = timedelta(minutes=2)


class KernelPaths(S3ContentsReader):
    """A reader whose kernels find files beside their notebooks, where ``working_folder`` is set."""

    working_folder = Unicode(
        "",
        help="""Folder below ServerApp.root_dir in which kernels find the files that are beside their notebook, kept the
        same as on S3 in both directions. Without it kernels start in ServerApp.root_dir, where no such files are.""",
    ).tag(config=True)
    working_files = Integer(
        1000,
        min=1,
        help="""How many files of a folder, those in its folders included, are brought beside its kernels. What kernels
        write themselves is not limited.""",
    ).tag(config=True)
    working_file_mb = Integer(
        100, min=1, help="The largest file, in MiB, that is brought beside kernels; they can read others from S3."
    ).tag(config=True)
    working_total_mb = Integer(
        1000, min=1, help="How much, in MiB, is brought beside kernels, of all folders together."
    ).tag(config=True)
    working_folders = Instance(WorkingFolders, allow_none=True)

    @default("working_folders")
    def _default_working_folders(self) -> WorkingFolders | None:
        if not self.working_folder:
            return None
        root = Path(self.parent.root_dir, self.working_folder)
        disk = Disk(root, root / ".s3_contents" / "synced.json")
        limits = Limits(self.working_files, self.working_file_mb * MIB, self.working_total_mb * MIB)
        mirror = Mirror(self.store, self.mounts, disk, limits, self.log)
        return WorkingFolders(mirror, self.parent.kernel_manager.list_kernel_ids, self._is_a_kernel_active)

    def _is_a_kernel_active(self) -> bool:
        kernels = self.parent.kernel_manager.list_kernels()
        since = datetime.now(UTC) - ACTIVE
        return any(
            kernel["execution_state"] == "busy" or datetime.fromisoformat(kernel["last_activity"]) > since
            for kernel in kernels
        )

    async def get_kernel_path(self, path: str, model: Model | None = None) -> str:
        """The folder in which the kernel of a notebook starts, below ServerApp.root_dir; the files beside the notebook are there.

        ``working_folders`` has to be told when the kernel has started (``S3SessionManager`` does).
        """
        if self.working_folders is None:
            return ""
        folder = self.kernel_folder(path)
        await self.working_folders.enter(folder)
        return paths.join(self.working_folder, folder) if folder else self.working_folder

    def kernel_folder(self, path: str) -> str:
        """The folder whose files are beside the kernel of a notebook: its own, or the home where no files can be."""
        folder = paths.split(paths.canonical(path))[0]
        return "" if self.mounts.get(folder) is None else folder

    def folder_url(self, path: str) -> str:
        """The s3:// address, without a slash at its end, of the folder that a notebook is in."""
        folder = self.kernel_folder(path)
        return self.store.url(self.mounts.at(folder).folder(folder)).rstrip("/")

    def emit(self, data: dict[str, Any]) -> None:
        """Tell Jupyter's listeners what was done, and the working folders of what kernels may wait for."""
        super().emit(data)
        # A notebook is saved every two minutes, and no kernel waits for its own.
        if self.working_folders is not None and data["action"] != "get" and not data["path"].endswith(".ipynb"):
            self.working_folders.look_soon()
