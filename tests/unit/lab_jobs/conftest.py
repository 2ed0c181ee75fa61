"""A workspace that is told of in this process: the Kubernetes API by a server, S3 by a dictionary."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from lab_jobs import service
from spark_session.batch import here, s3
from spark_session.batch.apis import Apis
from spark_session.kube import ServiceAccount

from tests.unit.spark_session.api_server import Answer, Server, api_server, make_account

HOME = "s3://notebooks/users/ada"


class Workspace:
    """What Kubernetes and S3 know. `refused` is what Kubernetes says to each that would change something."""

    def __init__(self, server: Server) -> None:
        self.objects: dict[str, Any] = {
            "jobs": {"items": []},
            "pods": {"items": []},
            "cronjobs": {"items": []},
            "events": {"items": []},
        }
        self.objects["pods/notebook"] = {"spec": {"containers": []}}
        self.logs: dict[str, bytes] = {}
        self.files: dict[str, bytes] = {}
        self.refused: tuple[int, str] | None = None
        self.hidden: tuple[int, str] | None = None
        self.server = server
        server.answer = self._answer

    def has_job(self, job: dict[str, Any], pod: dict[str, Any] | None = None, log: bytes = b"") -> None:
        name = job["metadata"]["name"]
        self.objects["jobs"]["items"].append(job)
        self.objects[f"jobs/{name}"] = job
        if pod is not None:
            labels = {"batch.kubernetes.io/job-name": name}
            metadata = {"name": f"{name}-x", "uid": "u", "creationTimestamp": "2026-11-21T10:00:00Z", "labels": labels}
            self.objects["pods"]["items"].append({**pod, "metadata": metadata})
            self.logs[f"{name}-x"] = log

    def asked(self, method: str) -> list[tuple[str, Any]]:
        """The paths below the workspace and bodies of requests."""
        return [
            (urlsplit(path).path.partition("/namespaces/user-ada/")[2], json.loads(body) if body else None)
            for made, path, _, body in self.server.requests
            if made == method
        ]

    def _answer(self, method: str, path: str) -> Answer:
        parts = urlsplit(path)
        name, query = parts.path.partition("/namespaces/user-ada/")[2], parse_qs(parts.query)
        if self.hidden is not None:
            return self._said(*self.hidden)
        if method != "GET":
            return self._said(*self.refused) if self.refused else (200, [b"{}"])
        if name.endswith("/log"):
            return 200, [self.logs[name.split("/")[1]]]
        found = self.objects.get(name)
        if found is None:
            return self._said(404, "not found")
        wanted = query.get("labelSelector", [""])[0].partition("job-name=")[2]
        if name == "pods" and wanted:
            found = {"items": [each for each in found["items"] if wanted in each["metadata"]["labels"].values()]}
        elif name == "pods" and "spark-notebooks.io" in query.get("labelSelector", [""])[0]:
            found = {"items": []}  # no executor runs
        return 200, [json.dumps(found).encode()]

    @staticmethod
    def _said(status: int, message: str) -> Answer:
        return status, [json.dumps({"reason": "", "message": message}).encode()]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    account = tmp_path / "account"
    account.mkdir()
    make_account(account)
    with api_server(account) as server:
        made = Workspace(server)
        host, port = server.url.removeprefix("https://").split(":")
        for name in [name for name in os.environ if name.startswith(("AWS_", "SPARK_", "JPY_"))]:
            monkeypatch.delenv(name)
        variables = {
            "SPARK_NOTEBOOKS_IMAGE": "registry/notebook:1", "SPARK_NOTEBOOKS_S3_HOME": HOME, "POD_NAME": "notebook", "POD_NAMESPACE": "user-ada",
            "POD_IP": "10.244.0.7", "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": "http://s3:1",
        }  # fmt: skip
        for name, text in variables.items():
            monkeypatch.setenv(name, text)

        def detect(given: Any, home: Path) -> Any:
            return real(given, home, account)

        real = here.detect
        for module in (here, service):
            monkeypatch.setattr(module, "detect", detect)
        monkeypatch.setattr(
            here, "Apis", lambda url, namespace, _, member: Apis(url, namespace, ServiceAccount(account), member)
        )
        monkeypatch.setattr(s3, "names", lambda folder, *_, **__: [url.removeprefix(folder) for url in made.files if url.startswith(folder)])  # fmt: skip
        monkeypatch.setattr(s3, "find", lambda url, *_: made.files.get(url))
        monkeypatch.setattr(s3, "is_there", lambda url, *_: url in made.files)
        monkeypatch.setattr(s3, "write", lambda url, content, *_: made.files.__setitem__(url, content))
        yield made
