"""Notebooks on S3 beside s3contents, jupyter-fs and Jupyter's own manager on a local disk: requests, times, memory, and how long the event loop is held up.

All through the REST API of Jupyter Servers, on one versitygw without versions, which s3contents and jupyter-fs know nothing of.
"""

from __future__ import annotations

import base64
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from nbformat.v4 import new_code_cell, new_notebook, new_output

from dev.s3_server import S3Server
from tests.bench.contents_servers import CHUNK_API, JUPYTER_FS, KINDS, LOCAL, OURS, S3CONTENTS, Cost, Server
from tests.bench.report import Row, row
from tests.support.s3_proxy import S3Proxy

RUNS = int(os.environ.get("BENCH_RUNS", "9"))
LATENCY = 0.02  # seconds
ENTRIES, FILES = 10_000, 1_000
NOTEBOOK_SIZE = 10**6
CHUNK, CHUNKS, PART = 2**20, 1024, 8 * 2**20
SETTLING = 2.0  # seconds
NOTEBOOK, LOOK = "a.ipynb", {"params": {"content": 0, "hash": 1}}
Call = tuple[str, str, dict[str, Any]]
OPEN: Call = ("GET", NOTEBOOK, {"params": {"type": "notebook", "content": 1, "hash": 1}})
Servers = Mapping[str, Server]


def measure() -> list[Row]:
    """Starts all servers side by side; each operation is measured in turns."""
    with (
        tempfile.TemporaryDirectory(dir="/var/tmp") as folder,
        S3Server(Path(folder) / "s3") as s3,
        ExitStack() as stack,
    ):
        proxy = stack.enter_context(S3Proxy(s3.endpoint))
        servers = {}
        for number, kind in enumerate(KINDS):
            s3.create_bucket(f"bench-{number}")
            server = Server(kind, s3, proxy.endpoint, f"bench-{number}", Path(folder) / str(number))
            servers[kind] = server
        # Before they start: s3contents looks once, and remembers.
        for server in servers.values():
            server.write(NOTEBOOK, json.dumps(notebook_of(NOTEBOOK_SIZE)).encode())
        fill({kind: server for kind, server in servers.items() if kind != LOCAL}, "many", ENTRIES)
        fill({kind: servers[kind] for kind in (OURS, S3CONTENTS)}, "old", FILES)
        for server in servers.values():
            stack.enter_context(server)
        rows = small(servers, proxy, s3) + listing(servers, proxy, s3) + renaming(servers, proxy)
        s3.create_bucket("bench-upload")
        direct = stack.enter_context(Server(OURS, s3, s3.endpoint, "bench-upload", Path(folder) / "upload"))
        return rows + uploading(direct, s3)


def small(servers: Servers, proxy: S3Proxy, s3: S3Server) -> list[Row]:
    """A notebook of 1 MB: looking at it, opening and saving it, as a client and as JupyterLab does."""
    notebook = notebook_of(NOTEBOOK_SIZE)
    saved = {"json": {"type": "notebook", "format": "json", "content": notebook}}
    works: dict[str, Sequence[Call]] = {
        "open": [OPEN],
        "look at": [("GET", NOTEBOOK, LOOK)],
        "save": [("PUT", NOTEBOOK, saved)],
        "open in Lab": [OPEN, ("GET", f"{NOTEBOOK}/checkpoints", {})],
        "save in Lab": [("GET", NOTEBOOK, LOOK), ("PUT", NOTEBOOK, saved), ("GET", NOTEBOOK, LOOK)],
    }
    goals = {"open": "1", "look at": "1", "save": "1", "open in Lab": "<= 3", "save in Lab": "<= 3"}
    for server in servers.values():
        # As it is after its first opening.
        server.call(*OPEN[:2], **OPEN[2])
    rows = []
    for name, calls in works.items():
        counts = {
            kind: requests_of(proxy, lambda each=server, calls=calls: each.cost(*calls))
            for kind, server in servers.items()
        }
        for peer in (S3CONTENTS, JUPYTER_FS):
            rows.append(row(f"{name}, requests to S3, beside {peer}", "", [counts[OURS]], [counts[peer]], goals[name]))
    for delay, where in ((0.0, "no latency"), (LATENCY, "20 ms")):
        proxy.delay = delay
        for name in ("open", "save"):
            costs = in_turns(servers, lambda server, name=name: server.cost(*works[name]))
            times = {kind: [cost.time for cost in found] for kind, found in costs.items()}
            goal = "<= 0.3x" if name == "open" else ""
            rows.append(row(f"{name} 1 MB, {where}, beside {S3CONTENTS}", "s", times[OURS], times[S3CONTENTS], goal))
            rows.append(row(f"{name} 1 MB, {where}, beside {JUPYTER_FS}", "s", times[OURS], times[JUPYTER_FS]))
            trip = [timed(lambda: get(s3, proxy, servers[OURS].bucket)) for _ in range(RUNS)]
            bound = [2 * statistics.median(times[LOCAL]) + statistics.median(trip)]
            rows.append(
                row(
                    f"{name} 1 MB, {where}, beside 2x {LOCAL} + one GET",
                    "s",
                    times[OURS],
                    bound,
                    "<= 1x" if name == "open" else "",
                )
            )
            rows += server_side(f"{name} 1 MB, {where}", costs)
    proxy.delay = 0.0
    return rows


