"""Spark with the keys of the token service, found by the AWS SDK for Java with the variables of a notebook, on a real S3 server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from token_service.audit import Audit
from token_service.identity import Bounds
from token_service.kubernetes import KubernetesApi
from token_service.limits import Limit
from token_service.minting.iam_users import IamUsersMint
from token_service.service import TokenService
from token_service.web import sts

from dev.lab import jars
from dev.paths import REPOSITORY
from dev.toolchain import ensure_programs
from tests.support.s3_iam import s3_with_iam
from tests.unit.token_service.kubernetes import AUDIENCE, HUB, kubernetes_api

PROGRAM = """
from spark_session import get_spark_session, s3_home
spark = get_spark_session()
spark.range(1000).write.mode("overwrite").parquet(s3_home("numbers"))
print(spark.read.parquet(s3_home("numbers")).count())
try:
    spark.read.text("s3://notebooks/users/bob/secret").count()
except Exception as error:
    print("refused" if "AccessDenied" in str(error) or "Forbidden" in str(error) else error)
"""


@pytest.mark.long
async def test_s3a_reads_and_writes_its_own_folder_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_programs("java")
    connector, account = jars(), tmp_path / "account"
    account.mkdir()
    with s3_with_iam(tmp_path) as store:
        store.s3.create_bucket("notebooks")
        store.s3.client.put_object(Bucket="notebooks", Key="users/bob/secret", Body=b"text")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", store.s3.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", store.s3.secret_key)
        mint = IamUsersMint(release="r", bucket="notebooks", region="us-east-1", endpoint=store.iam, seconds=3600)
        async with kubernetes_api(account) as kubernetes:
            api = KubernetesApi(kubernetes.url, account)
            service = TokenService(
                api=api,
                mint=mint,
                audience=AUDIENCE,
                hub=HUB,
                bounds=Bounds(["users"]),
                by_peer=Limit(100, 100),
                by_pod=Limit(100, 100),
                audit=Audit(),
            )
            (tmp_path / "token").write_text(kubernetes.add("ada"))
            async with TestServer(sts(service)) as server:
                variables = {
                    "HOME": str(tmp_path),
                    "PYTHONPATH": str(REPOSITORY / "spark_session" / "src"),
                    "SPARK_NOTEBOOKS_S3_HOME": "s3://notebooks/users/ada",
                    "SPARK_SESSION_JARS": str(connector),
                    "AWS_ENDPOINT_URL_S3": store.s3.endpoint,
                    "AWS_ENDPOINT_URL_STS": str(server.make_url("")).rstrip("/"),
                    "AWS_ROLE_ARN": "arn:aws:iam::000000000000:role/spark-notebooks",
                    "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
                    "AWS_REGION": "us-east-1",
                }
                result = await asyncio.to_thread(_run, variables, tmp_path)
            await api.close()
        await mint.close()
    assert result.stdout.splitlines() == ["1000", "refused"], result.stderr
    assert kubernetes.asked("tokenreviews") >= 1


def _run(variables: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in ("PATH", "JAVA_HOME", "LANG", "TMPDIR") if name in os.environ}
    script = folder / "script.py"
    script.write_text(PROGRAM)
    return subprocess.run(
        [sys.executable, str(script)],
        env=inherited | variables, cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
