"""The executors that a job leaves behind."""

from __future__ import annotations

import time

from spark_session.executor_pods import ExecutorPods, is_owned_by, session_of

LOOKS = 20
PAUSE = 0.25  # seconds; the API server's memory may be as old


def reap(executors: ExecutorPods, owner: str) -> None:
    """Delete the executors of all sessions of a driver that is gone, and wait until none is left that nobody has deleted.

    Args:
        executors: of the workspace.
        owner: uid of the driver's pod.

    Raises:
        OSError: the API refuses or does not answer.
    """
    for look in range(LOOKS):
        left = [
            pod
            for pod in executors.list()
            if is_owned_by(pod, owner) and "deletionTimestamp" not in pod["metadata"]
        ]  # fmt: skip
        if not left:
            return
        for session in sorted({session_of(pod) for pod in left}):
            executors.delete_session(session)
        if look < LOOKS - 1:
            time.sleep(PAUSE)