def listing(servers: Servers, proxy: S3Proxy, s3: S3Server) -> list[Row]:
    """A folder of 10,000 files."""
    call: Call = ("GET", "many", {"params": {"type": "directory", "content": 1}})
    shown = {kind: servers[kind] for kind in (OURS, S3CONTENTS, JUPYTER_FS)}
    counts = {kind: requests_of(proxy, lambda each=server: each.cost(call)) for kind, server in shown.items()}
    rows = [
        row(f"list {ENTRIES:,}, requests, beside {peer}", "", [counts[OURS]], [counts[peer]], "10")
        for peer in counts
        if peer != OURS
    ]
    for delay, where in ((0.0, "no latency"), (LATENCY, "20 ms")):
        proxy.delay = delay
        costs = in_turns(shown, lambda server: server.cost(call), min(RUNS, 3))
        raw = [timed(lambda: list_all(s3, proxy, servers[OURS].bucket, "many/")) for _ in range(min(RUNS, 3))]
        times = {kind: [cost.time for cost in found] for kind, found in costs.items()}
        rows.append(row(f"list {ENTRIES:,}, {where}, beside the raw list", "s", times[OURS], raw, "<= 1.1x"))
        rows += [
            row(f"list {ENTRIES:,}, {where}, beside {peer}", "s", times[OURS], times[peer])
            for peer in times
            if peer != OURS
        ]
        rows += server_side(f"list {ENTRIES:,}, {where}", costs)
    proxy.delay = 0.0
    return rows


def renaming(servers: Servers, proxy: S3Proxy) -> list[Row]:
    """A folder of 1,000 files, with 20 ms of latency. jupyter-fs answers that it has renamed it, and does nothing."""
    shown = {kind: servers[kind] for kind in (OURS, S3CONTENTS)}
    proxy.delay = LATENCY
    costs, counts = {}, {}
    for kind, server in shown.items():
        proxy.requests.clear()
        costs[kind] = [server.cost(("PATCH", "old", {"json": {"path": "new"}}))]
        counts[kind] = len(proxy.requests)
    proxy.delay = 0.0
    times = {kind: [cost.time for cost in found] for kind, found in costs.items()}
    return [
        row(f"rename {FILES:,} files, 20 ms, beside {S3CONTENTS}", "s", times[OURS], times[S3CONTENTS], "<= 0.1x"),
        row(f"rename {FILES:,} files, requests", "", [counts[OURS]], [counts[S3CONTENTS]]),
        *server_side(f"rename {FILES:,} files, 20 ms", costs),
    ]


