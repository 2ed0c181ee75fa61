"""A session's executors in a person's hands, on a real node."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cluster import Cluster
from tests.support.notebook_pod import Notebook, running_notebook

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
    with running_notebook(node, "test-control", {"pods": 7}, {"max_executors": 5}) as made:
        yield made


def run(notebook: Notebook, code: str) -> list[str]:
    result = notebook.run(BEGIN + code)
    assert result.returncode == 0, result.stderr[-3000:]
    notebook.wait_until_executors_are_gone()
    return result.stdout.splitlines()


def test_scale_logs_and_kill(notebook: Notebook) -> None:
    out = run(
        notebook,
        """
with get_spark_session(executors=1, name="in hand") as spark:
    cluster = spark_session.cluster(spark)
    until(lambda: running(cluster) == ["1"])
    cluster.scale(3)
    print([record.asked for record in records.read(records.folder(os.environ))])
    until(lambda: len(running(cluster)) == 3)
    spark.range(1000).repartition(12).count()
    table = cluster.executors()
    print(json.dumps([sum(one.done for one in table) >= 12, {one.host for one in table} != {""}, table[0].pod]))
    print("driver" in cluster.logs(1).lower(), len(cluster.logs(1, lines=3).splitlines()))
    cluster.kill(2)
    until(lambda: "2" not in running(cluster) and len(running(cluster)) == 3)  # another one came
    print(sorted(running(cluster)))
    until(lambda: "2" not in {executor_of(pod) for pod in cluster._pods.list()})  # its pod is cleared away, its log is not
    print("executor" in cluster.logs(2).lower(), [one.state[:4] for one in cluster.executors() if one.id == "2"])
    cluster.scale(1)
    until(lambda: len(running(cluster)) == 1)
    print(spark.range(1000).repartition(12).count(), cluster.target, cluster.ui_url.startswith("http://127.0.0.1:"))
    print(repr(cluster).splitlines()[0], "<table>" in cluster._repr_html_())
    for wrong in (lambda: cluster.scale(6), lambda: cluster.scale(-1), lambda: cluster.adapt(2, 1), lambda: cluster.kill(77), lambda: cluster.logs(77)):
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
""",
    )
    assert out.pop(0) == "[3]"
    first = json.loads(out[0])
    assert first[:2] == [True, True]
    assert first[2].startswith("in-hand-")
    assert out[1:] == [
        "True 3",
        "['1', '3', '4']",
        "True ['gone']",
        "1000 1 True",
        "Spark session in hand: 1 executors asked for True",
        "executors=6 is more than you may have.",
        "executors=-1 is not a number of executors.",
        "min=2 and max=1 leave nothing to choose from.",
        "There is no executor 77 to kill.",
        "There is no log of executor 77.",
        "5",
        "This session has ended.",
        "Spark session in hand: stopped True",
    ]


def test_executors_follow_the_work(notebook: Notebook) -> None:
    out = run(
        notebook,
        """
import threading
with get_spark_session(min_executors=1, max_executors=4) as spark:
    cluster = spark_session.cluster()
    cluster.adapt(1, 4, idle_seconds=3)
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
    print(spark.sparkContext.parallelize(range(40), 40).map(slow).sum())
    watching.set()
    print(max(most))
    until(lambda: len(running(cluster)) == 1)
    print(cluster.target, repr(cluster).splitlines()[0])
    print(spark.range(1000).count())
""",
    )
    assert out == [
        "780", "4", "1 Spark session spark: 1 executors asked for, between 1 and 4 by what there is to do", "1000",
    ]  # fmt: skip


def test_sparks_own_dynamic_allocation(notebook: Notebook) -> None:
    out = run(
        notebook,
        """
with get_spark_session(min_executors=1, max_executors=3, conf={"spark.dynamicAllocation.enabled": True}) as spark:
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
    assert out == ["435", "3", "This session's executors are in Spark's own hands."]


def test_an_executor_that_crashes_leaves_its_last_words_and_no_pod(notebook: Notebook) -> None:
    out = run(
        notebook,
        """
with get_spark_session(executors=1) as spark:
    cluster = spark_session.cluster()
    until(lambda: len(running(cluster)) == 1)
    def crash(x):
        import os, subprocess
        if os.environ["SPARK_EXECUTOR_POD_NAME"].endswith("-exec-1"):
            subprocess.run(["pkill", "-KILL", "-f", "KubernetesExecutorBackend"])
        return x
    print(spark.sparkContext.parallelize(range(4), 2).map(crash).sum())
    until(lambda: [one.state[:4] for one in cluster.executors() if one.id == "1"] == ["gone"])
    until(lambda: "1" not in {executor_of(pod) for pod in cluster._pods.list()})
    print("KubernetesExecutorBackend" in cluster.logs(1, lines=1000))
""",
    )
    assert out == ["6", "True"]


LOSE = """
with get_spark_session(executors=3, conf={conf}) as spark:
    cluster = spark_session.cluster()
    until(lambda: len(running(cluster)) == 3)
    def slow(pair):
        time.sleep(0.7)
        return pair
    data = spark.sparkContext.parallelize(range(3000), 12).map(lambda x: (x % 12, x))
    sums = data.reduceByKey(lambda a, b: a + b, 12).map(slow)
    import threading
    answer = []
    thread = threading.Thread(target=lambda: answer.append(sorted(sums.collect())))
    thread.start()
    until(lambda: sum(one.done for one in cluster.executors()) >= 14)  # the twelve that write the shuffle, and two that read it
    {lose}
    thread.join()
    print(answer[0] == [(key, sum(range(key, 3000, 12))) for key in range(12)])
    print("repeated", sum(one.done for one in cluster.executors()) - 24)
"""


def repeated(notebook: Notebook, lose: str, conf: str = "{}") -> int:
    """Tasks that ran again because an executor went in the middle of a shuffle; the answer is right."""
    right, count = run(notebook, LOSE.format(lose=lose, conf=conf))
    assert right == "True"
    return int(count.split()[1])


def test_an_executor_is_killed_in_the_middle_of_a_shuffle(notebook: Notebook) -> None:
    assert repeated(notebook, "cluster.kill(running(cluster)[0])") > 0


def test_an_executor_is_sent_away_in_the_middle_of_a_shuffle(notebook: Notebook) -> None:
    """It hands its shuffle files on, so that nothing is done twice."""
    assert repeated(notebook, "cluster.scale(2); until(lambda: len(running(cluster)) == 2)") == 0


def test_a_pod_is_deleted_in_the_middle_of_a_shuffle(notebook: Notebook) -> None:
    """As when a node is emptied: Kubernetes tells the pod first."""
    delete = 'cluster._pods._kubernetes.delete("pods", cluster.executors()[0].pod, gracePeriodSeconds=30)'
    assert repeated(notebook, delete) == 0
