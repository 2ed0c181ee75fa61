"""The spawner without a cluster: names, the pod's manifest, and its one watch of pods. Starting for real is tested on the node."""

import asyncio
import base64
import json
import logging
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from jupyterhub.objects import Hub
from jupyterhub.orm import Base, Group, Server
from kubernetes_asyncio.client import ApiClient, ApiException
from spark_notebooks_hub import spawner as module
from spark_notebooks_hub.config import hub_config
from spark_notebooks_hub.errors import Failure, SpawnFailed
from spark_notebooks_hub.progress import PodProgress, Step
from spark_notebooks_hub.spawner import WorkspaceSpawner
from spark_notebooks_hub.storage import ObjectStore
from spark_notebooks_hub.values import parse_values
from spark_notebooks_hub.workspace import token_secret
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

KEYS = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "pass-word"}
VALUES: dict[str, Any] = {
    "release": {"name": "sn", "namespace": "platform", "fullname": "sn", "version": "0.1.0"},
    "singleuser": {
        "image": {"name": "registry.example/notebook", "tag": "1", "pullPolicy": "Always"},
        "memory": {"limit": "2G", "guarantee": "1G"},
        "cpu": {"guarantee": 0.5},
        "extraEnv": {"SETTINGS": '{"a": 1}', "AWS_REGION": "chosen-by-admin"},
        "nodeSelector": {"pool": "notebooks"},
        "extraTolerations": [{"key": "notebooks", "operator": "Exists"}],
    },
    "s3": {"endpoint": "http://sn-s3.platform:7070", "bucket": "notebooks"},
    "workspace": {"quota": {"pods": 20}},
    "spark": {"executor": {"cores": 2}},
    "imagePullSecrets": ["registry"],
}


class MakeSpawner:
    """Makes spawners as JupyterHub does, without a cluster."""

    def __call__(
        self, user: str = "ada", server: str = "", groups: Sequence[str] = (), **values: Any
    ) -> WorkspaceSpawner:
        member_of = [SimpleNamespace(name=group) for group in groups]
        found = WorkspaceSpawner(
            config=hub_config(parse_values(VALUES | values), KEYS),
            user=SimpleNamespace(name=user, id=1, url=f"/user/{user}/", escaped_name=user, groups=member_of),
            orm_spawner=SimpleNamespace(
                name=server, server=Server(proto="http", ip="", port=8888, base_url=f"/user/{user}/", cookie_name="c")
            ),
            hub=Hub(ip="10.0.0.1", port=8081, base_url="/hub/"),
        )
        found.api_token = "token"
        return found


