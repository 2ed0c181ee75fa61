"""Values are typed and closed, and what is wrong in them is said with the key and what is allowed."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from spark_notebooks_hub.singleuser_values import Memory, size
from spark_notebooks_hub.values import ValuesError, parse_values, read_values

MINIMAL: dict[str, Any] = {
    "release": {"name": "sn", "namespace": "platform", "fullname": "sn-spark-notebooks", "version": "0.1.0"},
    "singleuser": {"image": {"name": "registry.example/notebook", "tag": "1"}},
}


def with_value(path: str, value: Any) -> dict[str, Any]:
    """The smallest values, with one more at a dotted path."""
    data = copy.deepcopy(MINIMAL)
    section = data
    *parents, key = path.split(".")
    for parent in parents:
        section = section.setdefault(parent, {})
    section[key] = value
    return data


def test_defaults_are_those_of_the_chart() -> None:
    values = parse_values(MINIMAL)
    assert values.hub.db.type == "sqlite-pvc"
    assert values.hub.concurrent_spawn_limit == 64
    assert values.workspace.namespace_prefix == "user-"
    assert values.workspace.pod_security == "restricted"
    assert values.singleuser.start_timeout == 300
    assert values.singleuser.image.reference == "registry.example/notebook:1"
    assert values.s3.endpoint is None
    assert values.cull.enabled


def test_null_means_the_default() -> None:
    values = parse_values(with_value("hub.activeServerLimit", None))
    assert values.hub.active_server_limit == 0


def test_numbers_that_helm_writes_as_floats_are_whole() -> None:
    assert parse_values(with_value("cull.timeout", 1e6)).cull.timeout == 1_000_000


def test_an_image_without_a_tag_is_taken_as_it_is() -> None:
    assert parse_values(with_value("singleuser.image", {"name": "notebook@sha256:ab"})).singleuser.image.reference == (
        "notebook@sha256:ab"
    )


WRONG: list[tuple[str, Any, str]] = [
    ("hub.dbb", {}, "hub.dbb: there is no such key"),
    ("hub.db.type", "mysql", "hub.db.type: must be 'sqlite-pvc', 'sqlite-memory' or 'postgres', not 'mysql'"),
    ("hub.db.type", "postgres", "hub.db: type postgres needs a url"),
    ("hub.db.url", "postgresql://hub@db/hub", "hub.db: a url is given, but type is sqlite-pvc"),
    ("hub.baseUrl", "jupyter", "hub.baseUrl: must start with '/'"),
    ("hub.concurrentSpawnLimit", "many", "hub.concurrentSpawnLimit: must be valid integer"),
    ("hub.activeServerLimit", -1, "hub.activeServerLimit: must be greater than or equal to 0"),
    ("hub.namedServerLimitPerUser", 3, "hub: namedServerLimitPerUser is set, but allowNamedServers is false"),
    ("hub.config", {"jupyterhub": {}}, "hub.config: 'jupyterhub' is no class name"),
    ("hub.config", {"JupyterHub": "x"}, "hub.config.JupyterHub: must be valid dictionary"),
    ("singleuser.image", {"tag": "1"}, "singleuser.image.name: must be set"),
    ("singleuser.image", {"name": "n", "tag": 1.0}, "singleuser.image.tag: must be text (in quotes), not 1.0"),
    ("singleuser.image", {"name": "n", "pullPolicy": "Sometimes"}, "singleuser.image.pullPolicy: must be 'Always'"),
    ("singleuser.memory.limit", "2Gi", "singleuser.memory.limit: must be a number of bytes, or a number with K, M, G"),
    ("singleuser.memory", {"limit": "1G", "guarantee": "2G"}, "singleuser.memory: guarantee 2G is more than limit 1G"),
    ("singleuser.cpu", {"limit": 1, "guarantee": 2}, "singleuser.cpu: guarantee 2.0 is more than limit 1.0"),
    ("singleuser.cpu.limit", 0, "singleuser.cpu.limit: must be greater than 0"),
    ("singleuser.startTimeout", 1, "singleuser.startTimeout: must be greater than or equal to 10"),
    ("singleuser.storage.type", "static", "singleuser.storage.type: must be 'none' or 'dynamic', not 'static'"),
    ("singleuser.extraEnv", {"A": 1}, "singleuser.extraEnv.A: must be text (in quotes), not 1"),
    ("workspace.namespacePrefix", "", "workspace.namespacePrefix: must be lower-case letters"),
    ("workspace.namespacePrefix", "Team-", "workspace.namespacePrefix: must be lower-case letters"),
    ("workspace.namespacePrefix", "kube-", "workspace.namespacePrefix: must be lower-case letters"),
    ("workspace.namespacePrefix", "a-very-long-prefix-", "have at most 15 characters"),
    ("workspace.podSecurity", "strict", "workspace.podSecurity: must be 'privileged', 'baseline' or 'restricted'"),
    ("workspace.quota", {"pods": [5]}, "workspace.quota.pods: must be"),
    ("s3.endpoint", "s3.example.org", "s3.endpoint: must be a URL"),
    ("s3.bucket", "ab", "s3.bucket: must"),
    (
        "s3.credentials.mode",
        "magic",
        "s3.credentials.mode: must be 'static', 'serviceAccount' or 'tokenService', not 'magic'",
    ),
    ("cull.timeout", 5, "cull.timeout: must be greater than or equal to 60"),
    ("cull.enabled", "perhaps", "cull.enabled: must be valid boolean"),
    ("surprise", 1, "surprise: there is no such key"),
]


@pytest.mark.parametrize(("path", "value", "message"), WRONG)
def test_a_wrong_value_is_named_with_what_is_allowed(path: str, value: Any, message: str) -> None:
    with pytest.raises(ValuesError) as raised:
        parse_values(with_value(path, value))
    assert message in str(raised.value)
    assert "helm upgrade" in str(raised.value)
    assert str(raised.value).count("\n  - ") == 1, "one mistake, one line"


def test_all_mistakes_are_told_at_once() -> None:
    data = with_value("cull.timeout", 5) | {"surprise": 1}
    with pytest.raises(ValuesError) as raised:
        parse_values(data)
    assert str(raised.value).count("\n  - ") == 2


def test_what_may_hold_a_password_is_not_repeated() -> None:
    with pytest.raises(ValuesError) as raised:
        parse_values(with_value("hub.config", {"LDAPAuthenticator": "pass-word"}))
    assert "pass-word" not in str(raised.value)
    with pytest.raises(ValuesError) as raised:
        parse_values(with_value("hub.db", {"type": "postgres", "url": ["postgresql://hub:pass-word@db"]}))
    assert "pass-word" not in str(raised.value)


@pytest.mark.parametrize(
    ("quota", "singleuser", "setting"),
    [
        ({"requests.cpu": 4}, {}, "singleuser.cpu.guarantee"),
        ({"limits.memory": "8Gi"}, {"memory": {"guarantee": "1G"}}, "singleuser.memory.limit"),
    ],
)
def test_a_quota_that_would_refuse_every_server_is_refused(
    quota: dict[str, Any], singleuser: dict[str, Any], setting: str
) -> None:
    data = with_value("workspace.quota", quota)
    data["singleuser"] |= singleuser
    with pytest.raises(ValuesError, match=setting):
        parse_values(data)


def test_a_hub_that_forgets_everybody_removes_nobody_s_workspace() -> None:
    data = with_value("workspace.afterRemoval", "archive")
    data["hub"] = {"db": {"type": "sqlite-memory"}}
    with pytest.raises(ValuesError, match="afterRemoval is archive, and "):
        parse_values(data)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"quota": {"requests.cpu": 4}}, "the quota of 'a' in tenancy.groups bounds requests.cpu"),
        ({"sizes": [{"name": "s", "memory": {"limit": "512M"}}]}, "the size 's' of 'a' does not go with singleuser"),
    ],
)
def test_what_would_refuse_every_server_of_a_group_is_refused(entry: dict[str, Any], why: str) -> None:
    data = with_value("tenancy.groups", [{"group": "a", **entry}])
    data["singleuser"] |= {"memory": {"guarantee": "1G"}}
    with pytest.raises(ValuesError, match=why):
        parse_values(data)


def test_a_group_takes_a_limit_away_that_it_could_not_live_with() -> None:
    limits = [{"type": "Container", "defaultRequest": {"cpu": 1}}]
    data = with_value("workspace", {"quota": {"requests.cpu": 4}, "limits": limits})
    data["tenancy"] = {"groups": [{"group": "a", "quota": {"requests.cpu": None}, "limits": []}]}
    assert parse_values(data).tenancy.groups[0].quota == {"requests.cpu": None}
    data["tenancy"]["groups"].append({"group": "a"})
    with pytest.raises(ValuesError, match="tenancy: groups has two entries for 'a'"):
        parse_values(data)


def test_a_quota_is_accepted_where_servers_name_the_amount() -> None:
    data = with_value("workspace.quota", {"requests.cpu": 4, "requests.memory": "8Gi", "pods": 20})
    data["singleuser"] |= {"cpu": {"limit": 1}}
    data["workspace"]["limits"] = [{"type": "Container", "defaultRequest": {"memory": "512Mi"}}]
    assert parse_values(data).workspace.quota["requests.cpu"] == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2G", 2 * 1024**3), ("1.5K", 1536), (5, 5), ("512", 512), ("2Gi", None), ("", None), ("-1G", None), (0, None)],
)
def test_sizes_are_those_of_jupyterhub(text: int | str, expected: int | None) -> None:
    assert size(text) == expected


def test_memory_without_limit_is_allowed() -> None:
    assert Memory(guarantee="1G").limit is None


def test_a_missing_file_says_where_it_should_come_from(tmp_path: Path) -> None:
    with pytest.raises(ValuesError, match="the chart mounts it"):
        read_values(tmp_path / "values.json")


def test_a_broken_file_is_said_to_be_no_json(tmp_path: Path) -> None:
    path = tmp_path / "values.json"
    path.write_text("{")
    with pytest.raises(ValuesError, match="is not JSON"):
        read_values(path)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "values.json"
    path.write_text(json.dumps(MINIMAL))
    assert read_values(path).release.name == "sn"
