"""A real session in a real workspace, with executors on the node."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cluster import Cluster
from tests.support.notebook_pod import Notebook, running_notebook

pytestmark = pytest.mark.long

QUOTA = {"pods": 4}  # the notebook and three executors


@pytest.fixture(scope="module")
def notebook(node: Cluster) -> Iterator[Notebook]:
    with running_notebook(node, "test-spark-session", QUOTA, {}) as made:
        yield made


def test_two_executors_compute_and_go(notebook: Notebook) -> None:
    result = notebook.run("""
import json, os, socket, time
from pathlib import Path
from spark_session import get_spark_session

def look(_):
    import helper
    time.sleep(0.3)
    return (socket.gethostname(), helper.ANSWER, os.path.exists("/var/run/secrets/kubernetes.io"), os.access("/opt", os.W_OK))

with get_spark_session(executors=2, name="look around") as spark:
    Path("/tmp/helper.py").write_text("ANSWER = 42")
    spark.sparkContext.addPyFile("/tmp/helper.py")
    tracker = spark.sparkContext._jsc.sc().statusTracker()
    while len(tracker.getExecutorInfos()) < 3:  # the driver is one of them
        time.sleep(0.2)
    seen = set(spark.sparkContext.parallelize(range(12), 12).map(look).collect())
    ui = int(spark.sparkContext.uiWebUrl.rsplit(":", 1)[1])
    with socket.socket() as probe:
        open_to_others = probe.connect_ex((os.environ["POD_IP"], ui)) == 0
    with socket.socket() as probe:
        open_to_itself = probe.connect_ex(("127.0.0.1", ui)) == 0
print(json.dumps({"seen": sorted(seen), "ui": [open_to_itself, open_to_others]}))
""")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    hosts = [host for host, *_ in answer["seen"]]
    assert len(hosts) == 2
    assert all(host.startswith("look-around-") for host in hosts)
    assert [rest for _, *rest in answer["seen"]] == [[42, False, False]] * 2
    assert answer["ui"] == [True, False]
    notebook.wait_until_executors_are_gone()
