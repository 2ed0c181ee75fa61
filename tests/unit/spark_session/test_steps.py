"""Each step alone: facts in, settings out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from spark_session.settings import SETTINGS, Settings, Source, find

from spark_session import head_start, steps

from .conftest import NOTEBOOK, MakeContext


def texts(settings: Settings) -> dict[str, str]:
    return {key: value.text for key, value in settings.items()}


@pytest.mark.parametrize("step", steps.STEPS, ids=lambda step: step.__name__)
@pytest.mark.parametrize("variables", [NOTEBOOK, {}], ids=["notebook", "laptop"])
def test_a_step_sets_only_what_is_declared(
    make_context: MakeContext, step: steps.Step, variables: dict[str, str]
) -> None:
    for key in step(make_context(variables)):
        declared = find(key)
        assert declared is not None
        assert declared.key in (key, "spark.executorEnv.")


def test_no_two_steps_set_the_same(make_context: MakeContext) -> None:
    keys = [key for step in steps.STEPS for key in step(make_context())]
    assert len(keys) == len(set(keys))


def test_a_setting_is_declared_once() -> None:
    keys = [setting.key for setting in SETTINGS]
    assert len(keys) == len(set(keys))
    assert all(setting.doc.endswith(".") and setting.instead.endswith(".") for setting in SETTINGS)


def test_identity_of_a_notebook(make_context: MakeContext) -> None:
    settings = steps.identity(make_context())
    assert texts(settings) == {
        "spark.app.name": "Flights with Spark",
        "spark.kubernetes.executor.podNamePrefix": "flights-with-spark-0123abcd",
    }
    assert settings["spark.app.name"].source is Source.DETECTED


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("flight delays", "flight-delays-0123abcd"),
        ("Ünïcode 2013!", "n-code-2013-0123abcd"),
        ("2013", "spark-2013-0123abcd"),
        ("数据", "spark-0123abcd"),
        ("a" * 100, "a" * 30 + "-0123abcd"),
        ("a" * 29 + " b", "a" * 29 + "-0123abcd"),
    ],
)
def test_pod_names_are_legal(make_context: MakeContext, name: str, prefix: str) -> None:
    settings = steps.identity(make_context(name=name))
    assert settings["spark.kubernetes.executor.podNamePrefix"].text == prefix
    assert settings["spark.app.name"].text == name
    assert settings["spark.app.name"].source is Source.USER


def test_network_of_a_notebook(make_context: MakeContext) -> None:
    assert texts(steps.network(make_context())) == {
        "spark.master": "k8s://https://10.96.0.1:443",
        "spark.submit.deployMode": "client",
        "spark.driver.host": "10.244.0.7",
        "spark.driver.bindAddress": "10.244.0.7",
        "spark.ui.port": "0",
    }


def test_network_of_a_laptop_is_closed_to_others(make_context: MakeContext) -> None:
    assert texts(steps.network(make_context({}))) == {
        "spark.master": "local[*]",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
    }


def test_workspace(make_context: MakeContext) -> None:
    settings = texts(steps.workspace(make_context()))
    assert settings["spark.kubernetes.namespace"] == "user-ada"
    assert settings["spark.kubernetes.driver.pod.name"] == "notebook"
    assert settings["spark.kubernetes.container.image"] == "registry.example/notebook:1"
    assert settings["spark.kubernetes.authenticate.executor.serviceAccountName"] == "executor"


def test_workspace_takes_the_notebooks_pull_policy(make_context: MakeContext) -> None:
    context = make_context(NOTEBOOK | {"SPARK_NOTEBOOKS_IMAGE_PULL_POLICY": "Always"})
    assert texts(steps.workspace(context))["spark.kubernetes.container.image.pullPolicy"] == "Always"


def test_sizing_without_arguments(make_context: MakeContext) -> None:
    settings = steps.sizing(make_context())
    assert texts(settings) == {
        "spark.executor.instances": "2",
        "spark.executor.cores": "1",
        "spark.executor.memory": "1g",
        "spark.executor.memoryOverheadFactor": "0.4",
        "spark.kubernetes.executor.request.cores": "1",
    }
    assert {value.source for value in settings.values()} == {Source.DEFAULT}


def test_sizing_by_the_administrator(make_context: MakeContext) -> None:
    settings = steps.sizing(
        make_context(admin={"executors": 4, "executor_cores": 2, "executor_memory": "8g", "executor_cpu_request": 0.1})
    )
    assert texts(settings) == {
        "spark.executor.instances": "4",
        "spark.executor.cores": "2",
        "spark.executor.memory": "8g",
        "spark.executor.memoryOverheadFactor": "0.4",
        "spark.kubernetes.executor.request.cores": "200m",
    }
    assert settings["spark.executor.memory"].source is Source.ADMIN
    assert settings["spark.executor.memoryOverheadFactor"].source is Source.DEFAULT


@pytest.mark.parametrize(
    ("cores", "tasks", "request_"), [(0.5, "1", "500m"), (1, "1", "1"), (1.5, "1", "1500m"), (4, "4", "4")]
)
def test_sizing_by_the_call(make_context: MakeContext, cores: float, tasks: str, request_: str) -> None:
    settings = steps.sizing(make_context(executors=20, cores=cores, memory="1.5g", admin={"executors": 3}))
    assert settings["spark.executor.instances"].text == "20"
    assert settings["spark.executor.instances"].source is Source.USER
    assert settings["spark.executor.cores"].text == tasks
    assert settings["spark.kubernetes.executor.request.cores"].text == request_
    assert settings["spark.executor.memory"].text == "1536m"


@pytest.mark.parametrize(("executors", "batch"), [(2, "20"), (20, "20"), (64, "64"), (1000, "100")])
def test_allocation_creates_all_executors_at_once(make_context: MakeContext, executors: int, batch: str) -> None:
    settings = texts(steps.allocation(make_context(executors=executors)))
    assert settings["spark.kubernetes.allocation.batch.size"] == batch


@pytest.mark.parametrize(
    ("arguments", "parallelism"), [({"executors": 20, "cores": 4}, "80"), ({"executors": 1, "cores": 0.5}, "2")]
)
def test_allocation_plans_for_all_executors(
    make_context: MakeContext, arguments: dict[str, Any], parallelism: str
) -> None:
    settings = texts(steps.allocation(make_context(**arguments)))
    assert settings["spark.default.parallelism"] == parallelism
    assert settings["spark.scheduler.minRegisteredResourcesRatio"] == "0"


def test_allocation_never_ends_the_driver(make_context: MakeContext) -> None:
    assert texts(steps.allocation(make_context()))["spark.executor.maxNumFailures"] == "2147483647"


def test_authentication_by_the_secret_that_the_workspace_mounts(make_context: MakeContext, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hush")
    assert texts(steps.authentication(make_context(NOTEBOOK | {"SPARK_SESSION_SECRET_FILE": str(file)}))) == {
        "spark.authenticate": "true",
        "spark.authenticate.secret.file": str(file),
    }


@pytest.mark.parametrize("more", [{}, {"SPARK_SESSION_SECRET_FILE": ""}, {"SPARK_SESSION_SECRET_FILE": "/not/there"}])
def test_authentication_where_an_older_hub_mounts_none(make_context: MakeContext, more: dict[str, str]) -> None:
    assert texts(steps.authentication(make_context(NOTEBOOK | more))) == {"spark.authenticate": "true"}


def test_executors_hand_on_what_they_hold(make_context: MakeContext) -> None:
    assert texts(steps.decommission(make_context())) == {
        "spark.decommission.enabled": "true",
        "spark.storage.decommission.enabled": "true",
        "spark.kubernetes.decommission.script": "/opt/spark-notebooks/bin/decommission",
    }


def test_fallback_storage_is_below_the_persons_own_place(make_context: MakeContext) -> None:
    found = texts(steps.decommission(make_context(admin={"fallback_storage": True})))
    path = "spark.storage.decommission.fallbackStorage.path"
    assert found[path] == "s3a://notebooks/users/ada/.spark-notebooks/shuffle/"
    assert found["spark.storage.decommission.fallbackStorage.cleanUp"] == "true"
    homeless = {name: text for name, text in NOTEBOOK.items() if name != "SPARK_NOTEBOOKS_S3_HOME"}
    assert path not in steps.decommission(make_context(homeless, admin={"fallback_storage": True}))


def test_encryption_is_the_administrators_choice(make_context: MakeContext) -> None:
    assert steps.encryption(make_context()) == {}
    found = steps.encryption(make_context(admin={"network_encryption": True, "spill_encryption": True}))
    assert texts(found) == {
        "spark.network.crypto.enabled": "true",
        "spark.network.crypto.saslFallback": "false",
        "spark.io.encryption.enabled": "true",
    }
    assert found["spark.network.crypto.enabled"].source is Source.ADMIN


def test_a_laptop_has_no_network_to_encrypt(make_context: MakeContext) -> None:
    found = steps.encryption(make_context({}, admin={"network_encryption": True, "spill_encryption": True}))
    assert texts(found) == {"spark.io.encryption.enabled": "true"}


def test_s3_of_a_notebook(make_context: MakeContext) -> None:
    assert texts(steps.s3(make_context())) == {
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.hadoop.fs.s3a.endpoint": "http://s3.platform:7070",
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
        "spark.hadoop.fs.s3a.aws.credentials.provider": (
            "software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider"
        ),
    }


@pytest.mark.parametrize(
    ("endpoint", "path_style"),
    [
        ("https://s3.eu-central-1.amazonaws.com", "false"),
        ("https://s3.cn-north-1.amazonaws.com.cn", "false"),
        ("https://minio.example:9000", "true"),
        ("https://s3.amazonaws.com.evil.example", "true"),
    ],
)
def test_s3_puts_the_bucket_in_the_path_where_it_is_not_aws(
    make_context: MakeContext, endpoint: str, path_style: str
) -> None:
    settings = texts(steps.s3(make_context({"AWS_ENDPOINT_URL_S3": endpoint})))
    assert settings["spark.hadoop.fs.s3a.path.style.access"] == path_style
    assert settings["spark.hadoop.fs.s3a.endpoint.region"] == "us-east-1"


def test_s3_without_any_variable_leaves_hadoops_own_choice(make_context: MakeContext) -> None:
    assert texts(steps.s3(make_context({}))) == {"spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem"}


def test_executors_find_the_same_store(make_context: MakeContext) -> None:
    variables = NOTEBOOK | {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "hush"}
    assert texts(steps.executor_environment(make_context(variables))) == {
        "spark.executorEnv.SPARK_NOTEBOOKS_S3_HOME": "s3://notebooks/users/ada",
        "spark.executorEnv.AWS_ENDPOINT_URL_S3": "http://s3.platform:7070",
        "spark.executorEnv.AWS_REGION": "us-east-1",
        "spark.executorEnv.AWS_SHARED_CREDENTIALS_FILE": "/var/run/secrets/spark-notebooks/s3/credentials",
    }


@pytest.mark.parametrize(
    ("admin", "arguments", "first", "patience"),
    [
        ({"executor_cpu_request": 0.05}, {"executors": 20}, 2, "20"),
        ({"executor_cpu_request": 0.05}, {"executors": 1}, 1, "1"),
        ({"executor_cpu_request": 0.05}, {"executors": 50}, 2, "30"),
        ({"executor_cpu_request": 0.05}, {"min_executors": 5, "max_executors": 9}, 2, "9"),
        ({}, {"executors": 20}, 20, None),
        ({}, {"executors": 20, "cores": 0.5}, 2, "20"),
        ({"executor_cpu_request": 0.5}, {"executors": 20, "cores": 4}, 2, "20"),
    ],
)
def test_executors_that_share_cores_let_the_first_go_ahead(
    make_context: MakeContext, admin: dict[str, Any], arguments: dict[str, Any], first: int, patience: str | None
) -> None:
    context = make_context(admin=admin, **arguments)
    assert head_start.first_executors(context) == first
    assert head_start.is_given(context) == (first == 2)
    assert (
        texts(steps.executor_environment(context)).get("spark.executorEnv.SPARK_NOTEBOOKS_START_PATIENCE") == patience
    )


def test_spark_has_no_head_start_where_it_decides_itself(make_context: MakeContext) -> None:
    conf = {"spark.dynamicAllocation.enabled": "true"}
    context = make_context(admin={"executor_cpu_request": 0.05}, min_executors=5, max_executors=9, conf=conf)
    assert head_start.first_executors(context) == 5


@pytest.mark.parametrize(
    "step",
    [
        steps.workspace,
        steps.sizing,
        steps.allocation,
        steps.decommission,
        steps.authentication,
        steps.executor_environment,
    ],
    ids=lambda step: step.__name__,
)
def test_a_laptop_has_no_executors_to_set_up(make_context: MakeContext, step: steps.Step) -> None:
    assert step(make_context({}, executors=20, memory="16g")) == {}


FACTORY = "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3"


def test_what_is_written_to_s3_is_committed_as_a_whole(make_context: MakeContext) -> None:
    for variables in (NOTEBOOK, {}):
        assert texts(steps.committer(make_context(variables))) == {
            FACTORY: "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory"
        }


@pytest.mark.parametrize(
    ("admin", "user", "renames"),
    [
        ({}, {"spark.sql.sources.partitionOverwriteMode": "dynamic"}, True),
        ({}, {"spark.sql.sources.partitionOverwriteMode": "DYNAMIC"}, True),
        ({"spark.sql.sources.partitionOverwriteMode": "dynamic"}, {}, True),
        (
            {"spark.sql.sources.partitionOverwriteMode": "dynamic"},
            {"spark.sql.sources.partitionOverwriteMode": "static"},
            False,
        ),
        ({}, {"spark.sql.sources.partitionOverwriteMode": "static"}, False),
    ],
)
def test_a_session_that_replaces_single_partitions_renames(
    make_context: MakeContext, admin: dict[str, str], user: dict[str, str], renames: bool
) -> None:
    settings = texts(steps.committer(make_context(admin={"conf": admin}, conf=user)))
    assert settings.get("spark.hadoop.fs.s3a.committer.name") == ("file" if renames else None)
