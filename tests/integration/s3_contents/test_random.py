"""Random operations on the contents manager and on a model of a file system: they agree on every answer and on what is there."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from s3_contents import S3ContentsManager
from tornado.web import HTTPError

from dev.s3_server import S3Server
from tests.support.s3_server import new_bucket

from .home import TEXT

NAMES = st.sampled_from(["a", "b.txt", "c d", "ü.txt"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
FOLDERS = st.lists(NAMES, min_size=0, max_size=2).map("/".join)
CONTENTS = st.text(max_size=20)


class RefusedError(Exception):
    """The model would not do it."""


class Model:
    """Files with contents, and folders, as a POSIX file system has them; parents are made as they are needed."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.folders: set[str] = {""}

    def save(self, path: str, content: str) -> None:
        if path in self.folders:
            raise RefusedError
        self._make_parents(path)
        self.files[path] = content

    def make_folder(self, path: str) -> None:
        if path in self.files:
            raise RefusedError
        self._make_parents(path)
        self.folders.add(path)

    def delete(self, path: str) -> None:
        if path not in self.files and path not in self.folders:
            raise RefusedError
        for known in self._below(path):
            self.files.pop(known, None)
            self.folders.discard(known)

    def move(self, old: str, new: str, copy: bool = False) -> None:
        known = self._below(old)
        if not known or new in self.files or new in self.folders or new.startswith(f"{old}/"):
            raise RefusedError
        self._make_parents(new)
        for path in known:
            target = new + path[len(old) :]
            if path in self.folders:
                self.folders.add(target)
            else:
                self.files[target] = self.files[path]
        if not copy:
            self.delete(old)

    def children(self, folder: str) -> set[tuple[str, str]]:
        start = f"{folder}/" if folder else ""
        kinds = dict.fromkeys(self.folders - {""}, "directory") | dict.fromkeys(self.files, "file")
        return {
            (kind, path) for path, kind in kinds.items() if path.startswith(start) and "/" not in path[len(start) :]
        }

    def _below(self, path: str) -> list[str]:
        return [each for each in (*self.folders, *self.files) if each == path or each.startswith(f"{path}/")]

    def _make_parents(self, path: str) -> None:
        names = path.split("/")[:-1]
        parents = {"/".join(names[:length]) for length in range(1, len(names) + 1)}
        if parents & self.files.keys():
            raise RefusedError
        self.folders |= parents


