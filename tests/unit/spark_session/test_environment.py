from __future__ import annotations

from pathlib import Path

import pytest
from spark_session.context import default, detected
from spark_session.environment import Credentials, detect
from spark_session.errors import SparkSessionError
from spark_session.pod_template import common_volumes

from spark_session import steps

from .conftest import NOTEBOOK, MakeContext
from .test_batch_outside import URL, write_kubeconfig

KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "hush"}
WEB_IDENTITY = {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/ada"}


def test_a_notebook_pod(tmp_path: Path, token: Path) -> None:
    workspace = detect(NOTEBOOK, tmp_path, token).workspace
    assert workspace is not None
    assert workspace.namespace == "user-ada"
    assert workspace.pod_name == "notebook"
    assert workspace.pod_ip == "10.244.0.7"
    assert workspace.api_url == "https://10.96.0.1:443"
    assert workspace.image == "registry.example/notebook:1"
    assert workspace.image_pull_policy == "IfNotPresent"


def test_a_laptop(tmp_path: Path) -> None:
    environment = detect({}, tmp_path)
    assert environment.workspace is None
    assert environment.description == "local Spark on this machine"
    assert environment.s3.endpoint is None
    assert environment.s3.credentials is None


def test_a_pod_that_is_no_notebook_of_ours_is_local(tmp_path: Path, token: Path) -> None:
    variables = {name: NOTEBOOK[name] for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "POD_NAME")}
    assert detect(variables, tmp_path, token).workspace is None


@pytest.mark.parametrize(
    "name", ["POD_NAME", "POD_NAMESPACE", "POD_IP", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"]
)
@pytest.mark.parametrize("value", [None, ""])
def test_half_a_workspace_is_an_error_that_names_the_other_half(
    tmp_path: Path, token: Path, name: str, value: str | None
) -> None:
    variables = {key: text for key, text in NOTEBOOK.items() if key != name}
    if value is not None:
        variables[name] = value
    with pytest.raises(SparkSessionError, match=name):
        detect(variables, tmp_path, token)


def test_a_pod_without_a_token_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SparkSessionError, match="service-account token"):
        detect(NOTEBOOK, tmp_path, tmp_path / "nothing")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        (KEYS, Credentials.KEYS),
        ({"AWS_ACCESS_KEY_ID": "id"}, None),
        (WEB_IDENTITY, Credentials.WEB_IDENTITY),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}, None),
        ({"AWS_SHARED_CREDENTIALS_FILE": "/keys"}, Credentials.PROFILE),
        (KEYS | WEB_IDENTITY, Credentials.KEYS),
        (WEB_IDENTITY | {"AWS_SHARED_CREDENTIALS_FILE": "/keys"}, Credentials.WEB_IDENTITY),
    ],
)
def test_credentials_are_found_where_the_aws_sdks_find_them(
    tmp_path: Path, variables: dict[str, str], expected: Credentials | None
) -> None:
    assert detect(variables, tmp_path).s3.credentials is expected