@pytest.fixture
async def make_spawner(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
    monkeypatch.setattr("kubespawner.spawner.shared_client", lambda kind: SimpleNamespace(api_client=None))
    monkeypatch.setattr(WorkspaceSpawner, "reflectors", {})
    monkeypatch.setattr(WorkspaceSpawner, "_watch_starting", None)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    ObjectStore.clear_instance()
    yield MakeSpawner()
    ObjectStore.clear_instance()


async def manifest(spawner: WorkspaceSpawner) -> dict[str, Any]:
    found: dict[str, Any] = ApiClient().sanitize_for_serialization(await spawner.get_pod_manifest())
    return found


@pytest.mark.parametrize(
    ("user", "server", "namespace", "pod"),
    [
        ("ada", "", "user-ada", "notebook"),
        ("ada", "big", "user-ada", "notebook-big"),
        ("ada", "Big One", "user-ada", "notebook-big-one---"),
        ("Ada@example.org", "", "user-ada-example-org---", "notebook"),
    ],
)
async def test_a_person_has_one_namespace_and_each_server_a_pod_in_it(
    make_spawner: MakeSpawner, user: str, server: str, namespace: str, pod: str
) -> None:
    spawner = make_spawner(user, server)
    assert spawner.namespace.startswith(namespace)
    assert spawner.pod_name.startswith(pod)
    assert spawner.pvc_name.startswith(pod.replace("notebook", "home"))
    assert "pass-word" not in repr(spawner.workspace())


async def test_the_pod_meets_the_restricted_level(make_spawner: MakeSpawner) -> None:
    spec = (await manifest(make_spawner()))["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["securityContext"]["fsGroup"] == 1000
    assert container["securityContext"] == {
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert all(set(volume) - {"name"} <= {"emptyDir", "secret"} for volume in spec["volumes"])


async def test_the_pod_is_what_the_values_say(make_spawner: MakeSpawner) -> None:
    found = await manifest(make_spawner())
    spec = found["spec"]
    (container,) = spec["containers"]
    assert container["image"] == "registry.example/notebook:1"
    assert container["imagePullPolicy"] == "Always"
    assert container["args"] == ["jupyterhub-singleuser"]
    assert "command" not in container, "the image's entry point stays"
    assert container["resources"] == {
        "limits": {"memory": 2 * 1024**3},
        "requests": {"memory": 1024**3, "cpu": 0.5},
    }
    assert spec["serviceAccountName"] == "notebook"
    assert spec["automountServiceAccountToken"] is True
    assert spec["enableServiceLinks"] is False
    assert spec["nodeSelector"] == {"pool": "notebooks"}
    assert spec["tolerations"] == [{"key": "notebooks", "operator": "Exists"}]
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    labels = found["metadata"]["labels"]
    assert labels["app.kubernetes.io/managed-by"] == "spark-notebooks"
    assert labels["app.kubernetes.io/instance"] == "sn"
    assert labels["spark-notebooks.io/workspace"] == "ada"


async def test_the_environment_is_complete_and_the_admin_has_the_last_word(make_spawner: MakeSpawner) -> None:
    (container,) = (await manifest(make_spawner()))["spec"]["containers"]
    variables = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert variables["SPARK_NOTEBOOKS_S3_HOME"] == "s3://notebooks/users/ada"
    assert variables["AWS_ENDPOINT_URL_S3"] == "http://sn-s3.platform:7070"
    assert variables["AWS_REGION"] == "chosen-by-admin"
    assert json.loads(variables["SETTINGS"]) == {"a": 1}
    assert json.loads(variables["SPARK_SESSION_CONFIG"]) == {"SparkSessionDefaults": {"executor_cores": 2}}
    assert variables["JUPYTERHUB_ACTIVITY_INTERVAL"] == "1200"
    assert variables["POD_IP"] is None
    assert not any("pass-word" in (value or "") for value in variables.values())


async def test_the_profiles_of_a_person_follow_their_groups(make_spawner: MakeSpawner) -> None:
    profiles = {"spot": {"description": "Cheap."}, "gpu": {"description": "Dear.", "allowedGroups": ["gpu"]}}
    workspace = VALUES["workspace"] | {"profiles": profiles}
    for groups, names in (([], {"spot"}), (["students"], {"spot"}), (["gpu"], {"spot", "gpu"})):
        spawner = make_spawner(groups=groups, workspace=workspace)
        settings = json.loads(spawner.get_env()["SPARK_SESSION_CONFIG"])["SparkSessionDefaults"]
        assert settings["profiles"].keys() == names
        assert settings["executor_cores"] == 2
        assert spawner.workspace().placement.profiles.keys() == names
    plain = json.loads(make_spawner().get_env()["SPARK_SESSION_CONFIG"])["SparkSessionDefaults"]
    assert "profiles" not in plain


@pytest.mark.parametrize(
    ("server", "policy", "done"),
    [
        ("", "keep", ["volume", "keep"]),
        ("", "remove", ["volume", "remove"]),
        ("", "archive", ["archive"]),
        ("of somebody with another server that runs", "archive", []),
        ("big", "archive", ["volume"]),
    ],
)
async def test_the_workspace_of_somebody_who_is_deleted_goes_the_way_of_the_values(
    make_spawner: MakeSpawner, monkeypatch: pytest.MonkeyPatch, server: str, policy: str, done: list[str]
) -> None:
    found: list[str] = []

    async def depart(client: Any, workspace: Any, asked: str) -> bool:
        assert workspace.user == "ada"
        found.append(asked)
        return True

    async def delete_volume(self: WorkspaceSpawner) -> None:
        found.append("volume")

    monkeypatch.setattr(module, "depart", depart)
    monkeypatch.setattr("kubespawner.KubeSpawner.delete_forever", delete_volume)
    others_run = server.startswith("of somebody")
    spawner = make_spawner(server="" if others_run else server, workspace={"afterRemoval": policy})
    spawner.user.spawners = {"": SimpleNamespace(active=False), "big": SimpleNamespace(active=others_run)}
    await spawner.delete_forever()
    assert found == done


GROUPS = [
    {
        "group": "staff",
        "quota": {"pods": 100, "requests.cpu": 40},
        "priorityClass": "research",
        "sizes": [{"name": "Small"}, {"name": "Large", "memory": {"limit": "8G"}, "cpu": {"guarantee": 4}}],
        "images": [{"name": "Plain", "image": "registry.example/plain:1"}, {"name": "R", "image": "registry.example/r:1"}],
    },
    {"group": "students", "quota": {"pods": 5}, "images": [{"name": "Course", "image": "registry.example/course:1"}]},
]  # fmt: skip


async def test_what_a_workspace_may_have_follows_the_person_s_groups(make_spawner: MakeSpawner) -> None:
    quotas = {(): {"pods": 20}, ("staff",): {"pods": 100, "requests.cpu": 40}, ("students",): {"pods": 5}}
    for groups, quota in quotas.items():
        workspace = make_spawner(groups=groups, tenancy={"groups": GROUPS}).workspace()
        assert workspace.quota == quota
        assert workspace.allowed.priority_class == ("research" if groups == ("staff",) else None)
    settings = make_spawner(groups=["staff"], tenancy={"groups": GROUPS}).get_env()["SPARK_SESSION_CONFIG"]
    assert json.loads(settings)["SparkSessionDefaults"]["priority_class"] == "research"


async def test_a_notebook_has_the_size_the_image_and_the_priority_of_its_person_s_group(
    make_spawner: MakeSpawner,
) -> None:
    async def started(groups: list[str], **options: str) -> tuple[dict[str, Any], WorkspaceSpawner]:
        spawner = make_spawner(groups=groups, tenancy={"groups": GROUPS})
        spawner.user_options = options
        await spawner._load_choices()
        return (await manifest(spawner))["spec"], spawner

    spec, _ = await started(["staff"], profile="notebook", size="large", image="r")
    [container] = spec["containers"]
    assert spec["priorityClassName"] == "research"
    assert container["image"] == "registry.example/r:1"
    assert container["resources"]["limits"]["memory"] == 8 * 1024**3
    assert container["resources"]["requests"] == {"memory": 1024**3, "cpu": 4.0}
    spec, _ = await started(["students"])
    [container] = spec["containers"]
    assert "priorityClassName" not in spec
    assert container["image"] == "registry.example/course:1"
    spec, spawner = await started(["students"], profile="notebook", size="large", image="r")
    [container] = spec["containers"]
    assert container["image"] == "registry.example/course:1", "no more than the group has"
    assert container["resources"]["limits"]["memory"] == 2 * 1024**3
    spawner._spawn_log.close()
    assert [event["message"] async for event in spawner.progress()] == [
        "Creating your workspace ('r', which you chose, is not offered to you any more: the default takes its place)"
    ]


async def test_the_form_shows_what_there_is_to_choose(make_spawner: MakeSpawner) -> None:
    for groups, shown in ((["staff"], ["Small", "Large", "Plain"]), (["students"], []), ([], [])):
        form = await make_spawner(groups=groups, tenancy={"groups": GROUPS}).get_options_form()
        assert bool(form) is bool(shown)
        assert all(f">{name}</option>" in form for name in shown)
    everybody = VALUES["singleuser"] | {"profileList": [{"display_name": "Everybody's"}]}
    form = await make_spawner(singleuser=everybody, tenancy={"groups": GROUPS}).get_options_form()
    assert "Everybody's" in form
    assert "Plain" not in form


FLIGHTS = {
    "name": "Flights",
    "groups": ["pilots"],
    "prefix": "teams/flights",
    "quota": {"pods": 60},
    "priorityClass": "p",
}
SHARED_VALUES = {"tenancy": {"groups": GROUPS, "workspaces": [FLIGHTS]}}


def in_flights(make_spawner: MakeSpawner, user: str = "ada", server: str = "", **more: Any) -> WorkspaceSpawner:
    spawner = make_spawner(user, server, groups=["pilots", "staff"], **{**SHARED_VALUES, **more})
    spawner.user_options = {"workspace": "Flights"}
    spawner.choose_workspace()
    return spawner


async def test_in_a_shared_workspace_a_server_is_its_member_s(make_spawner: MakeSpawner) -> None:
    spawner = in_flights(make_spawner, singleuser=VALUES["singleuser"] | {"storage": {"type": "dynamic"}})
    workspace = spawner.workspace()
    assert spawner.namespace.startswith("user-group--")
    assert (workspace.shared, workspace.member, workspace.prefixes) == ("Flights", "ada", ["teams/flights"])
    assert workspace.quota == {"pods": 60}, "what is said of the workspace, not of the person's groups"
    assert workspace.allowed.priority_class == "p"
    pod = await manifest(spawner)
    assert pod["metadata"]["name"] == "notebook-ada"
    assert pod["metadata"]["labels"]["spark-notebooks.io/member"] == "ada"
    assert pod["spec"]["serviceAccountName"] == "notebook-ada"
    volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
    assert volumes["spark-authentication"]["secret"]["secretName"] == "spark-authentication-ada"
    assert volumes["home"]["persistentVolumeClaim"] == {"claimName": "home-ada"}
    variables = {each["name"]: each for each in pod["spec"]["containers"][0]["env"]}
    assert variables["SPARK_NOTEBOOKS_S3_HOME"]["value"] == "s3://notebooks/teams/flights"
    assert variables["SPARK_NOTEBOOKS_MEMBER"]["value"] == "ada"
    assert variables["JPY_API_TOKEN"]["valueFrom"]["secretKeyRef"]["name"] == "notebook-ada-token"
    own = make_spawner(groups=["pilots"], **SHARED_VALUES)
    assert (own.member, own.workspace().shared) == ("", None)
    assert "spark-notebooks.io/member" not in (await manifest(own))["metadata"]["labels"]
    assert "SPARK_NOTEBOOKS_MEMBER" not in own.get_env()


async def test_no_two_servers_of_a_shared_workspace_have_the_same_names(make_spawner: MakeSpawner) -> None:
    people = [
        ("ada", ""),
        ("ada", "bob"),
        ("ada-bob", ""),
        ("ada--bob", ""),
        ("ada/bob", ""),
        ("Ada", ""),
        ("bob", "ada"),
        ("a/b", "c"),
        ("a", "b/c"),
    ]
    found = [in_flights(make_spawner, user, server) for user, server in people]
    assert len({spawner.pod_name for spawner in found}) == len(people)
    assert len({spawner.pvc_name for spawner in found}) == len(people)


@pytest.mark.parametrize("name", ["Flights", "Elsewhere"])
async def test_who_is_no_member_does_not_start_there_nor_in_another_place(make_spawner: MakeSpawner, name: str) -> None:
    spawner = make_spawner(groups=["staff"], **SHARED_VALUES)
    spawner.user_options = {"workspace": name}
    with pytest.raises(SpawnFailed, match=f"not a member of the workspace '{name}'"):
        await spawner.start()
    assert spawner.namespace == "user-ada"


async def test_the_choice_of_a_workspace_is_asked_kept_and_forgotten_with_the_run(make_spawner: MakeSpawner) -> None:
    spawner = make_spawner(groups=["pilots"], **SHARED_VALUES)
    form = await spawner.get_options_form()
    assert '<option value="Flights">' in form
    assert 'label for="workspace"' in form
    spawner.user_options = spawner.options_from_form({"workspace": ["Flights"]})
    assert '<option value="Flights" selected>' in await spawner.get_options_form()
    await spawner.load_user_options()
    assert spawner.user_options == {"workspace": "Flights"}
    assert await make_spawner(groups=["others"], **SHARED_VALUES).get_options_form() == ""
    shared = in_flights(make_spawner)
    state = shared.get_state()
    again = make_spawner(groups=["pilots"], **SHARED_VALUES)
    again.load_state(state)
    assert (again.namespace, again.pod_name, again.member) == (shared.namespace, "notebook-ada", "ada")
    assert again.workspace().shared == "Flights"
    again.clear_state()
    assert (again.namespace, again.pod_name, again.pvc_name, again.member) == ("user-ada", "notebook", "home", "")


async def test_who_leaves_the_group_loses_the_server_that_runs_in_its_workspace(
    make_spawner: MakeSpawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    async def leave(client: Any, workspace: Any) -> None:
        done.append(f"{workspace.user} leaves {workspace.shared}")

    async def stop(self: WorkspaceSpawner, now: bool = False) -> None:
        done.append("stopped")

    async def runs(self: WorkspaceSpawner) -> None:
        return None

    monkeypatch.setattr("spark_notebooks_hub.choosing.leave", leave)
    monkeypatch.setattr(WorkspaceSpawner, "stop", stop)
    monkeypatch.setattr("kubespawner.KubeSpawner.poll", runs)
    spawner = in_flights(make_spawner)
    assert await spawner.poll() is None
    spawner.user.groups = [SimpleNamespace(name="staff")]
    assert await spawner.poll() == 1
    assert done == ["ada leaves Flights", "stopped"]


async def test_the_server_s_token_is_in_no_pod_spec(make_spawner: MakeSpawner) -> None:
    spawner = make_spawner(server="big")
    spawner.api_token = "a-token-that-is-planted"
    pod = await manifest(spawner)
    assert spawner.api_token not in json.dumps(pod)
    variables = {each["name"]: each for each in pod["spec"]["containers"][0]["env"]}
    for name in ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN"):
        assert variables[name]["valueFrom"]["secretKeyRef"] == {"name": "notebook-big-token", "key": "token"}
    secret = token_secret(spawner.workspace(), spawner.pod_name, spawner.api_token)
    assert secret["metadata"]["name"] == "notebook-big-token"
    assert base64.b64decode(secret["data"]["token"]).decode() == spawner.api_token


async def test_a_home_volume_belongs_to_one_server(make_spawner: MakeSpawner) -> None:
    singleuser = VALUES["singleuser"] | {"storage": {"type": "dynamic"}}
    spec = (await manifest(make_spawner(server="big", singleuser=singleuser)))["spec"]
    (home,) = [volume for volume in spec["volumes"] if volume["name"] == "home"]
    assert home["persistentVolumeClaim"] == {"claimName": "home-big"}


async def test_a_running_server_keeps_its_names_over_a_restart_and_a_new_prefix(make_spawner: MakeSpawner) -> None:
    state = make_spawner().get_state()
    restarted = make_spawner(workspace={"namespacePrefix": "team-"})
    restarted.load_state(state)
    assert (restarted.namespace, restarted.pod_name) == ("user-ada", "notebook")
    restarted.clear_state()
    assert restarted.namespace == "team-ada"


async def test_progress_is_percent_and_sentence(make_spawner: MakeSpawner) -> None:
    spawner = make_spawner()
    spawner._say(PodProgress(Step.WORKSPACE))
    spawner._spawn_log.close()
    assert [event async for event in spawner.progress()] == [{"progress": 10, "message": "Creating your workspace"}]


@pytest.mark.parametrize(
    ("detail", "seconds", "message"),
    [
        ("", 14, "Pulling the notebook image"),
        ("", 47, "Pulling the notebook image (45 s so far)"),
        ("why", 15, "Pulling the notebook image (why, 15 s so far)"),
    ],
)
def test_long_steps_are_said_again(detail: str, seconds: float, message: str) -> None:
    assert module._with_time(PodProgress(Step.IMAGE, detail), seconds).message == message


class FakeReflector:
    """A watch whose first listings fail as often as the class is told."""

    failures = 0
    begun: list["FakeReflector"]

    def __init__(self, **kwargs: Any) -> None:
        self.kwargs = kwargs
        self.pods: dict[str, Any] = {}
        self.stopped = False
        self.watch_task: asyncio.Task[Any] | None = None
        type(self).begun.append(self)

    async def start(self) -> None:
        await asyncio.sleep(0)
        if len(self.begun) <= self.failures:
            raise ApiException(status=503, reason="away")
        self.watch_task = asyncio.create_task(asyncio.Event().wait())

    async def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def reflector(monkeypatch: pytest.MonkeyPatch) -> type[FakeReflector]:
    FakeReflector.failures, FakeReflector.begun = 0, []
    monkeypatch.setattr(module, "PodReflector", FakeReflector)
    return FakeReflector


async def test_all_servers_share_one_watch_of_our_pods(
    make_spawner: MakeSpawner, reflector: type[FakeReflector]
) -> None:
    spawners = [make_spawner(f"user{number}") for number in range(5)]
    watches = await asyncio.gather(*(spawner._start_watching_pods() for spawner in spawners))
    assert len(reflector.begun) == 1
    assert {id(watch) for watch in watches} == {id(spawners[0].pod_reflector)}
    assert reflector.begun[0].kwargs["omit_namespace"] is True
    labels = reflector.begun[0].kwargs["labels"]
    assert labels.items() <= (await manifest(spawners[0]))["metadata"]["labels"].items()


async def test_a_watch_that_never_listed_anything_is_not_kept(
    make_spawner: MakeSpawner, reflector: type[FakeReflector]
) -> None:
    reflector.failures = 1
    spawner = make_spawner()
    with pytest.raises(ApiException):
        await spawner._start_watching_pods()
    assert spawner.pod_reflector is None
    await spawner._start_watching_pods()
    assert spawner.pod_reflector is reflector.begun[1]


async def test_a_watch_that_ended_is_begun_again_and_serves_until_then(
    make_spawner: MakeSpawner, reflector: type[FakeReflector]
) -> None:
    spawner = make_spawner()
    first: Any = await spawner._start_watching_pods()
    first.watch_task.cancel()
    await asyncio.sleep(0)
    reflector.failures = 2
    assert await spawner._start_watching_pods() is first, "an old answer is better than none"
    assert await spawner._start_watching_pods() is reflector.begun[2]
    assert first.stopped


async def test_the_end_of_one_start_does_not_end_the_watch_of_the_others(
    make_spawner: MakeSpawner, reflector: type[FakeReflector]
) -> None:
    one, other = make_spawner("one"), make_spawner("other")
    first = asyncio.create_task(one._start_watching_pods())
    second = asyncio.create_task(other._start_watching_pods())
    await asyncio.sleep(0)
    first.cancel()
    assert await second is reflector.begun[0]


async def test_a_restarting_hub_waits_for_kubernetes_and_finds_its_servers(
    make_spawner: MakeSpawner, reflector: type[FakeReflector], monkeypatch: pytest.MonkeyPatch
) -> None:
    """JupyterHub forgets servers whose first poll fails."""
    reflector.failures = 2
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def no_wait(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(module.asyncio, "sleep", no_wait)
    spawner = make_spawner()
    spawner._check_pending = True
    spawner._begin_pod_watch = begin_with_pod(spawner)
    assert await spawner.poll() is None
    assert [pause for pause in pauses if pause] == [1, 2]


def begin_with_pod(spawner: WorkspaceSpawner) -> Any:
    begin = spawner._begin_pod_watch

    async def with_pod() -> Any:
        found = await begin()
        found.pods["user-ada/notebook"] = {"status": {"phase": "Pending"}}
        return found

    return with_pod


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ApiException(status=403, reason="Forbidden"), "rights"),
        (TimeoutError("Could not create the pod"), "kubernetes"),
        (aiohttp.ClientConnectionError("refused"), "kubernetes"),
        (SpawnFailed(Failure("storage-keys", "m")), "storage-keys"),
    ],
)
async def test_every_failure_of_a_start_reaches_the_person_and_ends_the_progress(
    make_spawner: MakeSpawner, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    async def fail(self: WorkspaceSpawner) -> None:
        raise error

    monkeypatch.setattr(WorkspaceSpawner, "_prepare_workspace", fail)
    spawner = make_spawner()
    with pytest.raises(SpawnFailed) as raised:
        await spawner.start()
    assert raised.value.reason == reason
    assert [event async for event in spawner.progress()] == []


async def test_a_start_that_takes_too_long_ends_before_jupyterhub_gives_it_up(
    make_spawner: MakeSpawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(self: WorkspaceSpawner) -> None:
        self._say(PodProgress(Step.WORKSPACE, "why"))
        await asyncio.Event().wait()

    monkeypatch.setattr(WorkspaceSpawner, "_prepare_workspace", hang)
    spawner = make_spawner()
    spawner.start_timeout = 1
    with pytest.raises(SpawnFailed, match=r"Creating your workspace \(why\)"):
        await asyncio.wait_for(spawner.start(), 10)
    assert make_spawner().start_timeout - module.SPAWN_RESERVE == 300, "the value that the admin set"


SHARED = [
    {"name": "flights", "prefix": "groups/flights", "groups": ["pilots"], "access": "write"},
    {"name": "course", "prefix": "courses/2026", "groups": ["pilots", "students"]},
]


async def test_the_shared_folders_of_a_person_follow_their_groups(make_spawner: MakeSpawner) -> None:
    values = {"singleuser": VALUES["singleuser"] | {"sharedFolders": SHARED}}
    for groups, names in (([], []), (["students"], ["course"]), (["pilots"], ["flights", "course"])):
        spawner = make_spawner(groups=groups, **values)
        settings = json.loads(spawner.get_env()["S3_CONTENTS_CONFIG"])["S3ContentsManager"]
        assert [share["name"] for share in settings["shares"]] == names
        assert [share.name for share in spawner.workspace().shares] == names
        assert settings["shares_folder"] == "shared"
    assert settings["shares"] == [
        {"name": "flights", "url": "s3://notebooks/groups/flights", "writable": True},
        {"name": "course", "url": "s3://notebooks/courses/2026", "writable": False},
    ]


async def test_a_group_that_nobody_knows_is_said_once(
    make_spawner: MakeSpawner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(WorkspaceSpawner, "_groups_looked_at", set())
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    session = Session(engine)
    session.add(Group(name="students"))
    profiles = {"gpu": {"description": "For some.", "allowedGroups": ["students", "visoin"]}}
    spawner = make_spawner(
        singleuser=VALUES["singleuser"] | {"sharedFolders": SHARED}, workspace={"profiles": profiles}
    )
    spawner.db = session
    spawner.log = logging.getLogger("spawner")
    for _ in range(2):
        spawner._tell_of_unknown_groups()
    assert caplog.messages == [
        "singleuser.sharedFolders names the group 'pilots', which JupyterHub does not know (yet)",
        "workspace.profiles names the group 'visoin', which JupyterHub does not know (yet)",
    ]
    session.close()
    engine.dispose()


async def test_more_shared_folders_than_keys_can_name_are_said_before_a_server_starts(
    make_spawner: MakeSpawner,
) -> None:
    many = [{"name": str(number), "prefix": f"groups/{number:030d}", "everyone": True} for number in range(30)]
    shared = {"singleuser": VALUES["singleuser"] | {"sharedFolders": many}}
    make_spawner(**shared)._check_shares()
    tokens = {"mode": "tokenService", "tokenService": {"url": "http://tokens:8082", "audience": "tokens"}}
    with pytest.raises(
        SpawnFailed, match="You have 30 shared folders, more than keys for the notebook storage can name"
    ):
        make_spawner(**shared, s3=VALUES["s3"] | {"credentials": tokens})._check_shares()