def uploading(server: Server, s3: S3Server) -> list[Row]:
    """1 GiB in chunks of 1 MiB, as our JupyterLab and as others send it, beside the same bytes as parts of 8 MiB with a plain client."""
    content = os.urandom(CHUNK)
    text = base64.b64encode(content).decode()

    def in_json(number: int) -> Call:
        model = {"type": "file", "format": "base64", "chunk": number, "content": text}
        return "PUT", "big.bin", {"json": model}

    def as_bytes(number: int) -> Call:
        where = {"path": "big.bin", "number": number}
        return "PUT", CHUNK_API, {"params": where, "data": content}

    def upload(chunks: int, between: Callable[[int], Call]) -> Iterator[Call]:
        yield in_json(1)
        yield from (between(number) for number in range(2, chunks))
        yield in_json(-1)

    rows = []
    for way, between in (("as Lab sends it", as_bytes), ("all of it in JSON", in_json)):
        # What the first upload of a server's life loads is not what uploads take.
        server.cost(*upload(3, between))
        costs, peaks, raw = [], [], []
        for _ in range(min(RUNS, 3)):
            time.sleep(SETTLING)
            idle = server.memory("VmRSS")
            server.forget_peak()
            costs.append(server.cost(*upload(CHUNKS, between)))
            peaks.append(server.memory("VmHWM") - idle)
            raw.append(timed(lambda: raw_upload(s3, server.bucket, content * (PART // CHUNK))))
        blocked = 1000 * max(cost.blocked for cost in costs)
        name = f"upload 1 GiB, {way}"
        rows += [
            row(f"{name}, beside raw multipart", "s", [cost.time for cost in costs], raw, "<= 1.25x"),
            row(f"{name}, memory over idle", "MB", peaks, goal="< 100"),
            row(f"{name}, CPU of the server", "s", [cost.cpu for cost in costs]),
            row(f"{name}, event loop held up", "ms", [blocked], goal="<= 50"),
        ]
    return rows


def server_side(name: str, costs: Mapping[str, Sequence[Cost]]) -> list[Row]:
    """CPU of the server, and the longest hold-up of its event loop in any run."""
    peer = S3CONTENTS
    return [
        row(f"{name}, CPU, beside {peer}", "s", [cost.cpu for cost in costs[OURS]], [cost.cpu for cost in costs[peer]]),
        row(
            f"{name}, event loop held up, beside {peer}",
            "ms",
            [1000 * max(cost.blocked for cost in costs[OURS])],
            [1000 * max(cost.blocked for cost in costs[peer])],
            "<= 50",
        ),
    ]


def in_turns(servers: Servers, action: Callable[[Server], Cost], runs: int = RUNS) -> dict[str, list[Cost]]:
    found: dict[str, list[Cost]] = {kind: [] for kind in servers}
    for _ in range(runs):
        for kind, server in servers.items():
            found[kind].append(action(server))
    return found


def requests_of(proxy: S3Proxy, action: Callable[[], object]) -> int:
    proxy.requests.clear()
    action()
    return len(proxy.requests)


def timed(action: Callable[[], object]) -> float:
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


def fill(servers: Servers, folder: str, number: int) -> None:
    """Small files in a folder, which s3contents knows by a file of its own."""
    for kind, server in servers.items():
        names = [f"{folder}/{each:05}.txt" for each in range(number - (kind == S3CONTENTS))]
        names += [f"{folder}/.s3keep"] if kind == S3CONTENTS else []
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda name, server=server: server.write(name, name.encode()), names))


def get(s3: S3Server, proxy: S3Proxy, bucket: str) -> None:
    through(s3, proxy).get_object(Bucket=bucket, Key=NOTEBOOK)["Body"].read()


def list_all(s3: S3Server, proxy: S3Proxy, bucket: str, prefix: str) -> None:
    pages = through(s3, proxy).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
    assert sum(len(page["Contents"]) for page in pages) == ENTRIES


def through(s3: S3Server, proxy: S3Proxy) -> Any:
    """A plain client, by way of the proxy; made once, as the managers' are."""
    if proxy.endpoint not in _clients:
        import botocore.session

        keys = {"aws_access_key_id": s3.access_key, "aws_secret_access_key": s3.secret_key}
        client = botocore.session.get_session().create_client("s3", "us-east-1", endpoint_url=proxy.endpoint, **keys)
        client.list_buckets()
        _clients[proxy.endpoint] = client
    return _clients[proxy.endpoint]


_clients: dict[str, Any] = {}


def raw_upload(s3: S3Server, bucket: str, part: bytes) -> None:
    where = {"Bucket": bucket, "Key": "raw.bin"}
    upload = s3.client.create_multipart_upload(**where)["UploadId"]
    parts = []
    for number in range(1, CHUNK * CHUNKS // PART + 1):
        tag = s3.client.upload_part(**where, UploadId=upload, PartNumber=number, Body=part)["ETag"]
        parts.append({"PartNumber": number, "ETag": tag})
    s3.client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})


def notebook_of(size: int) -> Any:
    """A notebook of about so many bytes: cells with text that they have printed."""
    cells = []
    for number in range(size // 10_000):
        printed = "\n".join(f"{number} {line:04} " + "0123456789" * 8 for line in range(105))
        output = new_output("stream", text=printed)
        cells.append(new_code_cell(f"print({number})", id=f"cell-{number}", outputs=[output], execution_count=number))
    return new_notebook(cells=cells)
