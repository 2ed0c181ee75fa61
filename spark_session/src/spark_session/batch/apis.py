"""What jobs ask of the Kubernetes API."""

from __future__ import annotations

from http.client import HTTPException

from spark_session.batch.manifest import JOB_NAME_LABEL, LABELS
from spark_session.batch.outcome import GONE, Outcome, outcome
from spark_session.executor_pods import ExecutorPods
from spark_session.kube import THIS_POD, Access, Api, ApiError, Object
from spark_session.pod_template import MEMBER_LABEL

UNANSWERED = (OSError, HTTPException)
"""What the API raises where there is no answer."""

NOT_FOUND = 404


class Apis:
    """Jobs, schedules, pods and executors of a workspace; not for use by two threads at once. Methods raise what Api raises.

    Args:
        url: "https://host:port" of the API server.
        namespace: the workspace.
        access: who asks.
        member: whose jobs and schedules, in a workspace that several people share; those of others are as if they were not there.
    """

    def __init__(self, url: str, namespace: str, access: Access = THIS_POD, member: str = "") -> None:
        self.namespace = namespace
        self._labels = LABELS | ({MEMBER_LABEL: member} if member else {})
        self._selector = ",".join(f"{key}={value}" for key, value in self._labels.items())
        self.jobs = Api(url, namespace, access, group="apis/batch/v1")
        self.pods = Api(url, namespace, access)
        self.logs = Api(url, namespace, access)
        self.executors = ExecutorPods(Api(url, namespace, access))

    def schedules(self) -> list[Object]:
        """All schedules, by their names."""
        found: list[Object] = self.jobs.list("cronjobs", labelSelector=self._selector)["items"]
        return sorted(found, key=lambda schedule: str(schedule["metadata"]["name"]))

    def list(self) -> list[tuple[Object, Object | None]]:
        """All jobs, the oldest first, each with its newest pod."""
        pods = self.pods.list("pods", labelSelector=self._selector)["items"]
        jobs: list[Object] = self.jobs.list("jobs", labelSelector=self._selector)["items"]
        jobs.sort(key=lambda job: str(job["metadata"]["creationTimestamp"]))
        return [
            (job, _newest([pod for pod in pods if _job_of(pod) == job["metadata"]["name"]])) for job in jobs
        ]  # fmt: skip

    def pod(self, name: str) -> Object | None:
        """The newest pod of a job; None where there is none."""
        return _newest(self.pods.list("pods", labelSelector=f"{self._selector},{JOB_NAME_LABEL}={name}")["items"])

    def job(self, name: str) -> Object | None:
        """A job; None where there is none."""
        return self._found("jobs", name)

    def schedule(self, name: str) -> Object | None:
        """A schedule; None where there is none."""
        return self._found("cronjobs", name)

    def outcome(self, name: str, pod: Object | None) -> Outcome:
        """How a job stands, with its pod as it was found before."""
        job = self.job(name)
        return GONE if job is None else outcome(job, pod)

    def refusal(self, name: str) -> str:
        """What Kubernetes says against making the pod of a job; empty where it says nothing."""
        events = self.pods.list("events", fieldSelector=f"involvedObject.name={name},involvedObject.kind=Job")["items"]
        said = [str(event.get("message") or "") for event in events if event.get("reason") == "FailedCreate"]
        return said[-1] if said else ""

    def _found(self, resource: str, name: str) -> Object | None:
        try:
            found = self.jobs.get(resource, name)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        mine, labels = self._labels.get(MEMBER_LABEL), found["metadata"].get("labels") or {}
        return found if mine is None or labels.get(MEMBER_LABEL) == mine else None


def _newest(pods: list[Object]) -> Object | None:
    return max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)


def _job_of(pod: Object) -> str:
    return str((pod["metadata"].get("labels") or {}).get(JOB_NAME_LABEL, ""))
