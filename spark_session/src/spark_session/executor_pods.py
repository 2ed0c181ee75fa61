"""The executor pods of this workspace, through the Kubernetes API and the service account of this pod."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPSHandler, Request, build_opener

from spark_session.environment import SERVICE_ACCOUNT
from spark_session.pod_template import LABEL_PREFIX

SESSION_LABEL = f"{LABEL_PREFIX}/session"
EXECUTOR_LABEL = "spark-exec-id"
TIMEOUT = 10.0
GRACE = 1
"""Seconds between the polite signal and the other one, for executors that nobody needs any more."""

Pod = dict[str, Any]


class ExecutorPods:
    """Every method raises OSError where the API refuses or does not answer.

    Args:
        url: "https://host:port" of the API server.
        namespace: the workspace.
        account: folder with the service account's `token` and the API server's `ca.crt`.
    """

    def __init__(self, url: str, namespace: str, account: Path = SERVICE_ACCOUNT) -> None:
        self._pods = f"{url}/api/v1/namespaces/{namespace}/pods"
        self._account = account
        context = ssl.create_default_context(cafile=str(account / "ca.crt"))
        self._opener = build_opener(HTTPSHandler(context=context))

    def list(self, session_id: str | None = None, ended: bool = False) -> list[Pod]:
        """Executor pods of a session, or of every session; ended: only those whose containers have ended."""
        label = SESSION_LABEL if session_id is None else f"{SESSION_LABEL}={session_id}"
        # Version 0 is answered from the API server's memory.
        query = {"labelSelector": label, "resourceVersion": "0"}
        if ended:
            query["fieldSelector"] = "status.phase!=Pending,status.phase!=Running"
        items: list[Pod] = json.loads(self._call("GET", "", query))["items"]
        return items

    def log(self, name: str, lines: int) -> str:
        """The last lines of a pod's log."""
        return self._call("GET", f"/{name}/log", {"tailLines": str(lines)}).decode(errors="replace")

    def delete(self, name: str) -> None:
        """Delete one pod."""
        self._call("DELETE", f"/{name}", {"gracePeriodSeconds": str(GRACE)})

    def delete_session(self, session_id: str) -> None:
        """Delete all executor pods of a session."""
        query = {"labelSelector": f"{SESSION_LABEL}={session_id}", "gracePeriodSeconds": str(GRACE)}
        self._call("DELETE", "", query)

    def _call(self, method: str, path: str, query: Mapping[str, str]) -> bytes:
        # Kubernetes renews the file before the token in it runs out.
        token = (self._account / "token").read_text().strip()
        request = Request(f"{self._pods}{path}?{urlencode(query)}", method=method)  # noqa: S310 (https)
        request.add_header("Authorization", f"Bearer {token}")
        with self._opener.open(request, timeout=TIMEOUT) as response:
            answer: bytes = response.read()
        return answer


def session_of(pod: Pod) -> str:
    """The session that an executor pod belongs to."""
    return str(pod["metadata"]["labels"][SESSION_LABEL])


def executor_of(pod: Pod) -> str:
    """Spark's number of the executor in a pod."""
    return str(pod["metadata"].get("labels", {}).get(EXECUTOR_LABEL, ""))


def is_owned_by(pod: Pod, owner: str) -> bool:
    """Whether a pod goes when the pod with the uid `owner` goes."""
    return any(reference.get("uid") == owner for reference in pod["metadata"].get("ownerReferences", []))