class Files(RuleBasedStateMachine):
    """Both, side by side, in a home of its own."""

    bucket: ClassVar[str]
    loop: ClassVar[asyncio.AbstractEventLoop]
    shared: ClassVar[S3ContentsManager]
    homes: ClassVar[int] = 0
    operations: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        Files.homes += 1
        self.manager = S3ContentsManager(url=f"s3://{self.bucket}/home-{Files.homes}", store=self.shared.store)
        self.model = Model()
        self.trashed: list[tuple[Any, dict[str, str], set[str]]] = []

    def run(self, request: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(request)

    def same(self, request: Coroutine[Any, Any, Any], expected: Any) -> bool:
        """Do it with both: they agree on whether it can be done."""
        Files.operations += 1
        try:
            expected()
        except RefusedError:
            with pytest.raises(HTTPError) as refused:
                self.run(request)
            assert refused.value.status_code in (400, 404, 409), refused.value
            return False
        self.run(request)
        return True

    @rule(path=PATHS, content=CONTENTS)
    def save(self, path: str, content: str) -> None:
        self.same(self.manager.save(TEXT | {"content": content}, path), lambda: self.model.save(path, content))

    @rule(path=PATHS, content=CONTENTS)
    def create(self, path: str, content: str) -> None:
        def expected() -> None:
            if path in self.model.files:
                raise RefusedError
            self.model.save(path, content)

        self.same(self.manager.new(TEXT | {"content": content}, path), expected)

    @rule(path=PATHS, first=CONTENTS, second=CONTENTS)
    def save_what_someone_else_has_changed(self, path: str, first: str, second: str) -> None:
        def expected() -> None:
            raise RefusedError

        if path in self.model.files:
            stale = TEXT | {"content": second, "base_hash": "0" * 32}
            self.same(self.manager.save(stale, path), expected)

    @rule(path=PATHS)
    def make_folder(self, path: str) -> None:
        self.same(self.manager.save({"type": "directory"}, path), lambda: self.model.make_folder(path))

    @rule(path=PATHS)
    def delete(self, path: str) -> None:
        self.same(self.manager.delete(path), lambda: self.model.delete(path))

    @precondition(lambda self: self.model.files or len(self.model.folders) > 1)
    @rule(data=st.data(), new=PATHS)
    def rename(self, data: st.DataObject, new: str) -> None:
        old = data.draw(st.sampled_from(sorted(self.model.files.keys() | self.model.folders - {""})))
        if old != new:
            self.same(self.manager.rename(old, new), lambda: self.model.move(old, new))

    @rule(old=PATHS, new=PATHS)
    def rename_anything(self, old: str, new: str) -> None:
        if old != new:
            self.same(self.manager.rename(old, new), lambda: self.model.move(old, new))

    @precondition(lambda self: self.model.files)
    @rule(data=st.data())
    def copy(self, data: st.DataObject) -> None:
        source = data.draw(st.sampled_from(sorted(self.model.files)))
        model = self.run(self.manager.copy(source))
        self.same(asyncio.sleep(0), lambda: self.model.move(source, model["path"], copy=True))

    @precondition(lambda self: self.model.files)
    @rule(data=st.data(), content=CONTENTS)
    def go_back_to_a_checkpoint(self, data: st.DataObject, content: str) -> None:
        path = data.draw(st.sampled_from(sorted(self.model.files)))
        checkpoint = self.run(self.manager.create_checkpoint(path))
        self.run(self.manager.save(TEXT | {"content": content}, path))
        self.run(self.manager.restore_checkpoint(checkpoint["id"], path))
        self.run(self.manager.get(path))  # who has it open loads it again
        Files.operations += 3

    @precondition(lambda self: self.model.files or len(self.model.folders) > 1)
    @rule(data=st.data())
    def delete_and_restore(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(self.model.files.keys() | self.model.folders - {""})))
        self.run(self.manager.delete(path))
        last = self.run(self.manager.mounts.home.trash.entries())[0]
        assert last.path == path
        assert self.run(self.manager.restore_from_trash(last.id)) == path
        Files.operations += 2

    @rule(folder=FOLDERS)
    def untitled(self, folder: str) -> None:
        if folder in self.model.folders:
            model = self.run(self.manager.new_untitled(folder, ext=".txt"))
            Files.operations += 1
            self.model.save(model["path"], "")

    @rule(folder=FOLDERS)
    def look(self, folder: str) -> None:
        assert self.run(self.manager.dir_exists(folder)) == (folder in self.model.folders)
        if folder in self.model.folders:
            listing = self.run(self.manager.get(folder, type="directory"))["content"]
            assert {(entry["type"], entry["path"]) for entry in listing} == self.model.children(folder)
            Files.operations += 1

    @invariant()
    def nothing_is_both(self) -> None:
        assert not self.model.files.keys() & self.model.folders

    def teardown(self) -> None:
        for folder in self.model.folders:
            listing = self.run(self.manager.get(folder, type="directory"))["content"]
            assert {(entry["type"], entry["path"]) for entry in listing} == self.model.children(folder)
        for path, content in self.model.files.items():
            assert self.run(self.manager.get(path))["content"] == content


@pytest.mark.parametrize("examples", [25, pytest.param(500, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
def test_a_file_system_would_do_the_same(s3_server: S3Server, s3_environment: None, examples: int) -> None:
    Files.loop = asyncio.new_event_loop()
    # Names of deleted files are free for folders, which they are not on versitygw where it keeps versions.
    Files.bucket = new_bucket(s3_server)
    Files.shared = S3ContentsManager(url=f"s3://{Files.bucket}")
    Files.operations = 0
    try:
        run_state_machine_as_test(
            Files,
            settings=settings(
                max_examples=examples,
                stateful_step_count=60,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            ),
        )
        print(f"{Files.operations} operations")
        assert Files.operations >= 40 * examples
    finally:
        Files.loop.run_until_complete(Files.shared.close())
        Files.loop.close()
