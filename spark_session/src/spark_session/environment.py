"""Where this code runs, decided once from the environment variables and a few files."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from spark_session import kubeconfig
from spark_session.errors import SparkSessionError
from spark_session.kube import SERVICE_ACCOUNT, THIS_POD, Access, Api, ServiceAccount, url_in_pod

HOME_VARIABLE = "SPARK_NOTEBOOKS_S3_HOME"
NOTEBOOK_VARIABLE = "SPARK_NOTEBOOKS_NOTEBOOK"
FOLDER_VARIABLE = "SPARK_NOTEBOOKS_NOTEBOOK_FOLDER"
JARS_VARIABLE = "SPARK_SESSION_JARS"
EVENT_LOGS_VARIABLE = "SPARK_SESSION_EVENT_LOGS"
IMAGE_VARIABLE = "SPARK_NOTEBOOKS_IMAGE"
TOKEN_AUDIENCE_VARIABLE = "SPARK_SESSION_S3_TOKEN_AUDIENCE"  # noqa: S105 (the name of a variable)
MEMBER_VARIABLE = "SPARK_NOTEBOOKS_MEMBER"
SECRET_FILE_VARIABLE = "SPARK_SESSION_SECRET_FILE"  # noqa: S105 (the name of a variable)
JOB_VARIABLE = "SPARK_NOTEBOOKS_JOB"
"""Of the script of a job: the job's name."""
EXECUTOR_IMAGE_VARIABLE = "SPARK_SESSION_IMAGE"
"""Of a pod that is not the platform's: the image of executors, this one or one like it."""
EXECUTOR_ACCOUNT_VARIABLE = "SPARK_SESSION_EXECUTOR_ACCOUNT"
CONTEXT_VARIABLE = "SPARK_SESSION_CONTEXT"
"""Outside of the platform: the context of the kubeconfig; the current one where none is named."""
UNATTENDED_VARIABLE = "SPARK_SESSION_UNATTENDED"
WORKSPACE_VARIABLES = ("POD_NAME", "POD_NAMESPACE", "POD_IP", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")


class Credentials(Enum):
    """Where S3 credentials come from; the value is the class of the AWS SDK for Java that reads them there."""

    KEYS = "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"
    WEB_IDENTITY = "software.amazon.awssdk.auth.credentials.WebIdentityTokenFileCredentialsProvider"
    PROFILE = "software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider"


@dataclass(frozen=True)
class Workspace:
    """The pod that this runs in, and the Kubernetes namespace it may create executors in.

    Args:
        namespace: where executors are.
        pod_name: of this pod.
        pod_ip: its address, by which executors call the driver.
        api_url: "https://host:port" of the API server.
        image: that of executors.
        image_pull_policy: Kubernetes' word.
        secret_file: what driver and executors know each other by, mounted from the workspace's Secret; None where an older hub mounts none.
        member: whose notebook it is in a workspace that several people share, as names of Kubernetes have it; empty in a workspace of one's own.
        executor_account: the service account of executors.
        access: who asks the API.
        context: that of the kubeconfig, where one is named.
        is_ours: it is of the platform, whose hub has made accounts and Secrets for it.
    """

    namespace: str
    pod_name: str
    pod_ip: str
    api_url: str
    image: str
    image_pull_policy: str
    secret_file: Path | None = None
    member: str = ""
    executor_account: str = "executor"
    access: Access = THIS_POD
    context: str = ""
    is_ours: bool = True

    def api(self) -> Api:
        """A connection of its own to the API of the workspace."""
        return Api(self.api_url, self.namespace, self.access)

    def named(self, name: str) -> str:
        """What an object of that name is called here: in a workspace that several people share, each has their own."""
        return f"{name}-{self.member}" if self.member else name


@dataclass(frozen=True)
class S3:
    """The S3 store as the usual AWS variables describe it; no field holds a key.

    Args:
        home: the person's own prefix, "s3://bucket/prefix".
        endpoint: URL of the store; None is AWS.
        region: AWS region name.
        credentials: where keys come from; None when nothing names a place.
        credentials_file: AWS shared-credentials file, when a variable names one.
        token_file: where executors find the token that is shown for keys; None where they need none, or the cluster mounts one itself.
        token_audience: whom that token is for.
        variables: the variables that executors need to find the same store, values as in this process.
    """

    home: str | None = None
    endpoint: str | None = None
    region: str | None = None
    credentials: Credentials | None = None
    credentials_file: Path | None = None
    token_file: Path | None = None
    token_audience: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Environment:
    """What a session can build on.

    Args:
        workspace: None on a machine of one's own: local Spark.
        s3: the S3 store.
        python: path of the Python interpreter, here and on executors.
        title: what the notebook or script is called.
        jars: folder of jars on top of PySpark's own; None in the image, which has them.
        event_logs: folder of this machine whose event logs somebody collects; None where nobody does.
        notebook_folder: "s3://..." address of the folder that the notebook is in; None where it is not on S3.
        server_url: address of the hub's Jupyter server that this runs in, a path where no more is known; None elsewhere.
    """

    workspace: Workspace | None
    s3: S3
    python: str
    title: str
    jars: Path | None = None
    event_logs: Path | None = None
    notebook_folder: str | None = None
    server_url: str | None = None

    @property
    def description(self) -> str:
        """One line for people."""
        if self.workspace is None:
            return "local Spark on this machine"
        if not self.workspace.is_ours:
            return f"pod {self.workspace.pod_name} in the namespace {self.workspace.namespace}"
        return f"notebook pod {self.workspace.pod_name} in the workspace {self.workspace.namespace}"


def detect(
    variables: Mapping[str, str], home: Path, service_account: Path = SERVICE_ACCOUNT, python: str = sys.executable
) -> Environment:
    """Decide the environment.

    Args:
        variables: environment variables.
        home: home folder, where `.aws/credentials` may be.
        service_account: folder of the pod's service-account token.
        python: the interpreter that runs this code, and so the Python of the executors.

    Raises:
        SparkSessionError: half of a workspace is there, or SPARK_SESSION_JARS names no folder of jars.
    """
    workspace = _workspace(variables, service_account)
    return Environment(
        workspace=workspace,
        s3=_s3(variables, home, in_pod=workspace is not None),
        python=variables.get("PYSPARK_PYTHON") or python,
        title=_title(variables),
        jars=_jars(variables),
        event_logs=_event_logs(variables),
        notebook_folder=notebook_folder(variables),
        # As the hub tells its servers: with the host where it knows that, without in any case.
        server_url=variables.get("JUPYTERHUB_PUBLIC_URL") or variables.get("JUPYTERHUB_SERVICE_PREFIX") or None,
    )


def is_unattended(variables: Mapping[str, str]) -> bool:
    """Whether this is said to run by itself, as the kernel of a notebook does that is a job: what it shows is read in a log."""
    return bool(variables.get(UNATTENDED_VARIABLE))


def _workspace(variables: Mapping[str, str], service_account: Path) -> Workspace | None:
    image = variables.get(IMAGE_VARIABLE)
    if not image:
        return _any_pod(variables, service_account)
    fix = "Stop your server and start it again; if that does not help, tell your administrator."
    if missing := [name for name in WORKSPACE_VARIABLES if not variables.get(name)]:
        raise SparkSessionError(
            "This notebook pod cannot start executors.", f"The variables {', '.join(missing)} are not set in it.", fix
        )
    if not (service_account / "token").is_file():
        raise SparkSessionError(
            "This notebook pod cannot start executors.",
            f"It has no service-account token in {service_account}, so the Kubernetes API would not know it.",
            fix,
        )
    return Workspace(
        namespace=variables["POD_NAMESPACE"],
        pod_name=variables["POD_NAME"],
        pod_ip=variables["POD_IP"],
        api_url=url_in_pod(variables),
        image=image,
        image_pull_policy=variables.get("SPARK_NOTEBOOKS_IMAGE_PULL_POLICY") or "IfNotPresent",
        secret_file=_secret_file(variables),
        member=variables.get(MEMBER_VARIABLE, ""),
    )


def _any_pod(variables: Mapping[str, str], service_account: Path) -> Workspace | None:
    """A pod of any cluster whose variables name an image of executors; None where none is named."""
    image = variables.get(EXECUTOR_IMAGE_VARIABLE)
    if not image:
        return None
    known = {name: variables.get(name) for name in ("POD_NAME", "POD_NAMESPACE", "POD_IP")}
    if missing := [name for name, value in known.items() if not value]:
        raise SparkSessionError(
            f"Executors cannot be started ({EXECUTOR_IMAGE_VARIABLE}={image}).",
            f"The variables {', '.join(missing)} are not set: executors belong to the pod that this runs in, and call it by its address.",
            "Set them from the pod's own fields (metadata.name, metadata.namespace, status.podIP). On a machine of your own, unset "
            f"{EXECUTOR_IMAGE_VARIABLE}: Spark runs there without executors.",
        )
    access: Access
    context = ""
    if variables.get("KUBECONFIG"):
        context = variables.get(CONTEXT_VARIABLE, "")
        access = kubeconfig.load(context or None)
        url = access.url
    elif (service_account / "token").is_file() and variables.get("KUBERNETES_SERVICE_HOST"):
        access = ServiceAccount(service_account)
        url = url_in_pod(variables)
    else:
        raise SparkSessionError(
            f"Executors cannot be started ({EXECUTOR_IMAGE_VARIABLE}={image}).",
            "Nothing says how the Kubernetes API is asked: there is no KUBECONFIG, and the pod has no token of a service account.",
            "Mount a kubeconfig and set KUBECONFIG, or give the pod a service account that may handle pods.",
        )
    return Workspace(
        namespace=known["POD_NAMESPACE"] or "",
        pod_name=known["POD_NAME"] or "",
        pod_ip=known["POD_IP"] or "",
        api_url=url,
        image=image,
        image_pull_policy="IfNotPresent",
        executor_account=variables.get(EXECUTOR_ACCOUNT_VARIABLE) or "default",
        access=access,
        context=context,
        is_ours=False,
    )


def _secret_file(variables: Mapping[str, str]) -> Path | None:
    file = Path(variables.get(SECRET_FILE_VARIABLE, ""))
    return file if file.is_file() else None


# What boto3, s3fs and the AWS SDK for Java read to find a store and credentials. AWS_ACCESS_KEY_ID and its secret are not
# among them: a variable of an executor is readable in its pod spec.
_EXECUTOR_VARIABLES = (
    HOME_VARIABLE,
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONFIG_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)


def _s3(variables: Mapping[str, str], home: Path, in_pod: bool) -> S3:
    named_file = variables.get("AWS_SHARED_CREDENTIALS_FILE")
    token_file, audience = variables.get("AWS_WEB_IDENTITY_TOKEN_FILE"), variables.get(TOKEN_AUDIENCE_VARIABLE)
    return S3(
        home=(variables.get(HOME_VARIABLE) or "").rstrip("/") or None,
        endpoint=variables.get("AWS_ENDPOINT_URL_S3") or variables.get("AWS_ENDPOINT_URL") or None,
        region=variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or None,
        credentials=_credentials(variables, home, in_pod),
        credentials_file=Path(named_file) if named_file else None,
        token_file=Path(token_file) if token_file and audience else None,
        token_audience=audience or None,
        variables={name: variables[name] for name in _EXECUTOR_VARIABLES if variables.get(name)},
    )


def _credentials(variables: Mapping[str, str], home: Path, in_pod: bool) -> Credentials | None:
    # The order of the AWS SDKs. In a pod, keys in variables are passed over: executors are never given them.
    if variables.get("AWS_ACCESS_KEY_ID") and variables.get("AWS_SECRET_ACCESS_KEY") and not in_pod:
        return Credentials.KEYS
    if variables.get("AWS_WEB_IDENTITY_TOKEN_FILE") and variables.get("AWS_ROLE_ARN"):
        return Credentials.WEB_IDENTITY
    if variables.get("AWS_SHARED_CREDENTIALS_FILE") or (home / ".aws" / "credentials").is_file():
        return Credentials.PROFILE
    return None


def notebook_folder(variables: Mapping[str, str]) -> str | None:
    """The "s3://..." address of the folder that the notebook is in; None where it is not on S3."""
    # Jupyter's own JPY_SESSION_NAME names folders of this machine only; the session manager of s3_contents sets these two, and a job the
    # second alone. Only the first tells where a notebook is that is in a shared folder.
    if folder := variables.get(FOLDER_VARIABLE):
        return folder.rstrip("/")
    home, notebook = (variables.get(HOME_VARIABLE) or "").rstrip("/"), variables.get(NOTEBOOK_VARIABLE)
    if not home or not notebook:
        return None
    folder = notebook.strip("/").rpartition("/")[0]
    return f"{home}/{folder}" if folder else home


def _event_logs(variables: Mapping[str, str]) -> Path | None:
    folder = variables.get(EVENT_LOGS_VARIABLE)
    # Spark does not start without the folder; a session without a log is better than none.
    return Path(folder) if folder and Path(folder).is_dir() else None


def _jars(variables: Mapping[str, str]) -> Path | None:
    folder = variables.get(JARS_VARIABLE)
    if not folder:
        return None
    if not any(Path(folder).glob("*.jar")):
        raise SparkSessionError(
            f"{JARS_VARIABLE}={folder} holds no jars.",
            "The folder is missing or empty.",
            "Name a folder with hadoop-aws and its dependencies, or unset the variable to work without S3.",
        )
    return Path(folder)


# What stands for the program's name where there is no file of one's own: `python -`, `python -c`, `python -m`, a kernel without a notebook.
_NAMELESS = {"", "-", "-c", "-m", "__main__", "ipykernel_launcher"}


def _title(variables: Mapping[str, str]) -> str:
    # Jupyter Server tells a kernel the path of its notebook; a script has its own name.
    title = Path(variables.get("JPY_SESSION_NAME") or (sys.argv[0] if sys.argv else "")).stem
    return "spark" if title in _NAMELESS else title
