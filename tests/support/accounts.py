"""Requests to the API server in the name of any account, as the administrator may: what an account is refused, and by whom."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import yaml

POD_UID = "authentication.kubernetes.io/pod-uid"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
LONGEST_SILENCE = 30.0  # seconds


@dataclass(frozen=True)
class Account:
    """Who asks: a service account, and the pod that its token is bound to, if any."""

    namespace: str
    name: str
    pod_uid: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        user = f"system:serviceaccount:{self.namespace}:{self.name}"
        extra = {} if self.pod_uid is None else {f"Impersonate-Extra-{quote(POD_UID, safe='')}": self.pod_uid}
        return {"Impersonate-User": user, "Impersonate-Group": "system:authenticated", **extra}


@dataclass(frozen=True)
class Answer:
    """The HTTP status, and Kubernetes' sentence where it is a refusal."""

    status: int
    message: str
    content: dict[str, Any] = field(repr=False, default_factory=dict)

    @property
    def allowed(self) -> bool:
        return self.status < http.client.BAD_REQUEST


class ApiServer:
    """One connection to the API server of a node.

    Args:
        kubeconfig: the administrator's.
    """

    def __init__(self, kubeconfig: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        [cluster], [user] = content["clusters"], content["users"]
        url = urlsplit(cluster["cluster"]["server"])
        context = ssl.create_default_context(cadata=_text(cluster["cluster"], "certificate-authority"))
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as both:
            both.write(_text(user["user"], "client-certificate") + _text(user["user"], "client-key"))
            both.flush()
            context.load_cert_chain(both.name)
        self._connection = http.client.HTTPSConnection(url.hostname or "", url.port, timeout=30, context=context)
        self._used = time.monotonic()

    @contextmanager
    def without(self, collection: str, name: str) -> Iterator[None]:
        """Within, an object is not there; then it is made again as it was."""
        path = f"{collection}/{name}"
        found = self.call("GET", path).content
        assert self.call("DELETE", path).allowed
        try:
            yield
        finally:
            kept = ("name", "labels", "annotations")
            metadata = {key: found["metadata"][key] for key in kept if key in found["metadata"]}
            assert self.call("POST", collection, {**found, "metadata": metadata}).allowed

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | Sequence[Any] | None = None,
        account: Account | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """Asks as an account; without one, as the administrator."""
        headers = {"Accept": "application/json", "Content-Type": content_type}
        headers |= account.headers if account else {}
        # The API server hangs up on those who have been silent for 90 s.
        if time.monotonic() - self._used > LONGEST_SILENCE:
            self._connection.close()
        self._used = time.monotonic()
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self._connection.getresponse()
        content = json.loads(response.read())
        return Answer(response.status, str(content.get("message", "")) if response.status >= 400 else "", content)

    def dry_run(self, pod: Mapping[str, Any], account: Account | None = None) -> Answer:
        """What creating a pod would give."""
        namespace = pod["metadata"]["namespace"]
        return self.call("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", pod, account)

    def wait_until_refused(self, pod: Mapping[str, Any], policy: str, account: Account | None = None) -> None:
        """Waits until a policy is in force that refuses a pod: the API server takes up new ones after a moment."""
        deadline = time.monotonic() + 30
        while policy not in (answer := self.dry_run(pod, account)).message or "denied request" not in answer.message:
            assert time.monotonic() < deadline, f"{policy} does not refuse what it should: {answer}"
            time.sleep(0.1)

    def close(self) -> None:
        self._connection.close()


def _text(section: Mapping[str, str], key: str) -> str:
    if f"{key}-data" in section:
        return base64.b64decode(section[f"{key}-data"]).decode()
    return Path(section[key]).read_text()
