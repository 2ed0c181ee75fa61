"""The notebook pod's environment and volumes."""

import json

import pytest
from spark_notebooks_hub.notebook import NotebookStorage, TokenService, environment, volume_mounts, volumes


@pytest.mark.parametrize(
    ("prefix", "home"),
    [
        ("users", "s3://notebooks/users/ada"),
        ("/team/users/", "s3://notebooks/team/users/ada"),
        ("", "s3://notebooks/ada"),
    ],
)
def test_each_person_has_a_prefix_of_their_own(prefix: str, home: str) -> None:
    assert NotebookStorage("notebooks", prefix, "us-east-1").home("ada") == home


def test_the_environment_says_where_notebooks_are_and_what_spark_is_to_use() -> None:
    found = environment(
        "ada",
        NotebookStorage("notebooks", "users", "eu-west-1", "http://s3:7070"),
        image="registry/notebook:1",
        image_pull_policy="Always",
        spark_defaults={"executor_cores": 2},
        contents_settings={"trash_days": 7},
        has_credentials=True,
    )
    assert found["SPARK_NOTEBOOKS_S3_HOME"] == "s3://notebooks/users/ada"
    assert found["AWS_ENDPOINT_URL_S3"] == "http://s3:7070"
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert found["SPARK_SESSION_SECRET_FILE"] == "/var/run/secrets/spark-notebooks/authentication/secret"
    assert found["AWS_SHARED_CREDENTIALS_FILE"] == "/var/run/secrets/spark-notebooks/s3/credentials"
    assert found["SPARK_NOTEBOOKS_IMAGE"] == "registry/notebook:1"
    assert found["SPARK_NOTEBOOKS_IMAGE_PULL_POLICY"] == "Always"
    assert json.loads(found["S3_CONTENTS_CONFIG"]) == {"S3ContentsManager": {"trash_days": 7}}
    assert json.loads(found["SPARK_SESSION_CONFIG"]) == {"SparkSessionDefaults": {"executor_cores": 2}}
    assert found["POD_UID"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.uid"
    assert found["POD_IP"]["valueFrom"]["fieldRef"]["fieldPath"] == "status.podIP"


def test_aws_needs_no_endpoint_and_no_credentials_no_file() -> None:
    found = environment(
        "ada",
        NotebookStorage("b", "users", "us-east-1"),
        image="i",
        image_pull_policy=None,
        spark_defaults={},
        contents_settings={},
        has_credentials=False,
    )
    assert "AWS_ENDPOINT_URL_S3" not in found
    assert "AWS_SHARED_CREDENTIALS_FILE" not in found
    assert found["SPARK_NOTEBOOKS_IMAGE_PULL_POLICY"] == "IfNotPresent"


def test_what_is_written_to_is_a_volume_and_the_credentials_are_read_only() -> None:
    mounted = {mount["mountPath"]: mount for mount in volume_mounts(has_credentials=True).values()}
    secrets = "/var/run/secrets/spark-notebooks"
    assert set(mounted) == {"/home/jovyan", "/tmp", f"{secrets}/s3", f"{secrets}/authentication"}
    assert all(mounted[f"{secrets}/{name}"]["readOnly"] is True for name in ("s3", "authentication"))
    assert set(volumes(None, has_credentials=True)) == set(volume_mounts(has_credentials=True))
    without = {"home", "tmp", "spark-authentication"}
    assert set(volumes(None, has_credentials=False)) == set(volume_mounts(has_credentials=False)) == without


def test_the_home_folder_is_scratch_space_or_a_claim() -> None:
    assert volumes(None, False)["home"] == {"name": "home", "emptyDir": {}}
    assert volumes(None, False, None, "20Gi")["home"] == {"name": "home", "emptyDir": {"sizeLimit": "20Gi"}}
    assert volumes("home", False, None, "20Gi")["home"] == {
        "name": "home",
        "persistentVolumeClaim": {"claimName": "home"},
    }


def test_with_the_token_service_a_pod_has_a_token_and_no_key() -> None:
    tokens = TokenService("http://tokens:8082", "tokens.platform")
    found = environment(
        "ada",
        NotebookStorage("b", "users", "us-east-1"),
        image="i",
        image_pull_policy=None,
        spark_defaults={},
        contents_settings={},
        has_credentials=False,
        token_service=tokens,
    )
    token = volumes(None, False, tokens)["s3-token"]["projected"]["sources"]
    mount = volume_mounts(False, tokens)["s3-token"]
    assert token == [
        {"serviceAccountToken": {"audience": "tokens.platform", "expirationSeconds": 3600, "path": "token"}}
    ]
    assert found["AWS_WEB_IDENTITY_TOKEN_FILE"] == f"{mount['mountPath']}/token"
    assert (found["AWS_ENDPOINT_URL_STS"], mount["readOnly"]) == ("http://tokens:8082", True)
    assert found["AWS_ROLE_ARN"].startswith("arn:aws:iam::")
    assert found["AWS_CONFIG_FILE"] == "/etc/spark-notebooks/aws-config"
    assert "AWS_SHARED_CREDENTIALS_FILE" not in found
    assert "s3-credentials" not in volumes(None, False, tokens)
