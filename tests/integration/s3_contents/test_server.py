"""A real JupyterLab server over its REST API, with its files on a real S3 server."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from dev.s3_server import S3Server
from tests.support.jupyter import Jupyter, with_files_on
from tests.support.s3_proxy import S3Proxy

BUCKET = "rest"
PREFIX = "users/ada"
MIB = 2**20


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[S3Proxy]:
    with S3Proxy(s3_server.endpoint) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def environment(s3_server: S3Server, proxy: S3Proxy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    return with_files_on(s3_server, f"s3://{BUCKET}/{PREFIX}", home) | {"AWS_ENDPOINT_URL_S3": proxy.endpoint}


@pytest.fixture(scope="module")
def jupyter(s3_server: S3Server, environment: dict[str, str]) -> Iterator[Jupyter]:
    s3_server.create_bucket(BUCKET)
    home = Path(environment["HOME"])
    (home / "local.txt").write_text("on the disk of the server")
    server = Jupyter(home, environment, "--ServerApp.jpserver_extensions=s3_contents=True")
    server.wait()
    looked_at_store(server)
    yield server
    server.stop()


def looked_at_store(jupyter: Jupyter) -> dict[str, Any]:
    """What the server says of its S3 server, once it has looked."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        told: dict[str, Any] = jupyter.call("GET", "s3-contents/api/store").json()
        if told["checked"]:
            return told
        time.sleep(0.05)
    pytest.fail(f"no look at the S3 server: {told}")


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> str:
    """A folder name for this test alone."""
    return f"ä {request.node.name.replace('[', ' ').replace(']', '')}"[:60]


def put(server: S3Server, path: str, content: bytes) -> None:
    server.client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{path}", Body=content)


def text(content: str, **more: Any) -> dict[str, Any]:
    return {"type": "file", "format": "text", "content": content} | more


def test_a_notebook_is_made_saved_and_opened(jupyter: Jupyter, s3_server: S3Server, folder: str) -> None:
    assert jupyter.contents("PUT", folder, json={"type": "directory"}).status_code == 201
    created = jupyter.contents("POST", folder, json={"type": "notebook"})
    assert created.status_code == 201
    path = created.json()["path"]
    assert path == f"{folder}/Untitled.ipynb"
    model = jupyter.contents("GET", path).json()
    model["content"]["cells"].append(
        {"cell_type": "code", "source": "1 + 1", "metadata": {}, "outputs": [], "execution_count": None, "id": "a"}
    )
    assert jupyter.contents("PUT", path, json=model).status_code == 200
    assert jupyter.contents("GET", path).json()["content"]["cells"][0]["source"] == "1 + 1"
    body = s3_server.client.get_object(Bucket=BUCKET, Key=f"{PREFIX}/{path}")["Body"].read()
    assert b"1 + 1" in body
    listing = jupyter.contents("GET", folder, params={"type": "directory"}).json()
    assert [(entry["name"], entry["type"]) for entry in listing["content"]] == [("Untitled.ipynb", "notebook")]


def test_a_long_listing_comes_in_pieces(jupyter: Jupyter, s3_server: S3Server, folder: str) -> None:
    names = [f"{number:04}.txt" for number in range(1_234)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: put(s3_server, f"{folder}/{name}", b"x"), names))
    answer = jupyter.contents("GET", folder, params={"type": "directory"})
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.headers["Content-Type"] == "application/json"
    model = answer.json()
    content = model.pop("content")
    assert [entry["name"] for entry in content] == names
    about = jupyter.contents("GET", folder, params={"type": "directory", "content": 0}).json()
    assert model == {name: value for name, value in about.items() if name != "content"} | {"format": "json"}
    one = jupyter.contents("GET", f"{folder}/{names[-1]}", params={"content": 0, "type": "file"}).json()
    assert content[-1].keys() == one.keys()
    # A short one, and all else below the address, is Jupyter Server's own.
    assert "Content-Length" in jupyter.contents("GET", "", params={"type": "directory"}).headers
    assert jupyter.contents("GET", f"{folder}/{names[0]}/checkpoints").json() == []