def test_the_credentials_file_of_the_home_folder(tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").touch()
    assert detect({}, tmp_path).s3.credentials is Credentials.PROFILE


def test_a_pod_passes_over_keys_in_variables(tmp_path: Path, token: Path) -> None:
    environment = detect(NOTEBOOK | KEYS, tmp_path, token)
    assert environment.s3.credentials is Credentials.PROFILE
    assert "hush" not in repr(environment)


def test_executors_get_the_variables_that_are_set_and_no_key(tmp_path: Path, token: Path) -> None:
    assert dict(detect(NOTEBOOK | KEYS, tmp_path, token).s3.variables) == {
        name: NOTEBOOK[name]
        for name in ("SPARK_NOTEBOOKS_S3_HOME", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_SHARED_CREDENTIALS_FILE")
    }


def test_the_general_endpoint_serves_where_there_is_no_special_one(tmp_path: Path) -> None:
    general = {"AWS_ENDPOINT_URL": "http://all"}
    assert detect(general, tmp_path).s3.endpoint == "http://all"
    assert detect(general | {"AWS_ENDPOINT_URL_S3": "http://s3"}, tmp_path).s3.endpoint == "http://s3"


def test_a_folder_of_jars(tmp_path: Path) -> None:
    (tmp_path / "hadoop-aws.jar").touch()
    assert detect({"SPARK_SESSION_JARS": str(tmp_path)}, tmp_path).jars == tmp_path


@pytest.mark.parametrize("folder", ["", "missing"])
def test_a_folder_without_jars_is_an_error(tmp_path: Path, folder: str) -> None:
    with pytest.raises(SparkSessionError, match="holds no jars"):
        detect({"SPARK_SESSION_JARS": str(tmp_path / folder)}, tmp_path)


@pytest.mark.parametrize(
    ("path", "title"),
    [("work/Flights with Spark.ipynb", "Flights with Spark"), ("a.b.ipynb", "a.b"), ("/home/me/run.py", "run")],
)
def test_the_title_is_the_notebooks_name(tmp_path: Path, path: str, title: str) -> None:
    assert detect({"JPY_SESSION_NAME": path}, tmp_path).title == title


@pytest.mark.parametrize("program", ["", "-", "-c", "/usr/lib/python3/site-packages/ipykernel_launcher.py"])
def test_a_program_without_a_name_is_called_spark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr("sys.argv", [program])
    assert detect({}, tmp_path).title == "spark"


def test_the_interpreter(tmp_path: Path) -> None:
    assert detect({}, tmp_path, python="/venv/bin/python").python == "/venv/bin/python"
    assert detect({"PYSPARK_PYTHON": "/other/python"}, tmp_path, python="/venv/bin/python").python == "/other/python"


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, None),
        ({"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}, "/user/ada/"),
        (
            {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/", "JUPYTERHUB_PUBLIC_URL": "https://hub.example/user/ada/"},
            "https://hub.example/user/ada/",
        ),
    ],
)
def test_the_address_of_the_server(tmp_path: Path, variables: dict[str, str], url: str | None) -> None:
    assert detect(variables, tmp_path).server_url == url


ANY_POD = {
    "SPARK_SESSION_IMAGE": "registry.example/mine:2",
    "POD_NAME": "worker",
    "POD_NAMESPACE": "team",
    "POD_IP": "10.244.0.9",
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
}


def test_a_pod_of_any_cluster_that_names_an_image(tmp_path: Path, token: Path) -> None:
    environment = detect({**ANY_POD, "AWS_SHARED_CREDENTIALS_FILE": "/keys"}, tmp_path, token)
    workspace = environment.workspace
    assert workspace is not None
    assert (workspace.namespace, workspace.pod_name, workspace.pod_ip) == ("team", "worker", "10.244.0.9")
    assert (workspace.api_url, workspace.image) == ("https://10.96.0.1:443", "registry.example/mine:2")
    assert (workspace.executor_account, workspace.is_ours, workspace.secret_file) == ("default", False, None)
    assert environment.description == "pod worker in the namespace team"
    # There are no Secrets of the hub's.
    volumes, _ = common_volumes(workspace, environment.s3)
    assert [volume["name"] for volume in volumes] == ["tmp", "home"]


def test_it_may_name_another_account_and_a_kubeconfig(
    tmp_path: Path, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_kubeconfig(tmp_path / "config")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    more = {"KUBECONFIG": str(tmp_path / "config"), "SPARK_SESSION_EXECUTOR_ACCOUNT": "spark"}
    workspace = detect({**ANY_POD, **more}, tmp_path, tmp_path / "nothing").workspace
    assert workspace is not None
    assert workspace.context == ""
    assert (workspace.api_url, workspace.executor_account) == (URL, "spark")
    assert workspace.access.headers() == {"Authorization": "Bearer t"}


def test_a_context_of_the_kubeconfig_is_spark_s_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_context: MakeContext
) -> None:
    write_kubeconfig(tmp_path / "config")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    more = {"KUBECONFIG": str(tmp_path / "config"), "SPARK_SESSION_CONTEXT": "other"}
    context = make_context({**ANY_POD, **more})
    assert {**steps.network(context), **steps.workspace(context)}.items() >= {
        "spark.master": detected("k8s://https://other:1"),
        "spark.kubernetes.context": detected("other"),
        "spark.kubernetes.authenticate.executor.serviceAccountName": default("default"),
    }.items()


@pytest.mark.parametrize("name", ["POD_NAME", "POD_NAMESPACE", "POD_IP"])
def test_it_says_what_a_pod_must_know_of_itself(tmp_path: Path, token: Path, name: str) -> None:
    with pytest.raises(SparkSessionError, match=rf"{name} are not set"):
        detect({key: text for key, text in ANY_POD.items() if key != name}, tmp_path, token)


def test_without_a_way_to_the_api_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(SparkSessionError, match="there is no KUBECONFIG"):
        detect(ANY_POD, tmp_path, tmp_path / "nothing")
