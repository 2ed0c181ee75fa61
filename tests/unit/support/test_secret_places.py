"""Which of what the cluster shows is searched for secrets."""

from __future__ import annotations

import json
import subprocess

from tests.support.secret_places import logs, objects

SECRET = {
    "kind": "Secret",
    "metadata": {"namespace": "a", "name": "s", "annotations": {"last-applied": "copied"}},
    "data": {"key": "aGlkZGVu"},
    "stringData": {"key": "hidden"},
}
POD = {
    "kind": "Pod",
    "metadata": {"namespace": "a", "name": "p"},
    "spec": {"containers": [{"env": [{"value": "seen"}]}]},
    "status": {"containerStatuses": [{"name": "one", "restartCount": 0}, {"name": "two", "restartCount": 1}]},
}
NODE = {"kind": "Node", "metadata": {"name": "n"}}


class Kubectl:
    """Answers as a cluster with one pod, one Secret and one node."""

    def kubectl(self, verb: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        if verb == "api-resources":
            text = "nodes\npods\nsecrets\n"
        elif verb == "get":
            kinds = {"pods": [POD], "secrets": [SECRET], "nodes,pods": [NODE, POD]}
            text = json.dumps({"items": kinds[arguments[0]]})
        else:
            text = f"{arguments[arguments.index('--container') + 1]} {'--previous' in arguments}"
        return subprocess.CompletedProcess([], 0, text, "")


def test_everything_of_objects_is_searched_but_what_secrets_are_for() -> None:
    found = dict(objects(Kubectl()))
    assert found.keys() == {"Node /n", "Pod a/p", "Secret a/s"}
    assert b"seen" in found["Pod a/p"]
    assert b"copied" in found["Secret a/s"]
    assert b"hidden" not in found["Secret a/s"]
    assert b"aGlkZGVu" not in found["Secret a/s"]


def test_logs_are_of_every_container_also_before_its_restart() -> None:
    assert dict(logs(Kubectl())) == {
        "log of a/p/one": b"one False",
        "log of a/p/two": b"two False",
        "log of a/p/two before": b"two True",
    }
