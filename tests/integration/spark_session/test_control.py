"""A session's executors in a person's hands, on a real node."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cluster import Cluster
from tests.support.notebook_pod import TWENTY, Notebook, running_notebook

BEGIN = """
import json, os, sys, time
import spark_session
from spark_session import SparkSessionError, get_spark_session, records
from spark_session.executor_pods import executor_of

def until(true, seconds=90):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, (repr(spark_session.cluster()), repr(spark_session.cluster().executors()))
        time.sleep(0.3)

def running(cluster):
    return [one.id for one in cluster.executors() if one.state == "running"]
"""


@pytest.fixture(scope="module")
def notebook(node: Cluster) -> Iterator[Notebook]:
    with running_notebook(node, "test-control", {"pods": 24}, {"max_executors": 20}) as made:
        yield made


def run(notebook: Notebook, code: str) -> list[str]:
    result = notebook.run(BEGIN + code)
    assert result.returncode == 0, result.stderr[-3000:]
    notebook.wait_until_executors_are_gone()
    return result.stdout.splitlines()


IN_HAND = """
with get_spark_session(executors=1, name="in hand") as spark:
    cluster = spark_session.cluster(spark)
    def ended(number):  # and its pod is cleared away
        gone = [one.state[:4] for one in cluster.executors() if one.id == number] == ["gone"]
        return gone and number not in {executor_of(pod) for pod in cluster._pods.list()}
    until(lambda: running(cluster) == ["1"])
    cluster.scale(2)
    print([record.asked for record in records.read(records.folder(os.environ))])
    until(lambda: len(running(cluster)) == 2)
    spark.range(1000).repartition(12).count()
    table = cluster.executors()
    print(json.dumps([sum(one.done for one in table) >= 12, {one.host for one in table} != {""}, table[0].pod]))
    print("driver" in cluster.logs(1).lower(), len(cluster.logs(1, lines=3).splitlines()))
    cluster.kill(2)
    until(lambda: "2" not in running(cluster) and len(running(cluster)) == 2)  # another one came
    print(sorted(running(cluster)))
    until(lambda: ended("2"))
    print("executor" in cluster.logs(2).lower())
    def crash(x):
        import os, subprocess
        if os.environ["SPARK_EXECUTOR_POD_NAME"].endswith("-exec-1"):
            subprocess.run(["pkill", "-KILL", "-f", "KubernetesExecutorBackend"])
        time.sleep(1)  # so that both executors have some
        return x
    print(spark.sparkContext.parallelize(range(4), 4).map(crash).sum())
    until(lambda: ended("1"))
    print("KubernetesExecutorBackend" in cluster.logs(1, lines=1000))
    cluster.scale(1)
    until(lambda: len(running(cluster)) == 1)
    print(spark.range(1000).repartition(12).count(), cluster.target, cluster.ui_url.startswith("http://127.0.0.1:"))
    print(repr(cluster).splitlines()[0], "<table>" in cluster._repr_html_())
    for wrong in (lambda: cluster.scale(21), lambda: cluster.scale(-1), lambda: cluster.adapt(2, 1), lambda: cluster.kill(77), lambda: cluster.logs(77)):
        try:
            wrong()
            print("taken")
        except SparkSessionError as error:
            print(error.what)
    cluster.scale(0)
    until(lambda: running(cluster) == [])
    cluster.scale(1)
    print(spark.range(5).count())
    cluster.shutdown()
try:
    cluster.scale(1)
except SparkSessionError as error:
    print(error.what)
print(repr(cluster), cluster.logs(2) != "")
"""


@pytest.fixture(scope="module")
def in_hand(notebook: Notebook) -> list[str]:
    """What is said by a session whose executors are scaled, killed and crashed."""
    return run(notebook, IN_HAND)


def test_scale_logs_and_kill(in_hand: list[str]) -> None:
    assert in_hand[0] == "[2]"
    first = json.loads(in_hand[1])
    assert first[:2] == [True, True]
    assert first[2].startswith("in-hand-")
    assert in_hand[2:5] == ["True 3", "['1', '3']", "True"]
    assert in_hand[7:] == [
        "1000 1 True",
        "Spark session in hand: 1 executors asked for True",
        "executors=21 is more than you may have.",
        "executors=-1 is not a number of executors.",
        "min=2 and max=1 leave nothing to choose from.",
        "There is no executor 77 to kill.",
        "There is no log of executor 77.",
        "5",
        "This session has ended.",
        "Spark session in hand: stopped True",
    ]


def test_an_executor_that_crashes_leaves_its_last_words_and_no_pod(in_hand: list[str]) -> None:
    assert in_hand[5:7] == ["6", "True"]


def test_twenty_executors_on_one_node(notebook: Notebook) -> None:
    assert run(notebook, TWENTY) == ["hosts 20"]


@pytest.mark.long
def test_executors_follow_the_work(notebook: Notebook) -> None:
    out = run(
        notebook,
        """
