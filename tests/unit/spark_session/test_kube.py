"""The client of the Kubernetes API and what follows pods, against a server in this process."""

from __future__ import annotations

import datetime
import ipaddress
import json
import queue
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from spark_session.follow import Changed, Follower, Listed, Unanswered
from spark_session.kube import Api, ApiError

Answer = tuple[int, list[bytes]]


@dataclass
class Server:
    """Answers every request by `answer` and remembers it."""

    url: str = ""
    answer: Callable[[str, str], Answer] = lambda _, __: (200, [b"{}"])
    requests: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    hang_up: bool = False


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """A service account's folder, with the certificate of a server on 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (tmp_path / "token").write_text("first token\n")
    return tmp_path


@pytest.fixture
def server(account: Path) -> Iterator[Server]:
    made = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.requests.append((self.command, self.path, self.headers["Authorization"], body))
            status, pieces = made.answer(self.command, self.path)
            self.send_response(status)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in [*pieces, b""]:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.close_connection = made.hang_up

        do_POST = do_GET  # noqa: N815 (http.server's name)

        def log_message(self, *_: Any) -> None:
            pass

    http_server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(account / "ca.crt", account / "key")
    http_server.socket = context.wrap_socket(http_server.socket, server_side=True)
    thread = threading.Thread(target=http_server.serve_forever)
    thread.start()
    made.url = f"https://127.0.0.1:{http_server.server_port}"
    yield made
    http_server.shutdown()
    http_server.server_close()
    thread.join()


@pytest.fixture
def api(server: Server, account: Path) -> Iterator[Api]:
    made = Api(server.url, "user-ada", account)
    yield made
    made.close()


def pod(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def test_a_list(server: Server, api: Api) -> None:
    server.answer = lambda _, __: (200, [b'{"items": ', b"[1]}"])
    assert api.list("pods", labelSelector="a=b") == {"items": [1]}
    assert server.requests == [
        ("GET", "/api/v1/namespaces/user-ada/pods?labelSelector=a%3Db", "Bearer first token", b"")
    ]


def test_a_renewed_token_is_used(server: Server, api: Api, account: Path) -> None:
    api.get("pods", "notebook")
    (account / "token").write_text("second token")
    api.get("pods", "notebook")
    assert [token for _, _, token, _ in server.requests] == ["Bearer first token", "Bearer second token"]


def test_a_dry_run_keeps_nothing(server: Server, api: Api) -> None:
    api.dry_run("pods", {"kind": "Pod"})
    assert server.requests == [
        ("POST", "/api/v1/namespaces/user-ada/pods?dryRun=All", "Bearer first token", b'{"kind": "Pod"}')
    ]


def test_an_error_carries_kubernetes_own_words(server: Server, api: Api) -> None:
    server.answer = lambda _, __: (403, [b'{"reason": "Forbidden", "message": "exceeded quota"}'])
    with pytest.raises(ApiError) as caught:
        api.list("pods")
    assert (caught.value.status, caught.value.reason, caught.value.message) == (403, "Forbidden", "exceeded quota")


def test_an_error_of_something_between(server: Server, api: Api) -> None:
    server.answer = lambda _, __: (502, [b"<html>bad gateway"])
    with pytest.raises(ApiError, match="bad gateway"):
        api.list("pods")


def test_a_connection_that_was_closed_meanwhile_is_made_again(server: Server, api: Api) -> None:
    server.hang_up = True
    assert api.list("pods") == api.list("pods") == {}


def test_a_server_that_is_away(account: Path) -> None:
    with pytest.raises(OSError, match="refused"):
        Api("https://127.0.0.1:1", "user-ada", account).list("pods")


def test_following_pods(server: Server, api: Api) -> None:
    """A list, a watch that ends, another from the last version; one whose version is too old, and so a list again."""
    watches = iter(
        [
            [{"type": "ADDED", "object": pod("b", 11)}, {"type": "BOOKMARK", "object": pod("", 15)}],
            [{"type": "DELETED", "object": pod("a", 16)}],
            [{"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}}],
        ]
    )
    done = threading.Event()

    def answer(_: str, path: str) -> Answer:
        if "watch=1" not in path:
            items = {"metadata": {"resourceVersion": "10"}, "items": [pod("a", 5)]}
            return 200, [json.dumps(items).encode()]
        events = next(watches, None)
        if events is None:
            done.wait(10)
            return 200, []
        return 200, [json.dumps(event).encode() + b"\n" for event in events]

    server.answer = answer
    follower = Follower(api, "0123abcd")
    follower.start()
    events = [follower.events.get(timeout=10) for _ in range(4)]
    follower.end()
    done.set()
    assert events == [
        Listed([pod("a", 5)]),
        Changed(pod("b", 11), deleted=False),
        Changed(pod("a", 16), deleted=True),
        Listed([pod("a", 5)]),
    ]
    paths = [path for _, path, _, _ in server.requests]
    assert all("labelSelector=spark-notebooks.io%2Fsession%3D0123abcd" in path for path in paths)
    versions = [path.rsplit("resourceVersion=", 1)[1] for path in paths if "watch=1" in path]
    assert versions[:3] == ["10", "15", "16"]


def test_following_goes_on_when_the_api_is_back(server: Server, api: Api) -> None:
    answers = iter([(503, [b"{}"])])
    items = json.dumps({"metadata": {"resourceVersion": "10"}, "items": []}).encode()
    server.answer = lambda _, __: next(answers, (200, [items]))
    follower = Follower(api, "0123abcd")
    follower.start()
    assert isinstance(follower.events.get(timeout=10), Unanswered)
    assert follower.events.get(timeout=10) == Listed([])
    follower.end()


def test_nothing_is_told_after_the_end(server: Server, api: Api) -> None:
    follower = Follower(api, "0123abcd")
    follower.end()
    follower.start()
    with pytest.raises(queue.Empty):
        follower.events.get(timeout=0.2)