def test_what_the_s3_server_can_do_is_told(jupyter: Jupyter, s3_server: S3Server) -> None:
    told = looked_at_store(jupyter)
    assert told["supports"] == {
        **dict.fromkeys(("create", "replace", "multipart", "delete", "copy", "list_versions"), "yes"),
        "versions": "no",
    }
    assert told["error"] is None
    assert [note.partition(":")[0] for note in told["notes"]] == ["The bucket keeps no versions"]
    log = jupyter.log.read_text()
    assert f"s3://{BUCKET}/{PREFIX}/: PutObject with If-None-Match: yes, PutObject with If-Match: yes, " in log
    listing = s3_server.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{PREFIX}/.s3_contents/probe/")
    assert listing["KeyCount"] == 0
    assert requests.get(f"{jupyter.url}/s3-contents/api/store", timeout=10).status_code == 403


def lab_opens(jupyter: Jupyter, path: str) -> dict[str, Any]:
    """The requests of JupyterLab 4.6 when it opens a notebook."""
    model: dict[str, Any] = jupyter.contents("GET", path, params={"type": "notebook", "content": 1, "hash": 1}).json()
    assert jupyter.contents("GET", f"{path}/checkpoints").status_code == 200
    return model


def lab_saves(jupyter: Jupyter, model: dict[str, Any]) -> requests.Response:
    """The requests of JupyterLab 4.6 when it saves: it compares the hash before, and asks for the new one after."""
    path = model["path"]
    look = {"content": 0, "hash": 1}
    assert jupyter.contents("GET", path, params=look).json()["hash"] == model["hash"]
    answer = jupyter.contents("PUT", path, json={name: model[name] for name in ("type", "format", "content")})
    model["hash"] = jupyter.contents("GET", path, params=look).json()["hash"]
    return answer


def test_opening_and_saving_in_lab_take_few_requests(jupyter: Jupyter, proxy: S3Proxy, folder: str) -> None:
    path = jupyter.contents("PUT", f"{folder}.ipynb", json={"type": "notebook"}).json()["path"]
    proxy.requests.clear()
    model = lab_opens(jupyter, path)
    assert proxy.methods() == ["GET", "GET"], "the notebook, the list of checkpoints"
    assert lab_saves(jupyter, model).status_code == 200
    assert proxy.methods() == ["HEAD", "PUT", "HEAD"]


def test_a_change_from_outside_is_a_conflict(jupyter: Jupyter, s3_server: S3Server, folder: str) -> None:
    path = f"{folder}/a.txt"
    assert jupyter.contents("PUT", path, json=text("mine")).status_code == 201
    put(s3_server, path, b"theirs")
    refused = jupyter.contents("PUT", path, json=text("mine again"))
    assert refused.status_code == 409
    assert "was changed by someone else since you opened it" in refused.json()["message"]
    assert jupyter.contents("GET", path).json()["content"] == "theirs"
    assert jupyter.contents("PUT", path, json=text("mine again")).status_code == 200


def test_a_tab_that_names_its_base_never_overwrites_another(jupyter: Jupyter, folder: str) -> None:
    path = f"{folder}/a.txt"
    base = jupyter.contents("PUT", path, json=text("0")).json()["hash"]
    assert jupyter.contents("PUT", path, json=text("first tab", base_hash=base)).status_code == 200
    assert jupyter.contents("PUT", path, json=text("second tab", base_hash=base)).status_code == 409
    assert jupyter.contents("GET", path).json()["content"] == "first tab"


def test_renaming_copying_and_deleting(jupyter: Jupyter, folder: str) -> None:
    jupyter.contents("PUT", f"{folder}/a.txt", json=text("x"))
    renamed = jupyter.contents("PATCH", f"{folder}/a.txt", json={"path": f"{folder}/b.txt"})
    assert (renamed.status_code, renamed.json()["path"]) == (200, f"{folder}/b.txt")
    assert jupyter.contents("GET", f"{folder}/a.txt").status_code == 404
    copied = jupyter.contents("POST", folder, json={"copy_from": f"{folder}/b.txt"})
    assert (copied.status_code, copied.json()["path"]) == (201, f"{folder}/b-Copy1.txt")
    assert jupyter.contents("PATCH", folder, json={"path": f"{folder} 2"}).status_code == 200
    listing = jupyter.contents("GET", f"{folder} 2").json()["content"]
    assert sorted(entry["name"] for entry in listing) == ["b-Copy1.txt", "b.txt"]
    assert jupyter.contents("DELETE", f"{folder} 2").status_code == 204
    assert jupyter.contents("GET", f"{folder} 2").status_code == 404