import threading
with get_spark_session(min_executors=1, max_executors=2) as spark:
    cluster = spark_session.cluster()
    cluster.adapt(1, 2, idle_seconds=3)
    until(lambda: len(running(cluster)) == 1)
    most = []
    watching = threading.Event()
    def watch():
        while not watching.wait(0.3):
            most.append(len(running(cluster)))
    threading.Thread(target=watch, daemon=True).start()
    def slow(x):
        time.sleep(1.5)
        return x
    print(spark.sparkContext.parallelize(range(24), 24).map(slow).sum())
    watching.set()
    print(max(most))
    until(lambda: len(running(cluster)) == 1)
    print(cluster.target, repr(cluster).splitlines()[0])
    print(spark.range(1000).count())
""",
    )
    assert out == [
        "276", "2", "1 Spark session spark: 1 executors asked for, between 1 and 2 by what there is to do", "1000",
    ]  # fmt: skip


@pytest.mark.long
def test_sparks_own_dynamic_allocation(notebook: Notebook) -> None:
    out = run(
        notebook,
        """
with get_spark_session(min_executors=1, max_executors=2, conf={"spark.dynamicAllocation.enabled": True}) as spark:
    cluster = spark_session.cluster()
    def slow(x):
        time.sleep(1)
        return x
    print(spark.sparkContext.parallelize(range(30), 30).map(slow).sum())
    print(len(running(cluster)))
    try:
        cluster.scale(1)
    except SparkSessionError as error:
        print(error.what)
""",
    )
    assert out == ["435", "2", "This session's executors are in Spark's own hands."]


LOSE = """
import threading
cluster = None

def slow(pair):
    time.sleep(0.7)
    return pair

def done():
    return sum(one.done for one in cluster.executors())

def shuffle(lose):
    # Tasks that ran again, where an executor goes in the middle of a shuffle; and whether the answer is right.
    until(lambda: len(running(cluster)) == 2)
    before = done()
    data = spark.sparkContext.parallelize(range(3000), 12).map(lambda x: (x % 12, x))
    sums = data.reduceByKey(lambda a, b: a + b, 12).map(slow)
    answer = []
    thread = threading.Thread(target=lambda: answer.append(sorted(sums.collect())))
    thread.start()
    until(lambda: done() - before >= 14)  # the twelve that write the shuffle, and two that read it
    lose()
    thread.join()
    return {"right": answer[0] == [(key, sum(range(key, 3000, 12))) for key in range(12)], "repeated": done() - before - 24}

def a_running_pod():
    return next(one.pod for one in cluster.executors() if one.state == "running")

def leave_one():
    cluster.scale(1)
    until(lambda: len(running(cluster)) == 1)

with get_spark_session(executors=2) as spark:
    cluster = spark_session.cluster()
    said = {
        "killed": shuffle(lambda: cluster.kill(running(cluster)[0])),
        "deleted": shuffle(lambda: cluster._pods._kubernetes.delete("pods", a_running_pod(), gracePeriodSeconds=30)),
        "sent away": shuffle(leave_one),
    }
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def lost(notebook: Notebook) -> dict[str, dict[str, int]]:
    """What came of shuffles of one session in the middle of which an executor went, by the way it went."""
    answer: dict[str, dict[str, int]] = json.loads(run(notebook, LOSE)[-1])
    return answer


@pytest.mark.long
def test_an_executor_is_killed_in_the_middle_of_a_shuffle(lost: dict[str, dict[str, int]]) -> None:
    assert lost["killed"]["right"]
    assert lost["killed"]["repeated"] > 0


@pytest.mark.long
def test_an_executor_is_sent_away_in_the_middle_of_a_shuffle(lost: dict[str, dict[str, int]]) -> None:
    """It hands its shuffle files on, so that nothing is done twice."""
    assert lost["sent away"] == {"right": True, "repeated": 0}


@pytest.mark.long
def test_a_pod_is_deleted_in_the_middle_of_a_shuffle(lost: dict[str, dict[str, int]]) -> None:
    """As when a node is emptied: Kubernetes tells the pod first."""
    assert lost["deleted"] == {"right": True, "repeated": 0}
