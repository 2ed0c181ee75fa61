"""What the hub writes down for the admission policies."""

from typing import Any

from spark_notebooks_hub.admission import (
    ALLOWED,
    IMAGE,
    OF_JOBS,
    OTHER_IMAGES,
    Allowed,
    annotations,
    kept_annotations,
    server_annotations,
)

POD: dict[str, Any] = {
    "metadata": {"name": "notebook"},
    "spec": {"containers": [{"name": "notebook", "image": "registry/notebook:1"}]},
}


def test_a_plain_installation_allows_its_own_secrets_and_nothing_else() -> None:
    written = annotations(Allowed(), ["spark-authentication", "s3-credentials"])
    assert written.pop(f"{ALLOWED}/secrets") == "spark-authentication s3-credentials"
    assert set(written.values()) == {""}


def test_what_the_administrator_gives_executors_is_allowed() -> None:
    conf = {
        "spark.kubernetes.node.selector.zone": "a",
        "spark.kubernetes.executor.node.selector.pool": "spark",
        "spark.kubernetes.executor.scheduler.name": "volcano",
        "spark.kubernetes.container.image.pullSecrets": "registry, mirror",
        "spark.kubernetes.executor.secrets.licence": "/etc/licence",
        "spark.kubernetes.executor.secretKeyRef.KEY": "licence-key:key",
        "spark.sql.shuffle.partitions": 64,
    }
    written = annotations(Allowed(tolerations=["spark", "gpu"], pull_secrets=["registry"], spark_conf=conf), ["ours"])
    assert written[f"{ALLOWED}/node-selectors"] == "zone=a pool=spark"
    assert written[f"{ALLOWED}/schedulers"] == "volcano"
    assert written[f"{ALLOWED}/image-pull-secrets"] == "registry mirror"
    assert written[f"{ALLOWED}/secrets"] == "ours licence licence-key"
    assert written[f"{ALLOWED}/tolerations"] == "spark gpu"


def test_a_server_adds_its_image_under_a_name_of_its_own() -> None:
    assert server_annotations(POD) == {f"{IMAGE}/notebook": "registry/notebook:1", f"{OTHER_IMAGES}/notebook": ""}
    named = {**POD, "metadata": {"name": "notebook--second"}}
    assert not server_annotations(POD).keys() & server_annotations(named).keys()


def test_what_stands_beside_a_notebook_is_no_image_of_executors() -> None:
    spec = {
        "containers": [{"name": "proxy", "image": "proxy:2"}, *POD["spec"]["containers"]],
        "initContainers": [{"name": "prepare", "image": "tool:3"}],
    }
    assert server_annotations({**POD, "spec": spec}) == {
        f"{IMAGE}/notebook": "registry/notebook:1",
        f"{OTHER_IMAGES}/notebook": "proxy:2 tool:3",
    }


def of_job(image: str) -> dict[str, Any]:
    return {"containers": [{"name": "job", "image": image}]}


def test_what_jobs_and_schedules_run_stays_when_the_notebook_gets_another_image() -> None:
    before = {f"{IMAGE}/notebook": "registry/notebook:1", f"{IMAGE}/spark-conf": "registry/spark:1"}
    kept = kept_annotations(before, [of_job("registry/notebook:1"), of_job("registry/notebook:1")])
    assert list(kept.values()) == ["registry/notebook:1"]
    # The next start: the notebook has another one by now, and the schedule is still there.
    later = {f"{IMAGE}/notebook": "registry/notebook:2", **kept}
    assert kept_annotations(later, [of_job("registry/notebook:1")]) == kept
    assert kept_annotations(later, []) == {}


def test_what_the_hub_never_let_in_is_not_let_in_because_a_job_names_it() -> None:
    before = {f"{IMAGE}/notebook": "registry/notebook:1", f"{OTHER_IMAGES}/notebook": "tool:3", f"{ALLOWED}/sidecar-images": "mesh:2"}  # fmt: skip
    pod = {"containers": [{"name": name, "image": name} for name in ("alpine:3", "tool:3", "mesh:2")]}
    assert kept_annotations(before, [pod]) == {}


def test_the_key_of_such_an_image_is_one_of_images_and_no_servers() -> None:
    [key] = kept_annotations({f"{IMAGE}/notebook": "a:1"}, [of_job("a:1")])
    assert key.startswith(OF_JOBS)
    assert key.startswith(f"{IMAGE}/")
    assert "_" in key, "names of pods have none"
    assert len(key.partition("/")[2]) <= 63


def test_a_priority_class_that_all_must_have_is_written_down_only_where_there_is_one() -> None:
    key = "allowed.spark-notebooks.io/priority-class"
    assert annotations(Allowed(priority_class="low"), [])[key] == "low"
    assert key not in annotations(Allowed(priority_classes=["high"]), [])
