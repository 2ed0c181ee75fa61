"""What goes wrong with executors on a real node: the session outlives it, and says why."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from spark_session.quantities import parse
from spark_session.reasons import Kind
from spark_session.refusals import refused
from spark_session.shape import Shape

from cluster import Cluster
from tests.support.notebook_pod import Notebook, running_notebook

from .faults import Run, run, run_in, wait_until

__all__ = ["run"]
MISSING = "nothing:1"
QUOTA = {"pods": 3}  # the notebook and two executors


@pytest.fixture(scope="module")
def notebook(node: Cluster) -> Iterator[Notebook]:
    conf = {"spark.kubernetes.executor.container.image": f"{node.registry}/{MISSING}"}
    with running_notebook(node, "test-faults", QUOTA, {"first_executor_timeout": 60}, spark_conf=conf) as made:
        yield made


@pytest.fixture(scope="module")
def policy(notebook: Notebook) -> Iterator[str]:
    """A rule of the cluster that refuses the executors of this workspace's sessions that are named after it."""
    name = "test-faults-no-executors"
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods", "configmaps"]}
    manifests = [
        kind
        | {
            "kind": "ValidatingAdmissionPolicy",
            "spec": {
                "matchConstraints": {"resourceRules": [rule]},
                "validations": [
                    {"expression": "!object.metadata.name.startsWith('sunday')", "message": "no executors on Sundays"}
                ],
            },
        },
        kind
        | {
            "kind": "ValidatingAdmissionPolicyBinding",
            "spec": {
                "policyName": name,
                "validationActions": ["Deny"],
                "matchResources": {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": notebook.namespace}}
                },
            },
        },
    ]
    text = json.dumps({"kind": "List", "apiVersion": "v1", "items": manifests})
    notebook.target.kubectl("apply", "--filename", "-", stdin=text)
    refused = ("--namespace", notebook.namespace, "create", "configmap", "sunday", "--dry-run=server")
    # The API server takes up a new policy after a while.
    wait_until(lambda: "on Sundays" in notebook.target.kubectl(*refused, check=False).stderr)
    yield name
    notebook.target.kubectl("delete", "--filename", "-", stdin=text)


REFUSALS = """
from pathlib import Path
from spark_session.environment import detect
from spark_session.kube import Api

workspace = detect(os.environ, Path.home()).workspace
api = Api(workspace.api_url, workspace.namespace)
answers = {}

def refused(what, *, admin=None, **arguments):
    administer(**(admin or {}))
    try:
        get_spark_session(**arguments)
    except SparkSessionError as error:
        answers[what] = str(error)
    wait_until(lambda: not api.list("pods", labelSelector="spark-role=executor")["items"])

refused("too many", executors=8)
refused("no image", executors=1, admin={"conf": {"spark.kubernetes.executor.container.image": "MISSING"}, "first_executor_timeout": 10})
refused("crash", executors=1, conf={"spark.executor.extraJavaOptions": "-Xss1k"})
refused("too large", executors=1, cores=500, admin={"executor_cpu_request": 1, "first_executor_timeout": 10})
refused("cluster's policy", executors=1, name="sunday")
refused("platform's policy", executors=1, admin={"conf": {"spark.kubernetes.executor.node.selector.pool": "system"}})
# The driver's address means the executor itself there: as with a network policy, nobody answers.
os.environ["POD_IP"] = "127.0.0.1"
refused("no way", executors=1)
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def refusals(notebook: Notebook, node: Cluster, policy: str) -> dict[str, str]:
    """What each of the sessions says that cannot start, one after the other in one process."""
    result = run_in(notebook, REFUSALS.replace("MISSING", f"{node.registry}/{MISSING}"))
    assert result.returncode == 0, result.stderr
    answers: dict[str, str] = json.loads(result.stdout.splitlines()[-1])
    return answers


def test_more_than_can_ever_run_is_refused_at_once(refusals: dict[str, str]) -> None:
    said = refusals["too many"]
    assert "8 executors can never run in your workspace." in said
    assert "8 x 1 pod and 1 pod for the notebook make 9 pods, and your workspace may have 3 pods." in said
    assert "Ask for executors=2 or fewer" in said


def test_an_image_that_is_not_there(refusals: dict[str, str], node: Cluster) -> None:
    said = refusals["no image"]
    assert f'The image "{node.registry}/{MISSING}" is not in its registry.' in said
    assert said.startswith("No executor came within 10 s. The image of the executors cannot be fetched.")


def test_an_executor_that_crashes_at_its_start(refusals: dict[str, str]) -> None:
    said = refusals["crash"]
    assert said.startswith("The Java of an executor does not start.")
    assert "The Java thread stack size specified is too small" in said


def test_an_executor_larger_than_the_node(refusals: dict[str, str]) -> None:
    said = refusals["too large"]
    # Other tests use the node at the same time, and its memory.
    assert re.search(r"The cluster has no room for more executors\. There is too little cpu( and memory)? free\.", said)
    assert "An executor asks for 500 cores and 896 MiB of memory" in said


def test_an_executor_that_does_not_reach_the_driver(refusals: dict[str, str]) -> None:
    said = refusals["no way"]
    assert "Executors cannot reach your notebook." in said
    assert "They gave up connecting to the driver at 127.0.0.1." in said


def test_a_policy_that_refuses_executors(refusals: dict[str, str], policy: str) -> None:
    said = refusals["cluster's policy"]
    assert "A rule of your platform refuses these executors." in said
    assert f'The policy "{policy}" says: no executors on Sundays.' in said


def test_what_the_platform_s_policies_refuse_is_said(refusals: dict[str, str]) -> None:
    said = refusals["platform's policy"]
    assert "A rule of your platform refuses these executors." in said
    assert '-workspace-executors" says: the scheduler chooses the nodes of executors. Leave nodeSelector' in said


@pytest.mark.long
def test_more_than_is_free_starts_with_what_there_is(run: Run) -> None:
    result = run("""
