"""The embedded S3 server takes the command line that the chart gives it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from dev.ports import free_port
from dev.toolchain import binary
from tests.support.answering import wait_until_it_answers
from tests.unit.chart.matrix import MATRIX
from tests.unit.chart.rendering import get, pod_spec, render

KEYS = {"ROOT_ACCESS_KEY_ID": "spark-notebooks", "ROOT_SECRET_ACCESS_KEY": "0123456789abcdef"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The server as the chart starts it, but for the folder and the port; its URL."""
    port = free_port()
    deployment = get(render(MATRIX["embedded with keys"]), "Deployment", "notebooks-spark-notebooks-s3")
    folders, gateway = pod_spec(deployment)["initContainers"][0], pod_spec(deployment)["containers"][0]
    assert KEYS.keys() == {variable["name"] for variable in gateway["env"]}

    def here(words: list[str]) -> list[str]:
        return [word.replace("/data", str(tmp_path)).replace(":7070", f"127.0.0.1:{port}") for word in words]

    subprocess.run(here(folders["command"]), check=True)
    process = subprocess.Popen([binary("versitygw"), *here(gateway["args"])], env=os.environ | KEYS)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_it_answers(url + gateway["readinessProbe"]["httpGet"]["path"], process)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def test_it_answers_its_probe_and_keeps_versions(server: str) -> None:
    s3 = boto3.client(
        "s3",
        endpoint_url=server,
        region_name="eu-central-2",
        aws_access_key_id=KEYS["ROOT_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["ROOT_SECRET_ACCESS_KEY"],
    )
    s3.create_bucket(Bucket="notebooks")
    s3.put_bucket_versioning(Bucket="notebooks", VersioningConfiguration={"Status": "Enabled"})
    for text in (b"first", b"second"):
        s3.put_object(Bucket="notebooks", Key="users/ada/a.ipynb", Body=text)

    versions = s3.list_object_versions(Bucket="notebooks", Prefix="users/")["Versions"]
    texts = [
        s3.get_object(Bucket="notebooks", Key=version["Key"], VersionId=version["VersionId"])["Body"].read()
        for version in versions
    ]
    assert sorted(texts) == [b"first", b"second"]
