"""What Kubernetes' own objects say of nodes and pods that may have died since. Pure."""

from datetime import datetime
from typing import Any


def node_ready(node: dict[str, Any], since: float) -> bool:
    """Whether a Node object says that it takes pods, and said so after the Unix time `since`.

    The object outlives the node: what the kubelet wrote before the last stop does not count. Times in it are whole seconds.
    """
    for condition in node.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready" and condition["status"] == "True":
            heartbeat = datetime.fromisoformat(condition["lastHeartbeatTime"])
            return heartbeat.timestamp() >= int(since)
    return False


def stale_pods(pods: list[dict[str, Any]], since: float) -> list[str]:
    """Names of the pods that are said to run since before the Unix time `since`: the kubelet has yet to find them dead.

    As long as there are any, "ready" and "rolled out" are what they were before the last stop.
    """
    found = []
    for pod in pods:
        starts = [
            status["state"]["running"]["startedAt"]
            for status in pod["status"].get("containerStatuses", [])
            if "running" in status["state"]
        ]
        if any(datetime.fromisoformat(start).timestamp() < int(since) for start in starts):
            found.append(pod["metadata"]["name"])
    return found
