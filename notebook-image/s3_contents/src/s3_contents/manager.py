"""The contents manager: what Jupyter Server asks of a file system, answered from S3."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from weakref import WeakValueDictionary

from jupyter_server.services.contents.manager import copy_pat
from nbformat.v4 import new_notebook
from tornado.web import HTTPError, RequestHandler
from traitlets import Bool, Float, Instance, Integer, List, Type, default

from s3_contents import models, notebooks, paths
from s3_contents.checkpoints import S3Checkpoints
from s3_contents.errors import ConflictError, NotFoundError, RejectedError, S3Error, changed
from s3_contents.files_handler import S3FilesHandler
from s3_contents.janitor import Ages, Janitor
from s3_contents.kernel_paths import KernelPaths
from s3_contents.models import Model
from s3_contents.mounts import Mount
from s3_contents.objects import Object
from s3_contents.reader import MIB, SLOW_TO_READ, converted
from s3_contents.timed_id import TrashId
from s3_contents.uploads import Uploads

# Seconds after the start: a server that is stopped at once has better things to do.
FIRST_CLEARING = 300.0


class S3ContentsManager(KernelPaths):
    """Notebooks and files below one S3 prefix.

    A save is one atomic, conditional write: it replaces the version that the client has seen, or fails with 409. That
    version is the model's ``base_hash`` (the ``hash`` of an earlier model; null for a file that must not exist yet),
    else the one that this server showed last.
    """

    delete_to_trash = Bool(
        True, help="Move what is deleted into the trash, from where it can be restored; else delete it for good."
    ).tag(config=True)
    always_delete_dir = Bool(
        False, help="Delete folders that are not empty, too, without the trash. With it they always can be."
    ).tag(config=True)
    trash_days = Integer(30, min=0, help="Days after which what is in the trash is deleted for good; 0: never.").tag(
        config=True
    )
    version_days = Integer(
        0,
        min=0,
        help="""Days after which versions that have been replaced are deleted for good; 0: never. The present version of
        a file, and those that its checkpoints point to, always stay.""",
    ).tag(config=True)
    clearing_budget = Integer(
        500, min=10, help="About how many requests to S3 a round of clearing may take; the next one goes on."
    ).tag(config=True)
    clearing_hours = Float(24.0, min=0.01, help="Hours between two rounds of clearing.").tag(config=True)
    max_copy_folder_size_mb = Integer(500, min=1, help="The largest folder that can be copied, in MB.").tag(config=True)
    upload_timeout = Float(
        3600.0, help="Seconds after which an upload from the browser that pauses is thrown away."
    ).tag(config=True)
    checkpoints_class = Type(S3Checkpoints, config=True)
    files_handler_class = Type(S3FilesHandler, klass=RequestHandler, allow_none=True, config=True)
    uploads = Instance(Uploads)
    janitors = List(Instance(Janitor))

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._saving: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._without_orphans: set[str] = set()
        self._background: list[asyncio.Task[None]] = []

    @default("uploads")
    def _default_uploads(self) -> Uploads:
        return Uploads(self.store, self.upload_timeout)

    @default("janitors")
    def _default_janitors(self) -> list[Janitor]:
        ages = Ages(*(timedelta(days=days) if days else None for days in (self.trash_days, self.version_days)))
        pause = timedelta(hours=self.clearing_hours)
        return [
            # Whoever may write in a shared folder has a server that could clear it: they take turns.
            Janitor(self.store, mount, ages, self.clearing_budget, pause if mount.path else None)
            for mount in self.mounts
            if mount.writable
        ]

    def start(self) -> None:
        """Begin what goes on in the background while the server runs."""
        if self.probe_at_start:
            self.store_check.start()
        loop = asyncio.get_running_loop()
        self._background = [
            loop.create_task(janitor.run(self.log, FIRST_CLEARING, self.clearing_hours * 3600))
            for janitor in self.janitors
        ]
        self._background.append(loop.create_task(self._settle()))
        if self.mounts.shares:
            self._background.append(loop.create_task(self._tell_of_hidden_folder()))
        if self.working_folders is not None:
            self._background.append(loop.create_task(self.working_folders.send_left_behind()))

    async def _settle(self) -> None:
        """Spare later garbage collections what is there from the start: to look at all of it takes 150 ms, in which nobody is served."""
        with suppress(S3Error):
            await self.store.client()
        gc.collect()
        gc.freeze()

    async def _tell_of_hidden_folder(self) -> None:
        with suppress(S3Error):
            if await self.mounts.home.tree.has_folder(self.mounts.folder):
                self.log.warning("The shared folders hide a folder %r of the person's own.", self.mounts.folder)

    async def close(self) -> None:
        """Send what kernels have written, throw away unfinished uploads, and close the connections to S3."""
        if self.working_folders is not None:
            await self.working_folders.close()
        self.store_check.stop()
        for task in self._background:
            task.cancel()
        await self.uploads.close()
        await self.store.close()

    async def file_exists(self, path: str) -> bool:
        """Whether there is such a file; at most one request. A file that is being uploaded exists."""
        return self.uploads.active(path.strip("/")) or await super().file_exists(path)

    # Saving

    async def save(self, model: Model, path: str = "") -> Model:
        """Write a file, notebook or folder, and give its model without content; one request for a known file.

        A file whose version is unknown takes one more, as does a new file (whether there is a folder of its name).
        Raises HTTPError 409 if the file is not at the version that the client saw.
        """
        return await self._save(model, path)

    async def new(self, model: Model | None = None, path: str = "") -> Model:
        """Create a file, notebook or folder that must not exist yet (else HTTPError 409)."""
        return await self._save(self._new_model(model or {}, path), path)

    async def new_untitled(self, path: str = "", type: str = "", ext: str = "") -> Model:  # noqa: A002
        """Create an empty file, notebook or folder under the next free name."""
        path = paths.canonical(path)
        if not await self.dir_exists(path):
            raise HTTPError(404, f"No such directory: {path}")
        kind = type or ("notebook" if ext == ".ipynb" else "file")
        names = {
            "directory": (self.untitled_directory, " "),
            "notebook": (f"{self.untitled_notebook}.ipynb", ""),
            "file": (self.untitled_file + ext, ""),
        }
        if kind not in names:
            raise HTTPError(400, f"Unexpected model type: {kind!r}")
        name, insert = names[kind]
        taken = await self._names(path, paths.stem(name)[0])

        async def create(target: str) -> Model:
            return await self._save(self._new_model({"type": kind}, target), target, name_is_free=True)

        return await self._at_free_name(path, name, insert, taken, create)

    async def _at_free_name(
        self, folder: str, name: str, insert: str, taken: set[str], create: Callable[[str], Awaitable[Model]]
    ) -> Model:
        while True:
            free = paths.free_name(name, taken, insert)
            try:
                return await create(paths.join(folder, free))
            except ConflictError:
                # Someone else was faster.
                taken.add(free)

    async def increment_filename(self, filename: str, path: str = "", insert: str = "") -> str:
        """The first free name in a folder; one request."""
        return paths.free_name(filename, await self._names(paths.canonical(path), paths.stem(filename)[0]), insert)

    async def _names(self, folder: str, beginning: str) -> set[str]:
        """The names in a folder that begin so, and those of shared folders there; one request."""
        mount = self.mounts.at(folder)
        names = await mount.tree.names(mount.within(folder), beginning)
        return names.union(paths.split(point)[1] for point in self.mounts.points(folder))

    def _new_model(self, model: Model, path: str) -> Model:
        model.setdefault("type", models.file_type(path))
        model.setdefault("base_hash", None)
        if "content" not in model and model["type"] == "notebook":
            model |= {"content": new_notebook(), "format": "json"}
        elif "content" not in model and model["type"] != "directory":
            model |= {"content": "", "type": "file", "format": "text"}
        return model

    async def _save(self, model: Model, path: str, name_is_free: bool = False) -> Model:
        path, _ = self._changeable(path, "create")
        chunk = model.get("chunk")
        if chunk in (None, 1):
            self.run_pre_save_hooks(model=model, path=path)
        models.check_input(path, model)
        kind = model["type"]
        # One after the other, so that a client's second save finds the version of its first.
        async with self._saving.setdefault(path, asyncio.Lock()):
            if chunk is not None:
                saved = await self._save_chunk(model, path, chunk)
            elif kind == "directory":
                saved = await self._save_directory(path)
            else:
                saved = await self._save_file(model, path, name_is_free)
        if chunk in (None, -1):
            self.run_post_save_hooks(model=saved, os_path=path)
            self.emit(data={"action": "save", "path": path})
        return saved

    async def _save_file(self, model: Model, path: str, name_is_free: bool) -> Model:
        if model["type"] == "notebook":
            body, message = await asyncio.to_thread(self._notebook_bytes, path, model["content"])
        else:
            body = await _encoded(path, model)
            message = None
        base = await self._base(model, path)
        if base is None and not name_is_free:
            await self._check_no_folder(path)
        item = await self._write(path, body, base)
        self.seen.set(path, item)
        saved = models.file_model(path, model["type"], item)
        if message is not None:
            saved["message"] = message
        return saved

    def _notebook_bytes(self, path: str, content: Any) -> tuple[bytes, str | None]:
        notebook = notebooks.from_content(path, content)
        try:
            self.check_and_sign(notebook, path)
        except Exception as error:
            raise HTTPError(
                500, f"{path} was not saved: the database of trusted notebooks is broken: {error}"
            ) from error
        body, invalid = notebooks.serialized(path, notebook)
        checked = self.validate_notebook_model({"content": notebook}, validation_error=invalid)
        return body, checked.get("message")

    async def _base(self, model: Model, path: str) -> str | None:
        if "base_hash" in model:
            return model["base_hash"] or None
        mount = self.mounts.at(path)
        known = self.seen.get(path) or await mount.tree.head(mount.within(path))
        return known.etag if known else None

    async def _check_no_folder(self, path: str) -> None:
        mount = self.mounts.at(path)
        await mount.tree.check_no_folder(mount.within(path))

    async def _write(self, path: str, body: bytes, base: str | None) -> Object:
        key, content_type = self.mounts.at(path).key(path), models.content_type(path)
        try:
            if base is not None:
                with suppress(NotFoundError):
                    return await self.store.replace(key, body, content_type, base)
                # Deleted elsewhere: what a person works on is worth more than the deletion.
            return await self.store.create(key, body, content_type)
        except ConflictError:
            raise changed(path, replacing=base is not None) from None

    async def _save_directory(self, path: str) -> Model:
        mount = self.mounts.at(path)
        await mount.tree.make_folder(mount.within(path))
        return models.directory_model(path)

    async def _save_chunk(self, model: Model, path: str, chunk: int) -> Model:
        data = await _encoded(path, model)
        if chunk == 1:
            mount = self.mounts.at(path)
            await self._abort_orphans(mount.home.prefix)
            base = await self._base(model, path)
            if base is None:
                await self._check_no_folder(path)
            await self.uploads.begin(path, mount.key(path), models.content_type(path), base)
        if chunk != -1:
            return models.file_model(path, "file", await self.uploads.add(path, chunk, data))
        try:
            item = await self.uploads.finish(path, data)
        except ConflictError:
            raise changed(path, replacing=self.seen.get(path) is not None) from None
        self.seen.set(path, item)
        return models.file_model(path, "file", item)

    async def _abort_orphans(self, prefix: str) -> None:
        if prefix in self._without_orphans:
            return
        self._without_orphans.add(prefix)
        try:
            number = await self.uploads.abort_orphans(prefix)
        except S3Error as error:
            # Listing uploads is a right that a prefix-scoped policy cannot give.
            self.log.info("Uploads that were left behind stay on S3: %s", error.log_message)
        else:
            self.log.info("%d uploads that were left behind have been removed from S3", number)

    # Deleting, renaming, copying

    async def delete_file(self, path: str) -> None:
        """Move a file or folder into the trash.

        Without ``delete_to_trash`` a file, or a folder with nothing in it (with all in it if ``always_delete_dir``), is deleted.
        """
        path, mount = self._changeable(path, "delete")
        if self.delete_to_trash:
            with self.ongoing.moving(path) as progress:
                await mount.trash.put(mount.within(path), progress)
        else:
            await mount.tree.delete(mount.within(path), self.always_delete_dir)
        self.seen.forget(path)

    async def restore_from_trash(self, trash_id: TrashId, mount: Mount | None = None) -> str:
        """Bring back what was deleted in the home, or in a share, and give its path: the one it had, or one beside it if that is taken."""
        mount = mount or self.mounts.home
        path = mount.outside(await mount.trash.restore(trash_id))
        self.emit(data={"action": "save", "path": path})
        return path

    async def rename_file(self, old_path: str, new_path: str) -> None:
        """Rename a file or folder to a name that is free (else HTTPError 409), in the home or within one share."""
        (old, mount), (new, other) = self._changeable(old_path, "rename"), self._changeable(new_path, "rename")
        if mount is not other:
            # Its history and its checkpoints would stay, or become everybody's, and whoever may read it changes.
            raise RejectedError(
                f"{old} was not moved to {new}: nothing is moved into or out of a shared folder, because its earlier versions would not "
                "go with it. Copy it there, then delete it here."
            )
        if old != new:
            with self.ongoing.moving(old) as progress:
                await mount.tree.rename(mount.within(old), mount.within(new), progress=progress)
            self.seen.rename(old, new)

    async def copy(self, from_path: str, to_path: str | None = None) -> Model:
        """Copy a file or folder on the server's side, and give the copy's model.

        Into a folder (default: its own) under the next free name, also from the home into a share or back. If ``to_path`` is not there,
        it is the name of a file's copy, and of the folder into which a folder is copied, as with Jupyter's own manager.
        """
        source = paths.canonical(from_path)
        folder, name = paths.split(source)
        target = folder if to_path is None else paths.canonical(to_path)
        if await self.dir_exists(target):
            name = copy_pat.sub(".", name)
            taken = await self._names(target, paths.stem(name)[0])

            async def create(path: str) -> Model:
                return await self._copy(source, path, path)

            model = await self._at_free_name(target, name, "-Copy", taken, create)
        else:
            parent, _ = paths.split(target)
            if to_path is None or not await self.dir_exists(parent):
                raise HTTPError(404, f"No such parent directory: {parent} to copy file in")
            model = await self._copy(source, target, paths.join(target, name))
        self.emit(data={"action": "copy", "path": model["path"], "source_path": source})
        return model

    async def _copy(self, source: str, file: str, folder: str) -> Model:
        """The model of the copy: at ``file`` if the source is one, at ``folder`` if it is one."""
        if self.mounts.is_point(source) or self._is_out_of_sight(source):
            raise HTTPError(400, f"Cannot copy file or directory {source!r}")
        origin, (file, mount) = self.mounts.at(source), self._changeable(file, "copy")
        try:
            item = await origin.tree.copy_file(origin.within(source), mount.tree, mount.within(file))
        except NotFoundError:
            limit = self.max_copy_folder_size_mb * MIB
            await origin.tree.copy_folder(origin.within(source), mount.tree, mount.within(folder), limit)
            return models.directory_model(folder)
        self.seen.set(file, item)
        return models.file_model(file, models.file_type(file), item)

    def _changeable(self, path: str, action: str) -> tuple[str, Mount]:
        path = paths.canonical(path)
        if not path or self._is_out_of_sight(path):
            raise HTTPError(400, f"Cannot {action} file or directory {path!r}")
        return path, self.mounts.to_change(path)

    def _is_out_of_sight(self, path: str) -> bool:
        return paths.is_hidden(path) and not self.allow_hidden


async def _encoded(path: str, model: Model) -> bytes:
    content = model["content"]
    is_slow = isinstance(content, str) and len(content) > SLOW_TO_READ
    return await converted(is_slow, models.encoded, path, content, model.get("format"))