def test_the_trash(jupyter: Jupyter, folder: str) -> None:
    trash = "s3-contents/api/trash"
    for name in ("a.txt", "b.txt"):
        jupyter.contents("PUT", f"{folder}/{name}", json=text(name))
    assert jupyter.contents("DELETE", f"{folder}/a.txt").status_code == 204
    assert jupyter.contents("DELETE", folder).status_code == 204
    told = jupyter.call("GET", trash).json()
    whole, file = told["trashed"][:2]
    assert told["days"] == 30
    assert [(entry["path"], entry["type"], entry["files"], entry["size"]) for entry in (whole, file)] == [
        (folder, "directory", 1, 5),
        (f"{folder}/a.txt", "file", 1, 5),
    ]
    assert jupyter.call("POST", trash, json={"id": whole["id"]}).json() == {"path": folder}
    assert jupyter.contents("GET", f"{folder}/b.txt").json()["content"] == "b.txt"
    assert jupyter.call("DELETE", f"{trash}?id={file['id']}").status_code == 204
    left = [entry["id"] for entry in jupyter.call("GET", trash).json()["trashed"]]
    assert {whole["id"], file["id"]}.isdisjoint(left)
    for known in (whole["id"], "../x"):
        refused = jupyter.call("POST", trash, json={"id": known})
        assert refused.status_code == 404
        assert "Look at the trash again" in refused.json()["message"]


def test_checkpoints(jupyter: Jupyter, folder: str) -> None:
    path = f"{folder}/a.txt"
    jupyter.contents("PUT", path, json=text("one"))
    assert jupyter.contents("GET", f"{path}/checkpoints").json() == []
    checkpoint = jupyter.contents("POST", f"{path}/checkpoints")
    assert checkpoint.status_code == 201
    jupyter.contents("PUT", path, json=text("two"))
    assert jupyter.contents("GET", f"{path}/checkpoints").json() == [checkpoint.json()]
    where = f"{path}/checkpoints/{checkpoint.json()['id']}"
    assert jupyter.contents("POST", where).status_code == 204
    assert jupyter.contents("GET", path).json()["content"] == "one"
    assert jupyter.contents("DELETE", where).status_code == 204
    assert jupyter.contents("GET", f"{path}/checkpoints").json() == []


def test_history(jupyter: Jupyter, folder: str) -> None:
    path = f"{folder}/a.txt"
    api = "s3-contents/api/history"
    for content in ("one", "two"):
        jupyter.contents("PUT", path, json=text(content))
        jupyter.contents("POST", f"{path}/checkpoints")
    answer = jupyter.call("GET", api, params={"path": path}).json()
    assert (answer["kept"], answer["next"]) == ("checkpoints", None)
    newest, *_, oldest = answer["versions"]
    assert (newest["latest"], oldest["latest"], oldest["size"], oldest["path"]) == (True, False, 3, path)
    old = jupyter.call("GET", "s3-contents/api/version", params={"path": path, "id": oldest["id"]}).json()
    assert (old["content"], old["writable"], old["type"]) == ("one", False, "file")
    assert jupyter.call("POST", api, params={"path": path}, json={"id": oldest["id"]}).status_code == 204
    assert jupyter.contents("GET", path).json()["content"] == "one"
    for method, resource, query, status in (
        ("GET", "history", {}, 400),
        ("GET", "history", {"path": ".hidden"}, 404),
        ("GET", "history", {"path": path, "limit": "0"}, 400),
        ("GET", "history", {"path": path, "after": "x"}, 400),
        ("GET", "version", {"path": path, "id": "x"}, 404),
        ("GET", "version", {"path": path, "id": oldest["id"], "type": "directory"}, 400),
        ("POST", "history", {"path": path}, 404),
    ):
        answer = jupyter.call(method, f"s3-contents/api/{resource}", params=query, json={})
        assert answer.status_code == status, answer.text
    assert not requests.get(f"{jupyter.url}/{api}", params={"path": path}, timeout=10, allow_redirects=False).ok


