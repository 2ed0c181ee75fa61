"""A session that outlives its keys: they end three times while executors write, a notebook is saved and pandas writes, and nobody notices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kubernetes_asyncio.client import ApiClient
from spark_notebooks_hub.notebook import TokenService
from spark_notebooks_hub.workspaces import apply_server_rules, apply_workspace

from cluster import Cluster
from dev import images
from dev.target import of_node
from tests.support.hub_account import administrator, as_hub, installed
from tests.support.notebook_pod import Notebook, create_pod, network_of, notebook_pod
from tests.support.s3_iam import s3_with_iam
from tests.support.token_service import AUDIENCE, service_account, token_service

LIFE = 20  # seconds
RENEWALS = 3
# One process, one session, one contents manager, all the while.
WORK = f"""
import asyncio, json, os, time
import botocore.session, nbformat, pandas as pd
from botocore.exceptions import ClientError
from s3_contents import S3ContentsManager
from spark_session import get_spark_session

home = os.environ["SPARK_NOTEBOOKS_S3_HOME"]
cell = nbformat.v4.new_markdown_cell

def keys():
    return botocore.session.get_session().get_credentials().get_frozen_credentials()

async def work():
    manager = S3ContentsManager(url=home)
    first, seen, rounds = keys(), set(), 0
    with get_spark_session(executors=1) as spark:
        end = time.monotonic() + {RENEWALS} * {LIFE} + 2
        while time.monotonic() < end:
            rounds += 1
            seen.add(keys().access_key)
            spark.range(rounds).write.mode("overwrite").parquet(f"{{home}}/rounds")
            assert spark.read.parquet(f"{{home}}/rounds").count() == rounds
            notebook = nbformat.v4.new_notebook(cells=[cell(str(rounds))])
            await manager.save({{"type": "notebook", "format": "json", "content": notebook}}, "kept.ipynb")
            pd.DataFrame({{"round": [rounds]}}).to_csv(f"{{home}}/kept.csv", index=False)
            await asyncio.sleep(1)  # the machine has other work
    kept = await manager.get("kept.ipynb")
    await manager.close()
    assert kept["content"]["cells"][0]["source"] == str(rounds)
    assert pd.read_csv(f"{{home}}/kept.csv")["round"][0] == rounds
    client = botocore.session.get_session().create_client(
        "s3", aws_access_key_id=first.access_key, aws_secret_access_key=first.secret_key
    )
    try:
        client.list_objects_v2(Bucket="notebooks", Prefix="users/ada/")
        first_keys = "are good"
    except ClientError as error:
        first_keys = error.response["Error"]["Code"]
    print(json.dumps({{"rounds": rounds, "keys": len(seen | {{first.access_key}}), "first keys": first_keys}}))

asyncio.run(work())
"""


async def test_a_session_outlives_its_keys(node: Cluster, tmp_path: Path) -> None:
    image = images.build(["notebook"], push_to=node.registry)["notebook"]
    with (
        installed(administrator(node.kubeconfig), node, "s3.credentials.mode=tokenService") as release,
        s3_with_iam(tmp_path, node.host_address) as store,
    ):
        store.s3.create_bucket("notebooks")
        hub = await as_hub(node.kubeconfig, release)
        account = service_account(node, release, hub, tmp_path)
        with token_service(release, hub, account, store, host=node.host_address, seconds=LIFE) as (_, port):
            tokens = TokenService(f"http://{node.host_address}:{port}", AUDIENCE)
            workspace = release.workspace(
                "ada", prefixes=("users/ada",), token_audiences=(AUDIENCE,), network=network_of(node)
            )
            pod: dict[str, Any] = notebook_pod(
                workspace, image, {}, ["sleep", "infinity"], store.s3.endpoint, tokens=tokens
            )
            async with ApiClient(hub) as client:
                await apply_workspace(client, workspace)
                await apply_server_rules(client, workspace, pod)
            notebook = Notebook(of_node(node), workspace.namespace)
            create_pod(
                notebook.target, pod, f"system:serviceaccount:{release.hub.namespace}:{release.hub.service_account}"
            )
            notebook.kubectl("wait", "--for=condition=Ready", "pod/notebook", "--timeout=300s")
            done = notebook.run(WORK)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    print(told)
    assert told["keys"] > RENEWALS
    assert told["first keys"] != "are good"
