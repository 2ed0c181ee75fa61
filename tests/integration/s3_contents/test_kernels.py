"""Kernels and terminals of a real JupyterLab server with its files on S3: where they start, what they know and see of those files."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import websocket

from dev.paths import REPOSITORY
from dev.s3_server import S3Server
from tests.support.jupyter import Jupyter, with_files_on
from tests.support.s3_proxy import S3Proxy

BUCKET = "kernels"
PREFIX = "users/ada"
FOLDER = "ä notebooks"
EXTENSION = "--ServerApp.jpserver_extensions=s3_contents=True"
MIB = 2**20


@pytest.fixture(scope="module")
def jupyter(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    s3_server.create_bucket(BUCKET)
    home = tmp_path_factory.mktemp("home")
    server = Jupyter(home, with_files_on(s3_server, f"s3://{BUCKET}/{PREFIX}", home), EXTENSION)
    server.wait()
    yield server
    server.stop()


def is_child(stat: Path, parent: int) -> bool:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1]) == parent
    except FileNotFoundError:
        return False


def test_kernels_and_terminals_start_in_the_home_folder(jupyter: Jupyter) -> None:
    page = jupyter.call("GET", "lab").text
    found = re.search(r'<script id="jupyter-config-data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    settings = json.loads(found[1])
    assert (settings["serverRoot"], settings["preferredPath"]) == (str(jupyter.log.parent), "/")
    terminal = jupyter.call("POST", "api/terminals", json={"cwd": "no folder on this disk"})
    assert terminal.ok
    shell = next(child for child in Path("/proc").glob("[0-9]*/stat") if is_child(child, jupyter.process.pid))
    assert (shell.parent / "cwd").resolve() == jupyter.log.parent
    jupyter.call("DELETE", f"api/terminals/{terminal.json()['name']}")


def test_a_kernel_knows_where_its_notebook_is(jupyter: Jupyter) -> None:
    jupyter.contents("PUT", FOLDER, json={"type": "directory"})
    path = jupyter.contents("POST", FOLDER, json={"type": "notebook"}).json()["path"]
    asked = {"path": path, "name": "Untitled.ipynb", "type": "notebook", "kernel": {"name": "python3"}}
    session = jupyter.call("POST", "api/sessions", json=asked).json()
    kernel = next(
        child.parent
        for child in Path("/proc").glob("[0-9]*/stat")
        if is_child(child, jupyter.process.pid) and session["kernel"]["id"] in (child.parent / "cmdline").read_text()
    )
    variables = dict(pair.partition("=")[::2] for pair in (kernel / "environ").read_text().split("\0"))
    assert variables["SPARK_NOTEBOOKS_NOTEBOOK"] == path == f"{FOLDER}/Untitled.ipynb"
    assert jupyter.call("DELETE", f"api/sessions/{session['id']}").ok


def run_cell(jupyter: Jupyter, kernel: str, code: str, fails: bool = False) -> str:
    """What a cell prints; its error if it is to fail."""
    channels = f"ws{jupyter.url.removeprefix('http')}/api/kernels/{kernel}/channels?token={jupyter.token}"
    connection = websocket.create_connection(channels, timeout=90)
    header = {"msg_id": "1", "msg_type": "execute_request", "username": "", "session": "s", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    connection.send(json.dumps(message | {"buffers": []}))
    printed, awaited = "", {"reply", "idle"}
    while awaited:  # what the cell prints comes by another channel than the reply, and may be later
        answer = json.loads(connection.recv())
        kind, told = answer["msg_type"], answer["content"]
        if kind == "error":
            assert fails, told
            printed += re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(told["traceback"]))
        if kind == "stream":
            printed += told["text"]
        if kind == "execute_reply":
            awaited.discard("reply")
        if kind == "status" and told["execution_state"] == "idle" and answer["parent_header"].get("msg_id") == "1":
            awaited.discard("idle")
    connection.close()
    return printed


def test_a_kernel_sees_the_files_beside_its_notebook(s3_server: S3Server, proxy: S3Proxy, tmp_path: Path) -> None:
    s3_server.create_bucket(BUCKET)
    for name, content in (("data.csv", b"1,2,3"), ("big/data.bin", b"x" * (MIB + 1))):
        s3_server.client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{FOLDER}/{name}", Body=content)
    environment = with_files_on(s3_server, f"s3://{BUCKET}/{PREFIX}", tmp_path)
    environment["AWS_ENDPOINT_URL_S3"] = proxy.endpoint
    environment["PYTHONPATH"] += f":{REPOSITORY / 'spark_session' / 'src'}"
    settings = ("--S3ContentsManager.working_folder=work", "--S3ContentsManager.working_file_mb=1")
    server = Jupyter(tmp_path, environment, EXTENSION, *settings)
    server.wait()
    try:
        kernel = {"name": "python3"}
        session = {"path": f"{FOLDER}/a.ipynb", "type": "notebook", "name": "", "kernel": kernel}
        kernel = server.call("POST", "api/sessions", json=session).json()["kernel"]
        code = "import os; print(os.getcwd()); print(open('data.csv').read()); open('out.txt', 'w').write('made')"
        assert run_cell(server, kernel["id"], code).splitlines() == [str(tmp_path / "work" / FOLDER), "1,2,3"]
        end = time.monotonic() + 60
        while (answer := server.contents("GET", f"{FOLDER}/out.txt")).status_code != 200 and time.monotonic() < end:
            time.sleep(0.2)
        assert answer.json()["content"] == "made"
        for name, what in (("big/data.bin", r"A file of this name \(1.0 MiB\)"), ("big", "A folder of this name")):
            code = (
                f"%load_ext spark_session.kernel\nopen('{name}')" if what.startswith("A file") else f"open('{name}/')"
            )
            error = run_cell(server, kernel["id"], code, fails=True)
            url = re.escape(f"s3://{BUCKET}/{PREFIX}/{FOLDER}/{name}")
            assert re.search(
                rf"FileNotFoundError: .*\n{what} is beside your notebook on S3, but not .* from {url}", error
            )
        assert "S3" not in run_cell(server, kernel["id"], "open('nowhere.csv')", fails=True)
        run_cell(server, kernel["id"], "open('last.txt', 'w').write('words')")
    finally:
        server.stop()
    body = s3_server.client.get_object(Bucket=BUCKET, Key=f"{PREFIX}/{FOLDER}/last.txt")["Body"].read()
    assert body == b"words", "sent before the server ends"
    of_data = [request.method for request in proxy.requests if unquote(request.key).endswith(f"{FOLDER}/data.csv")]
    assert of_data == ["GET"], "brought once, and never sent"