CHUNK = "s3-contents/api/chunk"


def send(jupyter: Jupyter, path: str, chunk: int, part: bytes) -> requests.Response:
    encoded = base64.b64encode(part).decode()
    model = {"type": "file", "format": "base64", "name": path, "path": path, "chunk": chunk, "content": encoded}
    return jupyter.contents("PUT", path, json=model)


def send_as_bytes(jupyter: Jupyter, path: str, chunk: int, part: bytes) -> requests.Response:
    return jupyter.call("PUT", CHUNK, params={"path": path, "number": chunk}, data=part)


@pytest.mark.parametrize("between", [send, send_as_bytes])
def test_a_large_file_goes_up_and_comes_down(
    jupyter: Jupyter, proxy: S3Proxy, folder: str, between: Callable[..., requests.Response]
) -> None:
    content = os.urandom(20 * MIB + 5)
    path = f"{folder}/data.bin"
    first, *parts, last = (content[start : start + MIB] for start in range(0, len(content), MIB))
    assert send(jupyter, path, 1, first).ok
    for number, part in enumerate(parts, 2):
        answer = between(jupyter, path, number, part)
        assert answer.ok, answer.text
    assert send(jupyter, path, -1, last).json()["size"] == len(content)
    proxy.requests.clear()
    answer = jupyter.call("GET", f"files/{path}")
    assert answer.content == content
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert proxy.methods() == ["GET"]


def test_chunks_that_are_none(jupyter: Jupyter, folder: str) -> None:
    path = f"{folder}/data.bin"
    assert send(jupyter, path, 1, bytes(MIB)).ok
    for query, status, message in (
        ({"path": path}, 400, "number"),
        ({"path": path, "number": "1"}, 400, "2, 3, ..."),
        ({"path": path, "number": "-1"}, 400, "2, 3, ..."),
        ({"path": f"{folder}/.hidden", "number": "2"}, 404, "No such file"),
        ({"path": f"{folder}/other", "number": "2"}, 400, "interrupted"),
        ({"path": path, "number": "3"}, 400, "part 3 came after 1"),
        ({"path": path, "number": "2"}, 400, "interrupted"),
    ):
        answer = jupyter.call("PUT", CHUNK, params=query, data=b"x")
        assert (answer.status_code, message in answer.text) == (status, True), answer.text
    assert jupyter.contents("GET", path).status_code == 404
    assert not requests.put(f"{jupyter.url}/{CHUNK}", params={"path": path, "number": 2}, timeout=10).ok


def test_parts_of_a_file(jupyter: Jupyter, s3_server: S3Server, folder: str) -> None:
    put(s3_server, f"{folder}/a.txt", b"0123456789")
    url = f"files/{folder}/a.txt"
    whole = jupyter.call("GET", url)
    etag = whole.headers["Etag"]
    assert (whole.status_code, whole.text, whole.headers["Accept-Ranges"]) == (200, "0123456789", "bytes")
    for wanted, part, content_range in (
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
    ):
        answer = jupyter.call("GET", url, headers={"Range": wanted})
        assert (answer.status_code, answer.text) == (206, part)
        assert answer.headers["Content-Range"] == content_range
        assert answer.headers["Content-Length"] == str(len(part))
    assert jupyter.call("GET", url, headers={"Range": "bytes=100-"}).status_code == 416
    several = jupyter.call("GET", url, headers={"Range": "bytes=0-1,4-5"})
    assert (several.status_code, several.text) == (200, "0123456789")
    resumed = jupyter.call("GET", url, headers={"Range": "bytes=5-", "If-Range": etag})
    assert (resumed.status_code, resumed.text) == (206, "56789")
    put(s3_server, f"{folder}/a.txt", b"abcdefghij")
    restarted = jupyter.call("GET", url, headers={"Range": "bytes=5-", "If-Range": etag})
    assert (restarted.status_code, restarted.text) == (200, "abcdefghij")


