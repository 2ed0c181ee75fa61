"""npm's own audit, asking a registry of the tests' own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dev.paths import REPOSITORY
from dev.supply.audit import ask_npm

PACKAGE = "configurable-http-proxy"
URL = "https://github.com/advisories/GHSA-test"
ADVISORY = {
    "id": 1,
    "url": URL,
    "title": "planted",
    "severity": "high",
    "vulnerable_versions": "*",
    "cwe": [],
    "cvss": {},
}


class Registry(BaseHTTPRequestHandler):
    """Knows one weakness, and of every package that it is there."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer({PACKAGE: [ADVISORY]} if self.path.endswith("/advisories/bulk") else {})

    def do_GET(self) -> None:
        name = self.path.strip("/")
        versions = {"5.3.0": {"name": name, "version": "5.3.0"}}
        self.answer({"name": name, "dist-tags": {"latest": "5.3.0"}, "versions": versions})

    def answer(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("NPM_CONFIG_CACHE", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_npm_s_registry_knows_is_found_with_the_locked_version(registry: ThreadingHTTPServer) -> None:
    answer = ask_npm("proxy")
    lock = json.loads((REPOSITORY / "proxy" / "package-lock.json").read_text())
    version = lock["packages"][f"node_modules/{PACKAGE}"]["version"]
    assert answer.not_asked == ()
    assert [(each.package, each.version, each.identifier) for each in answer.findings] == [
        (PACKAGE, version, "GHSA-test")
    ]
    assert answer.findings[0].links == ("planted", URL)


def test_a_registry_that_takes_no_questions_is_told(
    registry: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registry, "do_POST", lambda self: self.send_error(405))
    [reason] = ask_npm("proxy").not_asked
    assert reason.startswith("npm: 405 ")
