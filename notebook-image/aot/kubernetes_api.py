"""A stand-in for the Kubernetes API that runs executor pods as processes of this machine: as much of it as Spark asks for.

The training of the class caches needs a driver that talks to Kubernetes and the executors that it starts, where there is no cluster.
"""

import itertools
import json
import os
import ssl
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

SECONDS_OF_A_WATCH = 5
LONG_AGO = "2000-01-01T00:00:00Z"

Pod = dict[str, Any]


def driver_pod(name: str) -> Pod:
    """The pod that the driver says it runs in, ready."""
    metadata = {"name": name, "namespace": "training", "uid": str(uuid.uuid4()), "resourceVersion": "1"}
    status = {"phase": "Running", "podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": []}, "status": status}


class Pods:
    """The pods, each a process that runs `command` with the pod's arguments and environment variables."""

    def __init__(self, command: Path, folder: Path, extra_java_options: list[list[str]]) -> None:
        """Options of `extra_java_options[n]` are added to those of the n-th pod; logs go to `folder`."""
        self.command, self.folder, self.extra_java_options = command, folder, extra_java_options
        self.pods: dict[str, Pod] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.events: list[tuple[str, Pod]] = []
        self.changed = threading.Condition()

    def create(self, pod: Pod) -> Pod:
        """Starts a pod and gives it as the API would."""
        container = pod["spec"]["containers"][0]
        metadata = pod["metadata"]
        fields = {"status.podIP": "127.0.0.1", "metadata.name": metadata["name"]}
        variables = {
            each["name"]: each["value"] if "value" in each else fields[each["valueFrom"]["fieldRef"]["fieldPath"]]
            for each in container["env"]
        }
        number = sum(name.startswith("SPARK_JAVA_OPT_") for name in variables)
        if len(self.pods) < len(self.extra_java_options):
            options = self.extra_java_options[len(self.pods)]
            variables |= {f"SPARK_JAVA_OPT_{number + index}": option for index, option in enumerate(options)}
        home = self.folder / metadata["name"]
        home.mkdir()
        with (self.folder / f"{metadata['name']}.log").open("wb") as log:
            process = subprocess.Popen(
                [self.command, *container["args"]],
                env={**os.environ, **variables, "SPARK_LOCAL_DIRS": str(home)},
                cwd=home,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        metadata |= {"uid": str(uuid.uuid4()), "namespace": "training", "creationTimestamp": LONG_AGO}
        status = {"name": container["name"], "ready": True, "restartCount": 0, "image": "", "imageID": ""}
        status["state"] = {"running": {"startedAt": LONG_AGO}}
        pod["status"] = {"phase": "Running", "podIP": "127.0.0.1", "containerStatuses": [status]}
        self.processes[metadata["name"]] = process
        self._tell("ADDED", pod)
        return pod

    def delete(self) -> None:
        """Forgets all pods; their processes end by themselves when their driver does."""
        for pod in list(self.pods.values()):
            self._tell("DELETED", pod)

    def wait(self, seconds: float) -> None:
        """Waits for the processes of all pods to end."""
        for process in self.processes.values():
            process.wait(seconds)

    def watch(self, seconds: float) -> Iterator[tuple[str, Pod]]:
        """Events from the first one on; ends after `seconds` without one."""
        for seen in itertools.count():
            with self.changed:
                while len(self.events) <= seen:
                    if not self.changed.wait(seconds):
                        return
            yield self.events[seen]

    def _tell(self, kind: str, pod: Pod) -> None:
        with self.changed:
            pod["metadata"]["resourceVersion"] = str(len(self.events) + 1)
            name = pod["metadata"]["name"]
            if kind == "DELETED":
                del self.pods[name]
            else:
                self.pods[name] = pod
            self.events.append((kind, pod))
            self.changed.notify_all()


def server(pods: Pods, certificate: Path) -> ThreadingHTTPServer:
    """The API over HTTPS, on a free port of 127.0.0.1; `certificate` is a PEM file with its key."""
    driver = driver_pod("driver")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = parse_qs(url.query)
            # The driver asks for its own pod by name, for the executors by labels.
            own = "fieldSelector" in query
            if url.path.endswith("/pods/driver"):
                self.answer(driver)
            elif not url.path.endswith("/pods"):
                self.answer({"kind": "Status", "code": 404, "reason": "NotFound"}, 404)
            elif query.get("watch") == ["true"]:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                with suppress(OSError):  # the driver is gone
                    for kind, pod in iter(()) if own else pods.watch(SECONDS_OF_A_WATCH):
                        line = json.dumps({"type": kind, "object": pod}).encode() + b"\n"
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                    self.wfile.write(b"0\r\n\r\n")
            else:
                metadata = {"resourceVersion": str(len(pods.events) + 1)}
                items = [driver] if own else list(pods.pods.values())
                self.answer({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items})

        def do_POST(self) -> None:
            self.answer(pods.create(self.body()), 201)

        def do_PATCH(self) -> None:
            self.body()
            self.answer(pods.pods.get(urlsplit(self.path).path.rsplit("/", 1)[1], {}))

        def do_DELETE(self) -> None:
            self.body()
            pods.delete()
            self.answer({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []})

        def body(self) -> Pod:
            content: Pod = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
            return content

        def answer(self, content: object, status: int = 200) -> None:
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    found.socket = context.wrap_socket(found.socket, server_side=True)
    return found