import subprocess
other = subprocess.Popen(
    [sys.executable, "-c", "from spark_session import get_spark_session as get; get(executors=1).range(9).count(); print('up', flush=True); input()"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
)
other.stdout.readline()
spark = start(executors=2)
print(spark.range(1000).count(), executors(spark))
time.sleep(12)  # more rounds of refusals than stock Spark survives
print(spark.range(1000).count(), executors(spark))
other.communicate("\\n")
wait_until(lambda: executors(spark) == 2)
wait_until_told("2 executors ready after")
""")
    assert result.stdout.split() == ["1000", "1", "1000", "1"], result.stderr
    assert "1 of 2 can start at once: 2 pods of your workspace's 3 pods are used." in result.stderr
    assert result.stderr.count("Your workspace may have 3 pods, and 3 pods are used.") == 1
    assert "2 executors ready after" in result.stderr
    assert "ExecutorPodsAllocator" not in result.stderr


def test_an_executor_that_is_killed_for_its_memory(run: Run) -> None:
    result = run("""
# An executor that ends so fails its task: one such end is enough.
spark = start(executors=1, memory="512m", conf={"spark.task.maxFailures": 1})

def take(_):
    import subprocess, sys, time
    # The kernel ends the largest process: one of many small ones is never it.
    code = "import time; taken = bytearray(60 * 2**20); time.sleep(60)"
    taking = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(14)]
    time.sleep(30)

try:
    spark.sparkContext.parallelize([0], 1).foreach(take)
except Exception as error:
    print("the job failed")
wait_until_told("killed for using more memory")
""")
    assert "the job failed" in result.stdout
    assert "An executor was killed for using more memory than it had." in result.stderr
    assert "It had 896m: 512m of Java heap and 384m for Python and the rest." in result.stderr
    assert 'conf={"spark.executor.memoryOverhead": "768m"}' in result.stderr


ONE_SESSION = """
import signal, site
from pathlib import Path
from pyspark import SparkContext
import spark_session
from spark_session.kube import Api
from spark_session.shape import manifest

folder = Path(site.getusersitepackages(), "lifelines-0.30.0.dist-info")
folder.mkdir(parents=True)
(folder / "METADATA").write_text("Metadata-Version: 2.1\\nName: lifelines\\nVersion: 0.30.0\\n")
spark = start(executors=1)
wait_until_told("They lack")
(folder / "METADATA").unlink()
folder.rmdir()

plan = spark_session.explain()
workspace = plan.context.environment.workspace
api = Api(workspace.api_url, workspace.namespace)
owner = api.get("pods", workspace.pod_name)["metadata"]["uid"]
asked = manifest(plan, owner)
api.dry_run("pods", asked)
[made] = api.list("pods", labelSelector=f"spark-notebooks.io/session={plan.context.session_id}")["items"]
print(json.dumps([asked, made]))

