"""The Job that is made of a script."""

from __future__ import annotations

import json
from typing import Any

import pytest
from spark_session.batch.code import Code
from spark_session.batch.cron_job import cron_job
from spark_session.batch.details import what_runs
from spark_session.batch.jar import Along
from spark_session.batch.manifest import job, place
from spark_session.batch.request import JAR_RUNNER, JobRequest
from spark_session.batch.source import Source
from spark_session.batch.timetable import Timetable
from spark_session.placement import Profile

from .conftest import NOTEBOOK, MakeContext

CODE = Code("s3://notebooks/users/ada/.spark-jobs/code/00/flights.py", "00")


def request(**changes: Any) -> JobRequest:
    given: dict[str, Any] = {
        "script": "flights.py", "content": b"", "arguments": (), "name": "flights", "executors": None, "timeout": 7200
    }  # fmt: skip
    return JobRequest(**{**given, **changes})


def notebook(**spec: Any) -> dict[str, Any]:
    resources = {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"memory": "3Gi"}}
    env = [{"name": "JUPYTERHUB_API_TOKEN", "value": "of the server"}]
    return {
        "spec": {"containers": [{"name": "mesh"}, {"name": "notebook", "resources": resources, "env": env}], **spec}
    }


TOKEN_SERVICE = {
    "AWS_ROLE_ARN": "arn:aws:iam::000000000000:role/spark-notebooks",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/secrets/spark-notebooks/s3-token/token",
    "AWS_ENDPOINT_URL_STS": "http://tokens.platform:8082",
    "SPARK_SESSION_S3_TOKEN_AUDIENCE": "spark-notebooks-s3",
}


@pytest.fixture
def made(make_context: MakeContext) -> Any:
    def make(
        asked: JobRequest | None = None, config: str = "", pod: dict[str, Any] | None = None, **variables: str
    ) -> dict[str, Any]:
        environment = make_context({**NOTEBOOK, "JUPYTERHUB_API_TOKEN": "of the server", **variables}).environment
        assert environment.workspace is not None
        return job(
            "flights-1",
            asked or request(),
            CODE,
            place(environment.workspace, environment.s3, config, pod or notebook()),
        )

    return make


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    [only] = manifest["spec"]["template"]["spec"]["containers"]
    return dict(only)


def variables(manifest: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in container(manifest)["env"]}


