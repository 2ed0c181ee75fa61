from __future__ import annotations

from pathlib import Path

from spark_session.plan import build
from spark_session.pod_template import executor_pod

from .conftest import NOTEBOOK, MakeContext


def test_what_the_restricted_standard_asks_for(make_context: MakeContext) -> None:
    spec = executor_pod(make_context())["spec"]
    security = spec["securityContext"]
    assert security["runAsNonRoot"] is True
    assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (1000, 1000, 1000)
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_executors_cannot_talk_to_the_kubernetes_api(make_context: MakeContext) -> None:
    spec = executor_pod(make_context())["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False


def test_what_an_executor_writes_to_is_a_volume(make_context: MakeContext) -> None:
    spec = executor_pod(make_context())["spec"]
    scratch = {volume["name"] for volume in spec["volumes"] if "emptyDir" in volume}
    mounts = {mount["mountPath"]: mount["name"] for mount in spec["containers"][0]["volumeMounts"]}
    assert {"/tmp", "/home/jovyan"} <= mounts.keys()
    assert all(mounts[path] in scratch for path in ("/tmp", "/home/jovyan", "/var/lib/spark"))
    assert mounts["/var/lib/spark"].startswith("spark-local-dir-")
    assert spec["containers"][0]["workingDir"] in mounts


def test_s3_credentials_are_mounted_where_the_notebook_has_them(make_context: MakeContext) -> None:
    spec = executor_pod(make_context())["spec"]
    (volume,) = [volume for volume in spec["volumes"] if "secret" in volume]
    assert volume["secret"] == {"secretName": "s3-credentials", "defaultMode": 0o440}
    (mount,) = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == volume["name"]]
    assert mount["mountPath"] == "/var/run/secrets/spark-notebooks/s3"
    assert mount["readOnly"] is True


def test_without_a_credentials_file_no_secret_is_mounted(make_context: MakeContext) -> None:
    variables = {name: text for name, text in NOTEBOOK.items() if name != "AWS_SHARED_CREDENTIALS_FILE"}
    assert all("emptyDir" in volume for volume in executor_pod(make_context(variables))["spec"]["volumes"])


def test_the_secret_of_spark_is_mounted_where_the_notebook_has_it(make_context: MakeContext, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hush")
    spec = executor_pod(make_context(NOTEBOOK | {"SPARK_SESSION_SECRET_FILE": str(file)}))["spec"]
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "spark-authentication"]
    assert volume["secret"] == {"secretName": "spark-authentication", "defaultMode": 0o440}
    (mount,) = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == volume["name"]]
    assert (mount["mountPath"], mount["readOnly"]) == (str(tmp_path), True)


def test_the_session_of_an_executor_is_in_its_labels(make_context: MakeContext) -> None:
    labels = executor_pod(make_context())["metadata"]["labels"]
    assert labels["spark-notebooks.io/session"] == "0123abcd"
    assert labels["app.kubernetes.io/managed-by"] == "spark-notebooks"


def test_an_executor_shows_a_token_of_its_own_for_keys(make_context: MakeContext) -> None:
    variables = {name: text for name, text in NOTEBOOK.items() if name != "AWS_SHARED_CREDENTIALS_FILE"}
    variables |= {
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/secrets/spark-notebooks/s3-token/token",
        "AWS_ROLE_ARN": "arn:aws:iam::000000000000:role/spark-notebooks",
        "SPARK_SESSION_S3_TOKEN_AUDIENCE": "tokens.platform",
    }
    spec = executor_pod(make_context(variables))["spec"]
    (volume,) = [volume for volume in spec["volumes"] if "projected" in volume]
    (source,) = volume["projected"]["sources"]
    assert source == {
        "serviceAccountToken": {"audience": "tokens.platform", "expirationSeconds": 3600, "path": "token"}
    }
    (mount,) = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == volume["name"]]
    assert (mount["mountPath"], mount["readOnly"]) == ("/var/run/secrets/spark-notebooks/s3-token", True)
    del variables["SPARK_SESSION_S3_TOKEN_AUDIENCE"]
    assert not [each for each in executor_pod(make_context(variables))["spec"]["volumes"] if "projected" in each]


def test_executors_have_the_priority_class_of_the_person_s_group(make_context: MakeContext) -> None:
    assert "priorityClassName" not in executor_pod(make_context())["spec"]
    spec = executor_pod(make_context(admin={"priority_class": "research"}))["spec"]
    assert spec["priorityClassName"] == "research"


def test_in_a_workspace_of_several_people_everything_is_the_member_s_own(
    make_context: MakeContext, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("hush")
    context = make_context(NOTEBOOK | {"SPARK_SESSION_SECRET_FILE": str(file), "SPARK_NOTEBOOKS_MEMBER": "ada"})
    pod = executor_pod(context)
    assert pod["metadata"]["labels"]["spark-notebooks.io/member"] == "ada"
    secrets = {
        volume["name"]: volume["secret"]["secretName"] for volume in pod["spec"]["volumes"] if "secret" in volume
    }
    assert secrets == {"s3-credentials": "s3-credentials", "spark-authentication": "spark-authentication-ada"}
    account = build(context).settings["spark.kubernetes.authenticate.executor.serviceAccountName"]
    assert account.text == "executor-ada"
    assert "spark-notebooks.io/member" not in executor_pod(make_context())["metadata"]["labels"]