os.kill(SparkContext._gateway.proc.pid, signal.SIGKILL)
wait_until_told("exit code 137")
start(executors=1)
"""


@pytest.fixture(scope="module")
def one_session(notebook: Notebook) -> subprocess.CompletedProcess[str]:
    """A session with a package that executors lack, whose driver is killed in the end, and the next one."""
    result = run_in(notebook, ONE_SESSION)
    assert result.returncode == 0, result.stderr
    return result


@pytest.mark.long
def test_packages_that_executors_lack(one_session: subprocess.CompletedProcess[str]) -> None:
    said = "Executors don't have the same Python packages as this notebook. They lack lifelines 0.30.0."
    assert said in one_session.stderr


@pytest.mark.long
def test_a_driver_that_is_killed(one_session: subprocess.CompletedProcess[str]) -> None:
    # Once under the cell, and once from the call that starts another session.
    assert one_session.stderr.count("Its Java process ended (exit code 137): something killed it") == 2
    assert "A new session takes its place." in one_session.stderr


@pytest.mark.long
def test_the_pod_that_is_asked_about_is_the_pod_that_spark_makes(
    one_session: subprocess.CompletedProcess[str],
) -> None:
    asked, made = json.loads(one_session.stdout.splitlines()[-1])
    names = {"spark-exec-id"}
    labels = {key: value for key, value in asked["metadata"]["labels"].items() if key not in names}
    assert labels.items() <= made["metadata"]["labels"].items()
    assert names <= made["metadata"]["labels"].keys()
    [owner], [real_owner] = asked["metadata"]["ownerReferences"], made["metadata"]["ownerReferences"]
    assert owner.items() <= real_owner.items()
    [container], [real] = asked["spec"]["containers"], made["spec"]["containers"]
    assert quantities(container["resources"]) == quantities(real["resources"])
    for key in ("name", "image", "imagePullPolicy", "args", "securityContext", "workingDir"):
        assert container[key] == real[key], key
    for key in ("serviceAccountName", "restartPolicy", "securityContext", "automountServiceAccountToken"):
        assert asked["spec"][key] == made["spec"][key], key
    # Secrets of the settings come on top.
    assert {volume["name"] for volume in asked["spec"]["volumes"]} <= {
        volume["name"] for volume in made["spec"]["volumes"]
    }


@pytest.fixture
def strict_namespace(notebook: Notebook) -> Iterator[str]:
    """A namespace whose quota, limits and security level refuse all kinds of pods."""
    name = "test-faults-strict"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    manifests = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "few", "namespace": name},
            "spec": {"hard": {"limits.memory": "1Gi", "requests.cpu": "1", "limits.cpu": "1"}},
        },
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": "small", "namespace": name},
            "spec": {"limits": [{"type": "Container", "max": {"memory": "2Gi"}}]},
        },
    ]
    text = json.dumps({"kind": "List", "apiVersion": "v1", "items": manifests})
    notebook.target.kubectl("apply", "--filename", "-", stdin=text)
    yield name
    notebook.target.kubectl("delete", "namespace", name, "--wait=false")


REFUSED_PODS: list[tuple[dict[str, Any], dict[str, Any], Kind, str]] = [
    ({"memory": "3Gi", "cpu": "1"}, {}, Kind.LIMIT, "maximum memory usage per Container is 2Gi, but limit is 3Gi"),
    ({"memory": "1536Mi", "cpu": "1"}, {}, Kind.QUOTA, "Your workspace may have 1 GiB of memory, and 0 bytes are used"),
    ({"memory": "512Mi"}, {}, Kind.QUOTA, "It counts limits.cpu"),
    ({"memory": "512Mi", "cpu": "1"}, {"hostNetwork": True}, Kind.POD_SECURITY, 'Pod Security Standard "restricted"'),
    ({"memory": "512Mi", "cpu": "1"}, {"serviceAccountName": "nobody"}, Kind.REFUSED, '"nobody", which they run as'),
    ({"memory": "512Mi", "cpu": "1"}, {"restartPolicy": "Maybe"}, Kind.REFUSED, "restartPolicy"),
]


def test_the_api_servers_own_sentences_are_understood(notebook: Notebook, strict_namespace: str) -> None:
    size = Shape(Decimal(1), None, 512, 896)
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    context = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    wait_until(lambda: "default" in notebook.target.kubectl("--namespace", strict_namespace, "get", "sa").stdout)
    for limits, spec, kind, words in REFUSED_PODS:
        container = {"name": "c", "image": "x", "resources": {"limits": limits}, "securityContext": security}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "refused", "namespace": strict_namespace},
            "spec": {"containers": [container], "securityContext": context, **spec},
        }
        answer = notebook.target.kubectl(
            "create", "--dry-run=server", "--filename", "-", stdin=json.dumps(pod), check=False
        )
        reason = refused(403, answer.stderr.strip(), size)
        assert (reason.kind, words in reason.why) == (kind, True), reason


def quantities(resources: dict[str, dict[str, str]]) -> dict[str, dict[str, Decimal]]:
    return {kind: {name: parse(text) for name, text in found.items()} for kind, found in resources.items()}
