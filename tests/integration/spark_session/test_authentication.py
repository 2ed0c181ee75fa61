"""How driver and executors know each other on a real node, and what of it can be seen."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster import Cluster
from tests.support.notebook_pod import EXECUTORS, Notebook, running_notebook

LOOK = """
import json, urllib.request
from spark_session import get_spark_session

with get_spark_session(executors=1) as spark:
    answer = spark.range(1000).repartition(4).count()
    application = spark.sparkContext.applicationId
    ui = "http://127.0.0.1:" + spark.sparkContext.uiWebUrl.rsplit(":", 1)[1]
    pages = (f"{ui}/environment/", f"{ui}/api/v1/applications/{application}/environment")
    page = "".join(urllib.request.urlopen(page).read().decode() for page in pages)
    conf = dict(spark.sparkContext.getConf().getAll())
print(json.dumps({"answer": answer, "page": page, "conf": conf}))
"""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param({}, id="plain", marks=pytest.mark.long),
        pytest.param({"network_encryption": True, "spill_encryption": True}, id="encrypted"),
    ],
)
def notebook(node: Cluster, request: pytest.FixtureRequest) -> Iterator[Notebook]:
    with running_notebook(node, "test-authentication", {"pods": 4}, request.param) as made:
        yield made


def test_the_secret_is_in_no_pod_spec_and_on_no_page(notebook: Notebook) -> None:
    secret = base64.b64decode(
        json.loads(notebook.kubectl("get", "secret", "spark-authentication", "--output", "json"))["data"]["secret"]
    ).decode()
    # Spark hands the contents of the file around in base 64.
    shapes = {secret, base64.b64encode(secret.encode()).decode()}
    with ThreadPoolExecutor() as threads:
        running = threads.submit(notebook.run, LOOK)
        while not (notebook.executors() or running.done()):
            time.sleep(0.2)
        pods = notebook.kubectl("get", "pods", *EXECUTORS, "--output", "json")
        result = running.result()
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout.splitlines()[-1])
    assert answer["answer"] == 1000
    assert answer["conf"]["spark.authenticate"] == "true"
    assert "spark.authenticate" in answer["page"]
    assert "-exec-1" in pods
    for shape in shapes:
        assert shape not in answer["page"]
        assert shape not in json.dumps(answer["conf"])
        assert shape not in pods
    assert "_SPARK_AUTH_SECRET" not in pods
    notebook.wait_until_executors_are_gone()


@pytest.mark.long
def test_without_the_file_a_session_works_as_before(notebook: Notebook) -> None:
    result = notebook.run("""
import os
del os.environ["SPARK_SESSION_SECRET_FILE"]
from spark_session import get_spark_session
with get_spark_session(executors=1) as spark:
    print(spark.range(7).count(), "spark.authenticate.secret.file" in dict(spark.sparkContext.getConf().getAll()))
""")
    assert result.stdout.split() == ["7", "False"], result.stderr
    notebook.wait_until_executors_are_gone()
