"""The service as a process: its configuration, its ports, its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import token_service
from dev.ports import free_port

GOOD = {
    "audience": "tokens.platform",
    "hub": "platform/notebooks",
    "minting": "iamUsers",
    "endpoint": "http://127.0.0.1:9",
}


def start(folder: Path, settings: dict[str, object]) -> subprocess.Popen[str]:
    config = folder / "config.json"
    config.write_text(json.dumps({"TokenServiceApp": settings}))
    environment = os.environ | {
        "PYTHONPATH": str(Path(token_service.__file__).parents[1]),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": "9",
    }
    command = [sys.executable, "-m", "token_service", f"--config={config}"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def until_it_answers(process: subprocess.Popen[str], url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 60
    while True:
        try:
            with opener.open(url, timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.URLError:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_it_answers_on_two_ports_and_ends_when_asked_to(tmp_path: Path) -> None:
    port, inside = free_port(), free_port()
    process = start(tmp_path, {**GOOD, "ip": "127.0.0.1", "port": port, "inside_port": inside})
    try:
        assert until_it_answers(process, f"http://127.0.0.1:{inside}/health") == "ok\n"
        assert "token_service_calls" in until_it_answers(process, f"http://127.0.0.1:{inside}/metrics")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", b"Action=GetFederationToken", timeout=5)
        assert b"InvalidAction" in caught.value.read()
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    assert "Answers STS on port" in output
    assert '"event": "refused"' in output
    assert '"code": "InvalidAction"' in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"audience": ""}, "lacks audience"),
        ({"minting": "assumeRole"}, "lacks role_arn"),
        ({"lifetime": 60}, "lifetime"),
    ],
)
def test_what_is_missing_or_wrong_is_said(tmp_path: Path, changes: dict[str, object], text: str) -> None:
    process = start(tmp_path, GOOD | changes)
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert text in output
