"""Images of jobs and schedules at the start of a server, against a client that answers as the Kubernetes API."""

from typing import Any, cast

from kubernetes_asyncio.client import ApiClient
from spark_notebooks_hub.admission import IMAGE, kept_annotations
from spark_notebooks_hub.workspace import HubIdentity, Workspace
from spark_notebooks_hub.workspaces import apply_server_rules

WORKSPACE = Workspace("ada", "user-ada", HubIdentity("platform", "sn"))
SERVER = {"metadata": {"name": "notebook"}, "spec": {"containers": [{"name": "notebook", "image": "notebook:2"}]}}


class Client:
    """Has a namespace with annotations, jobs and schedules; remembers what is applied, by field manager."""

    def __init__(self, notes: dict[str, str], jobs: list[str], schedules: list[str]) -> None:
        def spec(image: str) -> dict[str, Any]:
            return {"template": {"spec": {"containers": [{"name": "job", "image": image}]}}}

        self.answers = {
            "/api/v1/namespaces/user-ada": {"metadata": {"annotations": notes}},
            "/apis/batch/v1/namespaces/user-ada/jobs": {"items": [{"spec": spec(image)} for image in jobs]},
            "/apis/batch/v1/namespaces/user-ada/cronjobs": {
                "items": [{"spec": {"jobTemplate": {"spec": spec(image)}}} for image in schedules]
            },
        }
        self.applied: list[tuple[str, dict[str, str]]] = []

    async def call_api(self, path: str, method: str, query_params: Any = (), body: Any = None, **_: Any) -> Any:
        if method == "GET":
            return self.answers[path]
        self.applied.append((dict(query_params)["fieldManager"], body["metadata"]["annotations"]))
        return body


async def applied(notes: dict[str, str], jobs: list[str], schedules: list[str]) -> list[tuple[str, dict[str, str]]]:
    client = Client(notes, jobs, schedules)
    await apply_server_rules(cast(ApiClient, client), WORKSPACE, SERVER)
    return client.applied


KEPT = kept_annotations(
    {f"{IMAGE}/notebook": "notebook:1"}, [SERVER["spec"] | {"containers": [{"image": "notebook:1"}]}]
)  # type: ignore[operator]


async def test_the_image_of_a_schedule_is_kept_before_the_servers_own_takes_its_place() -> None:
    first, second = await applied({f"{IMAGE}/notebook": "notebook:1"}, [], ["notebook:1"])
    assert first == ("spark-notebooks-hub_jobs", KEPT)
    assert second[0] == "spark-notebooks-hub-notebook"
    assert second[1][f"{IMAGE}/notebook"] == "notebook:2"


async def test_and_that_of_a_job_that_runs() -> None:
    assert (await applied({f"{IMAGE}/notebook": "notebook:1"}, ["notebook:1"], []))[0][1] == KEPT


async def test_it_goes_with_the_last_of_them_and_nothing_is_written_twice() -> None:
    notes = {f"{IMAGE}/notebook": "notebook:2", **KEPT}
    assert (await applied(notes, [], []))[0] == ("spark-notebooks-hub_jobs", {})
    assert [manager for manager, _ in await applied(notes, [], ["notebook:1"])] == ["spark-notebooks-hub-notebook"]
    assert len(await applied({f"{IMAGE}/notebook": "notebook:2"}, [], [])) == 1