def test_what_the_browser_has_is_not_sent_again(jupyter: Jupyter, s3_server: S3Server, folder: str) -> None:
    put(s3_server, f"{folder}/a.html", b"<p>x</p>")
    url = f"files/{folder}/a.html"
    etag = jupyter.call("GET", url).headers["Etag"]
    unchanged = jupyter.call("GET", url, headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    head = jupyter.call("HEAD", url)
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "8")
    assert head.headers["Content-Type"] == "text/html"
    download = jupyter.call("GET", f"{url}?download=1")
    assert download.headers["Content-Disposition"].startswith("attachment; filename*=utf-8''a.html")
    put(s3_server, f"{folder}/a.html", b"")
    empty = jupyter.call("GET", url, headers={"If-None-Match": etag})
    assert (empty.status_code, empty.content) == (200, b"")


def test_downloads_are_of_the_home_and_nothing_else(jupyter: Jupyter, s3_server: S3Server, folder: str) -> None:
    put(s3_server, f"{folder}/.hidden", b"x")
    for path in ("local.txt", "", folder, f"{folder}/.hidden", f"{folder}/missing", ".s3_contents/x"):
        assert jupyter.call("GET", f"files/{path}").status_code in (400, 404), path
        assert jupyter.call("HEAD", f"files/{path}").status_code in (400, 404), path
    anonymous = requests.get(f"{jupyter.url}/files/{quote(folder)}/.hidden", timeout=10, allow_redirects=False)
    assert anonymous.status_code in (302, 403)


def test_errors_are_one_message_and_no_trace(jupyter: Jupyter, s3_server: S3Server, folder: str) -> None:
    put(s3_server, f"{folder}/broken.ipynb", b"no notebook")
    for method, path, body, status, message in (
        ("GET", f"{folder}/broken.ipynb", None, 400, "Unreadable Notebook"),
        ("PUT", f"{folder}/broken.ipynb", text("x", type="notebook"), 400, "is not a notebook"),
        ("PUT", f"{folder}/a.txt", text("x", format="utf-9"), 400, "Must specify format"),
        ("PUT", f"{folder}/a.txt", text("%", format="base64") | {"content": "ä"}, 400, "Encoding error"),
        ("PUT", f"{folder}/a.txt", text("x") | {"content": {"a": 1}}, 400, "is not text"),
        ("PUT", f"{folder}/a.txt", text("x", type="file") | {"chunk": "one"}, 400, "chunk"),
        ("PUT", f"{folder}/a.txt", text("x") | {"base_hash": 5}, 400, "base_hash"),
        ("PUT", f"{folder}/a\x01.txt", text("x"), 400, "control character"),
        ("PUT", folder, text("x"), 400, "is a folder"),
    ):
        answer = jupyter.contents(method, path, json=body)
        assert (answer.status_code, message in answer.json()["message"]) == (status, True), answer.text
        assert not answer.json().get("traceback")
    assert "Traceback" not in jupyter.log.read_text()


def test_a_stopped_server_leaves_nothing_open(s3_server: S3Server, environment: dict[str, str], tmp_path: Path) -> None:
    s3_server.create_bucket(BUCKET)
    server = Jupyter(tmp_path, environment | {"HOME": str(tmp_path)})
    server.wait()
    assert server.contents("GET", "").ok
    log = server.stop()
    assert f"Serving notebooks from s3://{BUCKET}/{PREFIX}/" in log
    assert "Unclosed" not in log
    assert "Traceback" not in log


@pytest.mark.parametrize("url", ["", "notebooks/ada", "s3://", "s3://bucket/../x"])
def test_a_wrong_setting_ends_the_server_with_one_message(
    environment: dict[str, str], tmp_path: Path, url: str
) -> None:
    server = Jupyter(tmp_path, environment | {"SPARK_NOTEBOOKS_S3_HOME": url})
    assert server.process.wait(60) != 0
    log = server.log.read_text()
    assert "S3ContentsManager.url, or the environment variable SPARK_NOTEBOOKS_S3_HOME" in log
    assert "Traceback" not in log
