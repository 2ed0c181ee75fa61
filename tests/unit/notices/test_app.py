"""The service as a process: its configuration, what is wrong with one, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from spark_notebooks_hub.notices.app import NoticesApp
from traitlets.config import Config

from dev.paths import REPOSITORY
from dev.ports import free_port
from tests.support.receivers import KEY, hook
from tests.unit.notices.kubernetes import kubernetes_api
from tests.unit.notices.objects import HUB, job, stamp

RIGHT: dict[str, Any] = {
    "hub": HUB,
    "namespace": "platform",
    "config_map": "notices",
    "smtp_host": "mail.example.org",
    "sender": "notebooks@example.org",
    "recipients": ["{user}@example.org", "{user}"],
}
SENT = 'spark_notebooks_notices_total{channel="webhook",how="sent"} 1.0'
HOOK = {"NOTICES_WEBHOOK_URL": "http://127.0.0.1:9", "NOTICES_WEBHOOK_KEY": KEY}


@pytest.mark.parametrize(
    ("change", "environ", "words"),
    [
        ({}, {}, ""),
        ({}, HOOK, ""),
        ({"smtp_host": "", "sender": "", "recipients": []}, HOOK, ""),
        ({"smtp_host": ""}, {}, "nobody to tell"),
        ({"config_map": ""}, {}, "lacks config_map"),
        ({}, {**HOOK, "NOTICES_WEBHOOK_KEY": " \n"}, "key of the webhook's signature is empty"),
        ({"sender": ""}, {}, "notices.email.sender: '' is no mail address"),
        ({"recipients": []}, {}, "notices.email.recipients: '' is no mail address"),
        ({"recipients": ["{user}@a b"]}, {}, "notices.email.recipients: '{user}@a b' is no mail address"),
        ({"ca_bundle": "-----BEGIN CERTIFICATE-----"}, {}, "notices.caBundle holds no certificates"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(change: dict[str, Any], environ: dict[str, str], words: str) -> None:
    problem = NoticesApp(config=Config({"NoticesApp": {**RIGHT, **change}})).problem(environ)
    assert words in problem
    assert bool(problem) == bool(words)


async def test_it_runs_tells_and_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    port = free_port()
    async with kubernetes_api(tmp_path) as kubernetes:
        kubernetes.add(_now(job("bad")))
        settings = {
            **RIGHT,
            "smtp_host": "",
            "api_url": kubernetes.url,
            "account": str(tmp_path),
            "port": port,
            "ip": "127.0.0.1",
        }
        (tmp_path / "config.json").write_text(json.dumps({"NoticesApp": settings}))
        with hook() as receiver:
            variables = {
                **os.environ,
                "PYTHONPATH": str(REPOSITORY / "hub" / "src"),
                **HOOK,
                "NOTICES_WEBHOOK_URL": receiver.url,
            }
            command = ("-m", "spark_notebooks_hub.notices", f"--config={tmp_path / 'config.json'}")
            process = await asyncio.create_subprocess_exec(sys.executable, *command, env=variables)
            try:
                async with asyncio.timeout(60):
                    while not receiver.posts:  # noqa: ASYNC110 (nobody tells of it)
                        await asyncio.sleep(0.05)
                    while SENT not in (await _get(port, "metrics"))[1]:  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
                assert [await _get(port, path) for path in ("health", "ready")] == [(200, "ok\n")] * 2
                process.terminate()
                assert await asyncio.wait_for(process.wait(), 60) == 0
            finally:
                if process.returncode is None:
                    process.kill()
    assert [each["job"] for each in receiver.taken] == ["bad"]
    assert "uid-of-bad" in kubernetes.config_map["data"]["ledger"]


def _now(found: dict[str, Any]) -> dict[str, Any]:
    """The Job as one that has failed just now."""
    when = {"lastTransitionTime": stamp(datetime.now(UTC) + timedelta(seconds=1))}
    found["status"]["conditions"] = [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", **when}]
    return found


async def _get(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/{path}") as response:
        return response.status, await response.text()
