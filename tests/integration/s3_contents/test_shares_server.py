"""A shared folder over the REST API of a real JupyterLab server: what the browser does beside opening and saving."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from dev.s3_server import S3Server
from tests.support.jupyter import Jupyter, with_files_on

BUCKET = "shares-rest"
API = "s3-contents/api"
SHARES = [
    {"name": "flights", "url": f"s3://{BUCKET}/groups/flights", "writable": True},
    {"name": "course", "url": f"s3://{BUCKET}/courses/2026", "writable": False},
]


@pytest.fixture(scope="module")
def jupyter(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    s3_server.create_bucket(BUCKET, versioning=True)
    for key in (
        "courses/2026/one.ipynb",
        "courses/2026/data/a.csv",
        "users/ada/own.txt",
        "users/ada/shared/unseen.txt",
    ):
        s3_server.client.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    home = tmp_path_factory.mktemp("home")
    settings = json.dumps({"S3ContentsManager": {"shares": SHARES, "working_folder": "work"}})
    environment = with_files_on(s3_server, f"s3://{BUCKET}/users/ada", home) | {"S3_CONTENTS_CONFIG": settings}
    server = Jupyter(home, environment, "--ServerApp.jpserver_extensions=s3_contents=True")
    server.wait()
    yield server
    server.stop()


def text(content: str, **more: Any) -> dict[str, Any]:
    return {"type": "file", "format": "text", "content": content} | more


def names(archive: bytes) -> list[str]:
    return sorted(zipfile.ZipFile(io.BytesIO(archive)).namelist())


def test_the_file_browser_shows_the_shares(jupyter: Jupyter) -> None:
    found = {path: jupyter.contents("GET", path).json() for path in ("", "shared", "shared/course")}
    shown = {path: [(each["path"], each["writable"]) for each in model["content"]] for path, model in found.items()}
    assert ("shared", False) in shown[""]
    assert shown["shared"] == [("shared/flights", True), ("shared/course", False)]
    assert sorted(shown["shared/course"]) == [("shared/course/data", False), ("shared/course/one.ipynb", False)]
    folders = jupyter.call("GET", f"{API}/store").json()["folders"]
    assert {each["path"]: each["url"] for each in folders} == {
        "": f"s3://{BUCKET}/users/ada/",
        "shared": None,
        "shared/flights": f"s3://{BUCKET}/groups/flights/",
        "shared/course": f"s3://{BUCKET}/courses/2026/",
    }


def test_files_are_uploaded_in_parts_and_downloaded(jupyter: Jupyter) -> None:
    path = "shared/flights/large.txt"
    for number in (1, 2, -1):
        part = text(f"part {number};", chunk=number)
        assert jupyter.contents("PUT", path, json=part).status_code in (200, 201)
    answer = jupyter.call("GET", f"files/{path}")
    assert answer.text == "part 1;part 2;part -1;"
    assert jupyter.call("GET", f"files/{path}", headers={"Range": "bytes=0-5"}).text == "part 1"
    assert jupyter.call("GET", "files/shared/course/data/a.csv").text == "courses/2026/data/a.csv"
    for nothing in ("shared", "shared/flights", "shared/other/a", "shared/flights/.s3_contents/x"):
        assert jupyter.call("GET", f"files/{nothing}").status_code in (400, 404), nothing


def test_folders_are_archives(jupyter: Jupyter) -> None:
    def archive(path: str) -> Any:
        return jupyter.call("GET", f"{API}/archive?path={path}")

    assert names(archive("shared/course").content) == ["course/data/a.csv", "course/one.ipynb"]
    assert names(archive("shared/course/data").content) == ["data/a.csv"]
    everything = names(archive("").content)
    assert "files/own.txt" in everything
    assert not [name for name in everything if "shared" in name or "course" in name]
    for path in ("shared", "shared/other"):
        refused = archive(path)
        assert refused.status_code == 404
        assert "Open one of them" in refused.json()["message"]


def test_history_and_restore(jupyter: Jupyter) -> None:
    path = "shared/flights/f.txt"
    for content in ("1", "22"):
        assert jupyter.contents("PUT", path, json=text(content)).ok
    versions = jupyter.call("GET", f"{API}/history?path={path}").json()["versions"]
    assert [(each["path"], each["size"]) for each in versions] == [(path, 2), (path, 1)]
    old = versions[1]["id"]
    assert jupyter.call("GET", f"{API}/version?path={path}&id={old}").json()["content"] == "1"
    assert jupyter.call("POST", f"{API}/history?path={path}", json={"id": old}).status_code == 204
    assert jupyter.contents("GET", path).json()["content"] == "1"
    read_only = "shared/course/one.ipynb"
    (version,) = jupyter.call("GET", f"{API}/history?path={read_only}").json()["versions"]
    refused = jupyter.call("POST", f"{API}/history?path={read_only}", json={"id": version["id"]})
    assert (refused.status_code, "for reading only" in refused.json()["message"]) == (403, True)
    assert jupyter.call("GET", f"{API}/history?path=shared/flights").status_code == 404


def test_the_trash_tells_of_the_shares(jupyter: Jupyter) -> None:
    trash, paths = f"{API}/trash", ["mine.txt", "shared/flights/ours.txt"]
    for path in paths:
        assert jupyter.contents("PUT", path, json=text("1")).ok
        assert jupyter.contents("DELETE", path).status_code == 204
    entries = {entry["path"]: entry["id"] for entry in jupyter.call("GET", trash).json()["trashed"]}
    assert list(entries) == paths[::-1], "the last deleted first"
    assert entries[paths[1]].startswith("shared/flights/")
    for wrong in (
        f"shared/course/{entries[paths[0]]}",
        f"shared/{entries[paths[0]]}",
        entries[paths[1]].rpartition("/")[2],
    ):
        assert jupyter.call("POST", trash, json={"id": wrong}).status_code == 404, wrong
    for path, known in entries.items():
        assert jupyter.call("POST", trash, json={"id": known}).json() == {"path": path}
        assert jupyter.contents("DELETE", path).status_code == 204
    for entry in jupyter.call("GET", trash).json()["trashed"]:
        assert jupyter.call("DELETE", f"{trash}?id={entry['id']}").status_code == 204
    assert jupyter.call("GET", trash).json()["trashed"] == []


def test_what_cannot_be_written_is_refused_with_a_sentence(jupyter: Jupyter) -> None:
    path = "shared/course/one.ipynb"
    for refused in (
        jupyter.contents("PUT", path, json=text("x")),
        jupyter.contents("PATCH", path, json={"path": "shared/course/two.ipynb"}),
        jupyter.contents("DELETE", path),
        jupyter.contents("POST", "shared/course", json={"type": "notebook"}),
        jupyter.contents("POST", f"{path}/checkpoints"),
    ):
        assert refused.status_code == 403
        assert "is shared with you for reading only" in refused.json()["message"]
    copied = jupyter.contents("POST", "shared/flights", json={"copy_from": "shared/course/data/a.csv"})
    assert copied.json()["path"] == "shared/flights/a.csv"
    moved = jupyter.contents("PATCH", "own.txt", json={"path": "shared/flights/own.txt"})
    assert (moved.status_code, "Copy it there" in moved.json()["message"]) == (400, True)


def test_a_kernel_starts_beside_the_files_of_the_share(jupyter: Jupyter) -> None:
    session = {"path": "shared/course/data/n.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    started = jupyter.call("POST", "api/sessions", json=session)
    assert started.status_code == 201
    home = jupyter.log.parent
    assert (home / "work/shared/course/data/a.csv").read_text() == "courses/2026/data/a.csv"
    assert jupyter.call("DELETE", f"api/sessions/{started.json()['id']}").status_code == 204
