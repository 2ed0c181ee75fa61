"""Another person's Spark session: its driver, its UI, its executors and their logs. The attacker's own workspace is no way there."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.notebook_pod import Notebook

from .conftest import Attack, Situation

SESSION = """
import json, sys
from spark_session import get_spark_session
spark = get_spark_session(executors=1)
spark.range(10).count()
conf = dict(spark.sparkContext.getConf().getAll())
print(json.dumps({"driver": conf["spark.driver.port"], "blocks": conf.get("spark.driver.blockManager.port", "0"),
    "ui": spark.sparkContext.uiWebUrl.rsplit(":", 1)[1], "application": spark.sparkContext.applicationId}), flush=True)
for line in sys.stdin:
    print(json.dumps({"count": spark.range(1000).count(), "executors": spark.sparkContext._jsc.sc().getExecutorIds().size()}), flush=True)
"""
# Another executor, as the entrypoint of the image starts them, until it ends, or nobody wants it any more, or two minutes are over: then its exit code, and what it said.
JOIN = """
import os, select, subprocess, sys, threading
command = ["java", "-XX:TieredStopAtLevel=1", "-Dspark.master=k8s://", *{options!r}, "-cp", "/opt/spark/jars/*", "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend",
    "--driver-url", "spark://CoarseGrainedScheduler@{address}:{port}", "--executor-id", "99", "--hostname", os.environ["POD_IP"],
    "--cores", "1", "--app-id", "{application}", "--resourceProfileId", "0", "--podName", "notebook"]
process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
threading.Thread(target=lambda: (select.select([sys.stdin], [], [], 120), process.kill()), daemon=True).start()
said, _ = process.communicate()
print(process.returncode)
print(said[-6000:])
"""
FILE = "/var/run/secrets/spark-notebooks/authentication/secret"
OPTIONS = {
    "none": ["-Dspark.authenticate=false"],
    "a guess": ["-Dspark.authenticate=true", "-Dspark.authenticate.secret=guess"],
    "from a file": ["-Dspark.authenticate=true", f"-Dspark.authenticate.secret.file={FILE}"],
}
KNOCK = """
import json, socket
def knock(port):
    try:
        socket.create_connection(("{address}", port), 3).close()
        return "open"
    except OSError as error:
        return type(error).__name__
print(json.dumps([knock(port) for port in {ports!r}]))
"""


@dataclass(frozen=True)
class Session:
    """Bob's running session."""

    process: subprocess.Popen[str]
    facts: dict[str, str]

    def ask(self) -> dict[str, int]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer: dict[str, int] = json.loads(self.process.stdout.readline())
        return answer


@pytest.fixture(scope="module")
def session(situation: Situation) -> Iterator[Session]:
    process = situation.bob.open(SESSION)
    assert process.stdout
    line = process.stdout.readline()
    assert line, "bob's session does not start"
    yield Session(process, json.loads(line))
    assert process.stdin
    process.stdin.close()
    process.wait(60)


def join(notebook: Notebook, situation: Situation, session: Session, secret: str) -> subprocess.Popen[str]:
    """Another executor for bob's session, in this notebook."""
    return notebook.open(
        JOIN.format(
            options=OPTIONS[secret],
            address=situation.words["BOBS_ADDRESS"],
            port=session.facts["driver"],
            application=session.facts["application"],
        )
    )


def opening(notebook: Notebook, direction: str) -> dict[str, object]:
    """A policy by which everything passes to (`Ingress`) or from (`Egress`) a workspace."""
    metadata = {"name": "open", "namespace": notebook.namespace}
    spec = {"podSelector": {}, "policyTypes": [direction], direction.lower(): [{}]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


@pytest.fixture(scope="module")
def way(situation: Situation, session: Session) -> Iterator[None]:
    """No network policy stands between eve and bob."""
    eve, bob = situation.eve, situation.bob
    policies = {"apiVersion": "v1", "kind": "List", "items": [opening(eve, "Egress"), opening(bob, "Ingress")]}
    text = json.dumps(policies)
    bob.target.kubectl("apply", "--filename", "-", stdin=text)
    code = KNOCK.format(address=situation.words["BOBS_ADDRESS"], ports=[int(session.facts["driver"])])
    deadline = time.monotonic() + 30
    while json.loads(eve.run(code).stdout) != ["open"]:
        assert time.monotonic() < deadline
    yield
    bob.target.kubectl("delete", "--filename", "-", stdin=text)


@pytest.mark.parametrize("secret", OPTIONS)
@pytest.mark.usefixtures("way")
def test_nobody_joins_another_s_session(situation: Situation, session: Session, secret: str) -> None:
    """Not even where the network lets them. From a file: with the secret of her own workspace."""
    before = session.ask()
    with join(situation.eve, situation, session, secret) as process:
        assert process.stdout
        status, _, said = process.stdout.read().partition("\n")
    assert status == "1", said
    assert session.ask() == before


def test_another_s_ui_is_out_of_reach(situation: Situation, session: Session) -> None:
    ports = [int(session.facts["ui"]), 4040, 18080]
    code = KNOCK.format(address=situation.words["BOBS_ADDRESS"], ports=ports)
    assert "open" not in json.loads(situation.eve.run(code).stdout)


def test_bob_himself_reaches_his_ui(situation: Situation, session: Session) -> None:
    """So that a closed port above says something."""
    done = situation.bob.run(KNOCK.format(address="127.0.0.1", ports=[int(session.facts["ui"])]))
    assert json.loads(done.stdout) == ["open"], done.stderr


def test_another_s_executors_cannot_be_listed_read_or_ended(situation: Situation, session: Session) -> None:
    [executor] = [name.removeprefix("pod/") for name in situation.bob.executors()]
    where = f"/api/v1/namespaces/{situation.bob.namespace}/pods"
    sent = situation.send(
        {
            "list": Attack("GET", f"{where}?labelSelector=spark-role=executor", 403),
            "log": Attack("GET", f"{where}/{executor}/log", 403),
            "end": Attack("DELETE", f"{where}/{executor}", 403),
            "end all": Attack("DELETE", f"{where}?labelSelector=spark-role=executor", 403),
        }
    )
    assert {name: result.status for name, result in sent.items()} == dict.fromkeys(sent, 403)
    assert session.ask()["executors"] == 1


def test_with_its_secret_the_same_process_joins(situation: Situation, session: Session) -> None:
    """So it is the secret that keeps others out. Last, because the session counts it for a while after it was killed."""
    before = session.ask()["executors"]
    deadline = time.monotonic() + 120
    with join(situation.bob, situation, session, "from a file") as process:
        assert process.stdin
        assert process.stdout
        while session.ask()["executors"] == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.5)
        most = session.ask()["executors"]
        process.stdin.close()
        assert most == before + 1, process.stdout.read()
