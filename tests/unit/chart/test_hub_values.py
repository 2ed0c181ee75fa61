"""The configuration that the chart hands to the hub."""

from typing import Any

import pytest
from spark_notebooks_hub.config import spark_defaults
from spark_notebooks_hub.values import parse_values
from spark_session.defaults import SparkSessionDefaults

from dev.images import IMAGES
from dev.platform import Accounts, evaluation_values
from tests.unit.chart.matrix import EMBEDDED, MATRIX
from tests.unit.chart.rendering import hub_values, render

KEYS = {
    "release": {"name", "namespace", "fullname", "version"},
    "hub": {
        "config",
        "db",
        "baseUrl",
        "activeServerLimit",
        "concurrentSpawnLimit",
        "allowNamedServers",
        "namedServerLimitPerUser",
        "shutdownOnLogout",
        "templateVars",
        "loginLimit",
        "https",
    },
    "singleuser": {
        "image",
        "cpu",
        "memory",
        "startTimeout",
        "defaultUrl",
        "extraEnv",
        "nodeSelector",
        "extraTolerations",
        "storage",
        "workingFiles",
        "sharedFolders",
        "sharedFoldersIn",
        "profileList",
        "networkPolicy",
    },
    "workspace": {
        "namespacePrefix",
        "podSecurity",
        "afterRemoval",
        "quota",
        "limits",
        "profiles",
        "defaultProfiles",
        "admission",
    },
    "tenancy": {"groups", "workspaces"},
    "s3": {
        "endpoint",
        "region",
        "bucket",
        "prefix",
        "createBucket",
        "trashDays",
        "versionDays",
        "credentials",
        "embedded",
        "addresses",
    },
    "spark": {
        "executors",
        "executor",
        "maxExecutors",
        "maxExecutorCores",
        "maxExecutorMemory",
        "fallbackStorage",
        "networkEncryption",
        "spillEncryption",
        "cellProgress",
        "eventLog",
        "executorProgress",
        "warmJvm",
        "firstExecutorTimeout",
        "packages",
        "pyFiles",
        "mavenRepositories",
        "conf",
    },
    "notices": {"default"},
    "cull": {"enabled", "timeout", "every", "maxAge", "users"},
}


def test_exactly_what_the_hub_acts_on() -> None:
    values = hub_values(render(EMBEDDED))

    assert {key: set(values[key]) for key in KEYS} == KEYS
    assert values.keys() - KEYS.keys() == {"imagePullSecrets"}
    assert values["hub"]["db"] == {"type": "sqlite-pvc", "url": None}
    assert values["release"] == {
        "name": "notebooks",
        "namespace": "platform",
        "fullname": "notebooks-spark-notebooks",
        "version": "0.1.0",
    }


@pytest.mark.parametrize("name", [name for name in MATRIX if name != "names"])
def test_the_hub_takes_it(name: str) -> None:
    parse_values(hub_values(render(MATRIX[name])))


def test_the_evaluation_on_one_machine_is_taken_by_chart_and_hub() -> None:
    references = {name: f"10.0.0.1:5000/spark-notebooks/{name}:0123" for name in IMAGES}

    parse_values(hub_values(render(evaluation_values(references, Accounts.generate()))))


def test_given_values_arrive_as_they_are() -> None:
    given = MATRIX["limits"]
    values = hub_values(render(given))

    for section in ("singleuser", "workspace", "spark", "cull"):
        _assert_contains(values[section], given[section])
    _assert_contains(values["hub"], given["hub"])


def test_large_whole_numbers_stay_whole() -> None:
    values = hub_values(
        render(
            EMBEDDED | {"cull": {"timeout": 31536000}, "singleuser": {"memory": {"limit": 2**40, "guarantee": 2**30}}}
        )
    )

    assert values["cull"]["timeout"] == 31536000
    assert values["singleuser"]["memory"]["limit"] == 2**40
    assert isinstance(values["singleuser"]["memory"]["limit"], int)


def test_spark_values_are_the_settings_of_a_session() -> None:
    spark = hub_values(render(MATRIX["limits"]))["spark"]

    defaults = spark_defaults(spark)

    # What a person may use is decided at each start; notices are values of their own.
    others = {"profiles", "executor_profile", "driver_profile", "priority_class", "notices"}
    assert defaults.keys() == set(SparkSessionDefaults.class_trait_names(config=True)) - {"parent", "log"} - others
    assert defaults["conf"] == {"spark.sql.shuffle.partitions": 64, "spark.ui.enabled": True}


def test_default_spark_values_are_the_sessions_own() -> None:
    defaults = spark_defaults(hub_values(render(EMBEDDED))["spark"])
    own = SparkSessionDefaults()

    assert defaults == {name: getattr(own, name) for name in defaults}


def test_the_notebook_image_has_the_charts_version_unless_tagged() -> None:
    plain = hub_values(render(EMBEDDED))["singleuser"]["image"]
    tagged = hub_values(render(MATRIX["private registry"]))["singleuser"]["image"]

    assert plain == {"name": "localhost/spark-notebooks/notebook", "tag": "0.1.0", "pullPolicy": None}
    assert tagged["tag"].startswith("2.1@sha256:")


@pytest.mark.parametrize(
    ("s3", "endpoint"),
    [
        ({"embedded": {"enabled": True}}, "http://notebooks-spark-notebooks-s3.platform.svc:7070"),
        ({"credentials": {"existingSecret": "keys"}, "addresses": ["0.0.0.0/0"]}, None),
        ({"credentials": {"existingSecret": "keys"}, "endpoint": "https://10.20.0.9:9000"}, "https://10.20.0.9:9000"),
    ],
)
def test_the_endpoint_is_resolved(s3: dict[str, Any], endpoint: str | None) -> None:
    assert hub_values(render({"s3": s3}))["s3"]["endpoint"] == endpoint


def test_s3_keys_and_the_servers_own_settings_stay_out() -> None:
    s3 = hub_values(render(MATRIX["embedded with keys"]))["s3"]

    assert s3["credentials"] == {"mode": "static"}
    assert s3["embedded"] == {"enabled": True}
    assert "planted" not in str(s3)


def test_pull_secrets_are_names_however_they_were_written() -> None:
    assert hub_values(render(MATRIX["private registry"]))["imagePullSecrets"] == ["registry", "other-registry"]


def _assert_contains(whole: Any, part: Any) -> None:
    if isinstance(part, dict):
        for key, value in part.items():
            _assert_contains(whole[key], value)
    else:
        assert whole == part