def test_a_job_ends_is_kept_for_a_day_and_is_not_tried_again(made: Any) -> None:
    spec = made()["spec"]
    assert (spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"], spec["backoffLimit"]) == (7200, 86400, 0)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_it_is_run_again_for_what_is_not_the_scripts_failure(made: Any) -> None:
    spec = made(request(retries=3))["spec"]
    assert spec["backoffLimit"] == 3
    by_kubernetes, by_itself = spec["podFailurePolicy"]["rules"]
    assert by_kubernetes == {"action": "Count", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert by_itself == {
        "action": "FailJob",
        "onExitCodes": {"containerName": "job", "operator": "NotIn", "values": [75]},
    }
    assert spec["template"]["spec"]["serviceAccountName"] == "notebook"


def test_it_finds_what_the_notebook_finds_and_none_of_its_tokens(made: Any) -> None:
    manifest = made()
    found = variables(manifest)
    for name in (
        "SPARK_NOTEBOOKS_IMAGE",
        "SPARK_NOTEBOOKS_S3_HOME",
        "AWS_ENDPOINT_URL_S3",
        "AWS_SHARED_CREDENTIALS_FILE",
    ):
        assert found[name] == NOTEBOOK[name]
    assert "of the server" not in json.dumps(manifest)
    fields = {
        each["name"]: each["valueFrom"]["fieldRef"]["fieldPath"]
        for each in container(manifest)["env"]
        if "valueFrom" in each
    }
    assert fields == {
        "POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace", "POD_UID": "metadata.uid", "POD_IP": "status.podIP",
        "SPARK_NOTEBOOKS_JOB": "metadata.labels['batch.kubernetes.io/job-name']",
    }  # fmt: skip
    mounted = {mount["name"]: mount["mountPath"] for mount in container(manifest)["volumeMounts"]}
    assert mounted["s3-credentials"] == "/var/run/secrets/spark-notebooks/s3"


def test_it_and_its_executors_get_keys_where_the_notebook_gets_them(made: Any) -> None:
    manifest = made(**TOKEN_SERVICE)
    variables = {each["name"]: each.get("value") for each in container(manifest)["env"]}
    assert {name: variables[name] for name in TOKEN_SERVICE} == TOKEN_SERVICE
    [volume] = [each for each in manifest["spec"]["template"]["spec"]["volumes"] if each["name"] == "s3-token"]
    [source] = volume["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "spark-notebooks-s3"
    [mount] = [each for each in container(manifest)["volumeMounts"] if each["name"] == "s3-token"]
    assert (
        f"{mount['mountPath']}/{source['serviceAccountToken']['path']}" == TOKEN_SERVICE["AWS_WEB_IDENTITY_TOKEN_FILE"]
    )


def test_arguments_arrive_as_they_are(made: Any) -> None:
    arguments = container(made(request(arguments=("--to", "$(POD_NAME)", "$$", "a b", ""))))["args"]
    assert arguments[:3] == ["python", "-m", "spark_session.batch.run"]
    # Kubernetes writes $ for $$ and replaces no $$(NAME).
    assert arguments[5:] == ["--to", "$$(POD_NAME)", "$$$$", "a b", ""]


def test_an_application_of_the_jvm_is_named_and_knows_its_memory(made: Any) -> None:
    along = Along((Source("helper.jar", b"", None),), ("a:b:1",))
    asked = request(script="app.jar", runner=JAR_RUNNER, main_class="com.example.Main", along=along, driver_memory=4096)
    manifest = made(asked)
    notes = manifest["metadata"]["annotations"]
    assert notes["spark-notebooks.io/main-class"] == "com.example.Main"
    assert notes["spark-notebooks.io/packages"] == "helper.jar, a:b:1"
    assert variables(manifest)["SPARK_NOTEBOOKS_JOB_MEMORY"] == "4096Mi"
    # All else is as for a script.
    of_script = made(request(driver_memory=4096))
    mine = [each for each in container(manifest)["env"] if each["name"] != "SPARK_NOTEBOOKS_JOB_MEMORY"]
    assert mine == container(of_script)["env"]
    assert {**container(manifest), "args": [], "env": []} == {**container(of_script), "args": [], "env": []}


def test_executors_are_those_of_a_session_that_names_none(made: Any) -> None:
    config = '{"SparkSessionDefaults": {"executors": 1, "executor_memory": "4g"}}'
    found = json.loads(variables(made(request(executors=20), config))["SPARK_SESSION_CONFIG"])
    assert found == {"SparkSessionDefaults": {"executors": 20, "executor_memory": "4g"}}
    assert json.loads(variables(made(config=config))["SPARK_SESSION_CONFIG"])["SparkSessionDefaults"]["executors"] == 1


def test_the_profile_is_that_of_a_session_that_names_none(made: Any) -> None:
    config = '{"SparkSessionDefaults": {"executors": 1, "executor_profile": "steady"}}'
    manifest = made(request(profile="spot"), config)
    found = json.loads(variables(manifest)["SPARK_SESSION_CONFIG"])["SparkSessionDefaults"]
    assert found == {"executors": 1, "executor_profile": "spot"}
    assert manifest["metadata"]["annotations"]["spark-notebooks.io/executor-profile"] == "spot"


def test_its_own_pod_is_where_its_profile_says(made: Any) -> None:
    toleration = {"key": "core", "operator": "Exists"}
    # How executors are laid out says nothing about one pod.
    profile = Profile("core", "Dear.", node_selector={"pool": "core"}, tolerations=(toleration,), layout="spread")
    manifest = made(request(driver_profile=profile))
    spec = manifest["spec"]["template"]["spec"]
    assert (spec["nodeSelector"], spec["tolerations"]) == ({"pool": "core"}, [toleration])
    assert manifest["metadata"]["annotations"]["spark-notebooks.io/driver-profile"] == "core"
    for plain in (made(), made(request(driver_profile=Profile("anywhere")))):
        assert {"nodeSelector", "tolerations", "topologySpreadConstraints"}.isdisjoint(
            plain["spec"]["template"]["spec"]
        )


def test_its_size_is_the_notebooks_unless_it_has_one(made: Any) -> None:
    assert container(made())["resources"] == {"requests": {"cpu": "250m", "memory": "3Gi"}, "limits": {"memory": "3Gi"}}
    own = container(made(request(driver_cores=2.0, driver_memory=4096)))["resources"]
    assert own == {"requests": {"cpu": "2", "memory": "4096Mi"}, "limits": {"memory": "4096Mi"}}
    bare = {"spec": {"containers": [{"name": "notebook"}]}}
    assert container(made(pod=bare))["resources"]["limits"] == {"memory": "2Gi"}


def test_its_image_is_pulled_as_the_notebooks(made: Any) -> None:
    assert "imagePullSecrets" not in made()["spec"]["template"]["spec"]
    pod = notebook(imagePullSecrets=[{"name": "registry"}])
    assert made(pod=pod)["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "registry"}]


def test_the_job_says_what_it_runs(made: Any) -> None:
    assert made()["metadata"]["annotations"] == {
        "spark-notebooks.io/script": "flights.py",
        "spark-notebooks.io/code": CODE.url,
        "spark-notebooks.io/code-sha256": "00",
    }
    assert made(request(commit="ab"))["metadata"]["annotations"]["spark-notebooks.io/git-commit"] == "ab"


def test_the_choice_of_notices_is_written_on_the_job_and_shown(made: Any) -> None:
    note = "spark-notebooks.io/notify"
    told, silent = made(request(notify="always")), made()
    assert told["metadata"]["annotations"][note] == "always"
    assert note not in silent["metadata"]["annotations"]
    assert what_runs(told["metadata"]["annotations"], told["spec"])["notices"] == "always"


def test_a_job_has_the_priority_class_of_the_person_s_group(made: Any) -> None:
    config = '{"SparkSessionDefaults": {"priority_class": "research"}}'
    assert made(config=config)["spec"]["template"]["spec"]["priorityClassName"] == "research"
    assert "priorityClassName" not in made()["spec"]["template"]["spec"]


def test_in_a_workspace_of_several_people_a_job_and_a_schedule_are_the_member_s_own(made: Any) -> None:
    manifest = made(SPARK_NOTEBOOKS_MEMBER="ada")
    schedule = cron_job("flights", Timetable("0 3 * * *", "UTC"), "forbid", manifest)
    template = manifest["spec"]["template"]
    for each in (manifest, template, schedule, schedule["spec"]["jobTemplate"]):
        assert each["metadata"]["labels"]["spark-notebooks.io/member"] == "ada"
    assert template["spec"]["serviceAccountName"] == "notebook-ada"
    variables = {each["name"]: each.get("value") for each in template["spec"]["containers"][0]["env"]}
    assert variables["SPARK_NOTEBOOKS_MEMBER"] == "ada"
    plain = made()
    assert plain["spec"]["template"]["spec"]["serviceAccountName"] == "notebook"
    assert "spark-notebooks.io/member" not in plain["metadata"]["labels"]
