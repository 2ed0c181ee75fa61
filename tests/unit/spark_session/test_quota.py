"""The arithmetic of quotas and limits."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from spark_session.errors import SparkSessionError
from spark_session.plan import build
from spark_session.quantities import amount, parse
from spark_session.quota import check
from spark_session.shape import Shape, manifest, shape

from .conftest import MakeContext

SIZE = Shape(cpu=Decimal(1), cpu_limit=None, heap_mib=1024, memory_mib=1434)
NOTEBOOK = {
    "spec": {
        "containers": [
            {"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}},
            {"resources": {}},
        ],
        "initContainers": [{"resources": {"requests": {"cpu": "100m"}}}],
    }
}


def quota(hard: Mapping[str, str], used: Mapping[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {"spec": {"hard": dict(hard), **spec}, "status": {"hard": dict(hard), "used": dict(used or {})}}


def limit(**item: Any) -> dict[str, Any]:
    return {"spec": {"limits": [{"type": "Container", **item}]}}


@pytest.mark.parametrize(
    ("hard", "asked"),
    [
        ({}, 10_000),
        ({"pods": "4"}, 3),
        ({"count/pods": "4"}, 3),
        ({"requests.cpu": "4"}, 3),
        ({"cpu": "4"}, 3),
        ({"limits.memory": "8Gi"}, 4),
        ({"requests.memory": "9Gi"}, 5),
        ({"pods": "40", "limits.memory": "8Gi"}, 4),
        ({"services": "0", "limits.cpu": "1"}, 10_000),
    ],
)
def test_the_most_that_can_ever_run(hard: dict[str, str], asked: int) -> None:
    assert check(asked, SIZE, [quota(hard)], [], NOTEBOOK) is None
    if asked < 10_000:
        with pytest.raises(SparkSessionError, match=f"{asked + 1} executors can never run in your workspace"):
            check(asked + 1, SIZE, [quota(hard)], [], NOTEBOOK)


def test_the_arithmetic_is_shown() -> None:
    with pytest.raises(SparkSessionError) as caught:
        check(20, SIZE, [quota({"pods": "40", "limits.memory": "8Gi"})], [], NOTEBOOK)
    assert caught.value.why == (
        "20 x 1.4 GiB and 2 GiB for the notebook make 30.01 GiB (limits.memory), and your workspace may have 8 GiB. "
        "Each executor takes 1 core and 1.4 GiB of memory (heap 1 GiB, the rest for Python and the JVM)."
    )
    assert caught.value.fix == (
        "Ask for executors=4 or fewer, or for smaller ones; your administrator can give you a larger quota."
    )


def test_not_even_one() -> None:
    with pytest.raises(SparkSessionError) as caught:
        check(1, SIZE, [quota({"pods": "1"})], [], NOTEBOOK)
    assert caught.value.what == "1 executor can never run in your workspace."
    with pytest.raises(SparkSessionError, match="Ask for smaller ones"):
        check(1, SIZE, [quota({"limits.memory": "3Gi"})], [], NOTEBOOK)


def test_less_room_than_asked_for_is_told_and_no_error() -> None:
    note = check(3, SIZE, [quota({"pods": "4"}, {"pods": "3"})], [], NOTEBOOK)
    assert note is not None
    assert note.startswith("1 of 3 can start at once: 3 pods of your workspace's 4 pods are used.")
    note = check(3, SIZE, [quota({"requests.memory": "8Gi"}, {"requests.memory": "7Gi"})], [], NOTEBOOK)
    assert note is not None
    assert note.startswith(
        "None of them can start at once: 7 GiB of your workspace's 8 GiB are used (requests.memory)."
    )


def test_quotas_for_other_pods_do_not_count() -> None:
    assert check(9, SIZE, [quota({"pods": "1"}, scopes=["BestEffort"])], [], NOTEBOOK) is None
    assert check(9, SIZE, [quota({"pods": "1"}, scopeSelector={"matchExpressions": []})], [], NOTEBOOK) is None
    with pytest.raises(SparkSessionError):
        check(9, SIZE, [quota({"pods": "1"}, scopes=["NotTerminating"])], [], NOTEBOOK)


def test_a_default_limit_counts() -> None:
    limits = [limit(default={"cpu": "2"})]
    assert check(4, SIZE, [quota({"limits.cpu": "8"})], limits, NOTEBOOK) is None
    with pytest.raises(SparkSessionError, match=r"5 x 2 cores and 0 cores for the notebook make 10 cores"):
        check(5, SIZE, [quota({"limits.cpu": "8"})], limits, NOTEBOOK)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"max": {"memory": "1Gi"}}, "one container may have 1 GiB at most. Ask for less memory=."),
        ({"max": {"cpu": "500m"}}, "one container may have 0.5 cores at most. Ask for fewer cores=."),
        ({"type": "Pod", "max": {"memory": "1Gi"}}, "one pod may have 1 GiB at most."),
    ],
)
def test_an_executor_above_a_limit(item: dict[str, Any], words: str) -> None:
    with pytest.raises(SparkSessionError) as caught:
        check(1, SIZE, [], [limit(**item)], NOTEBOOK)
    assert "Executors of this size can never run in your workspace. Each takes 1 core" in str(caught.value)
    assert words in str(caught.value)


def test_an_executor_below_all_limits() -> None:
    limits = [limit(max={"memory": "2Gi", "cpu": "1"}), limit(type="PersistentVolumeClaim", max={"storage": "1"})]
    assert check(1, SIZE, [], limits, NOTEBOOK) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", "0.5"), ("2Gi", 2**31), ("1e3", 1000), ("1k", 1000), ("0.5", "0.5"), ("100n", "1e-7"), (4, 4), ("1.5M", 1500000)],
)  # fmt: skip
def test_quantities(text: str | int, value: str | int) -> None:
    assert parse(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "x", "1 Gi", "Gi", "1K", "1Mi2", "٤"])
def test_no_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="not a Kubernetes quantity"):
        parse(text)


@pytest.mark.parametrize(
    ("resource", "value", "text"),
    [
        ("pods", 1, "1 pod"), ("pods", 20, "20 pods"), ("requests.cpu", "0.05", "0.05 cores"), ("cpu", 1, "1 core"),
        ("limits.memory", 896 * 2**20, "896 MiB"), ("memory", 1536 * 2**20, "1.5 GiB"), ("memory", 100, "100 bytes"),
        ("requests.nvidia.com/gpu", 2, "2 of requests.nvidia.com/gpu"),
    ],
)  # fmt: skip
def test_amounts(resource: str, value: str | int, text: str) -> None:
    assert amount(resource, Decimal(value)) == text


def test_the_shape_is_what_spark_makes_of_the_settings(make_context: MakeContext) -> None:
    size = shape(build(make_context(cores=2, memory="4g")).settings)
    assert size == Shape(Decimal(2), None, 4096, 4096 + 1638)
    conf = {
        "spark.executor.memoryOverhead": "512",
        "spark.executor.pyspark.memory": "1g",
        "spark.memory.offHeap.enabled": True,
        "spark.memory.offHeap.size": 256 * 2**20,
    }
    assert shape(build(make_context(memory="1g", conf=conf)).settings).memory_mib == 1024 + 512 + 1024 + 256
    assert shape(build(make_context(memory="512m")).settings).memory_mib == 512 + 384


def test_a_size_that_spark_would_not_read(make_context: MakeContext) -> None:
    settings = build(make_context(conf={"spark.executor.memoryOverhead": "half"})).settings
    with pytest.raises(SparkSessionError, match="'half' is not a size"):
        shape(settings)


def test_the_manifest_is_the_pod_template_with_what_spark_adds(make_context: MakeContext) -> None:
    admin = {"conf": {"spark.kubernetes.executor.limit.cores": "2", "spark.kubernetes.executor.label.team": "physics"}}
    pod = manifest(build(make_context(cores=1, memory="512m", admin=admin)), owner="the-uid")
    [container] = pod["spec"]["containers"]
    assert container["resources"] == {
        "requests": {"cpu": "1", "memory": "896Mi"},
        "limits": {"memory": "896Mi", "cpu": "2"},
    }
    assert container["image"] == "registry.example/notebook:1"
    assert pod["metadata"]["labels"]["team"] == "physics"
    assert pod["metadata"]["labels"]["spark-notebooks.io/session"] == "0123abcd"
    [owner] = pod["metadata"]["ownerReferences"]
    assert (owner["name"], owner["uid"], owner["controller"]) == ("notebook", "the-uid", True)
    assert pod["spec"]["serviceAccountName"] == "executor"
