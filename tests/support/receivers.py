"""Whom notices are sent to: an HTTP server that takes posts, and an SMTP server. Both are real, and remember what they got."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

KEY = "the key of the signature"


@dataclass
class Hook:
    """A webhook at `url`; it answers with `statuses`, and when they are used up with 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def taken(self) -> list[dict[str, Any]]:
        """The bodies that were answered with 200, each of which was signed by KEY."""
        found = []
        for (headers, body), status in zip(self.posts, self.answers, strict=True):
            proof = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
            assert headers["x-hub-signature-256"] == f"sha256={proof}"
            if status == 200:
                found.append(json.loads(body))
                assert headers["idempotency-key"] == found[-1]["id"]
        return found


@contextmanager
def hook(host: str = "127.0.0.1", context: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """A running webhook, with https where a context has its certificate."""
    made, lock = Hook(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                status = made.statuses.pop(0) if made.statuses else 200
                made.posts.append(({name.lower(): text for name, text in self.headers.items()}, body))
                made.answers.append(status)
            self.send_response(status)
            if status in (301, 302, 307, 308):
                self.send_header("Location", f"{made.url}/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer((host, 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        made.url = f"{'https' if context else 'http'}://{host}:{server.server_port}/jobs"
        with _serving(server):
            yield made


@dataclass
class Mailbox:
    """An SMTP server: it answers a mail with `codes`, and when they are used up takes it. `login` is whom it lets in; None: anybody."""

    port: int = 0
    login: tuple[str, str] | None = None
    codes: list[int] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)


@contextmanager
def mailbox(
    host: str = "127.0.0.1", context: ssl.SSLContext | None = None, login: tuple[str, str] | None = None
) -> Iterator[Mailbox]:
    """A running SMTP server, which has STARTTLS where a context has its certificate."""
    made = Mailbox(login=login)

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 mailbox")
            to: list[str] = []
            known = made.login is None
            while line := self.rfile.readline():
                verb, _, rest = line.decode().strip().partition(" ")
                match verb.upper():
                    case "EHLO":
                        encrypted = isinstance(self.request, ssl.SSLSocket)
                        offers = (["STARTTLS"] if context and not encrypted else []) + (["AUTH PLAIN"] if login else [])
                        self.say(*[f"250-{offer}" for offer in ["mailbox", *offers]], "250 8BITMIME")
                    case "STARTTLS":
                        assert context is not None
                        self.say("220 go ahead")
                        self.request = context.wrap_socket(self.request, server_side=True)
                        self.setup()
                    case "AUTH":
                        _, name, password = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
                        known = (name, password) == made.login
                        self.say("235 welcome" if known else "535 no")
                    case "RCPT":
                        address = rest.partition("<")[2].partition(">")[0]
                        if not known:
                            self.say("530 who are you")
                        elif address in made.unknown:
                            self.say("550 nobody of that name")
                        else:
                            to.append(address)
                            self.say("250 yes")
                    case "DATA":
                        self.say("354 go on")
                        self.take(to)
                        to = []
                    case "QUIT":
                        self.say("221 bye")
                        return
                    case _:
                        self.say("250 yes")

        def take(self, to: list[str]) -> None:
            text = b""
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                text += line.removeprefix(b".") if line.startswith(b"..") else line
            if made.codes:
                self.say(f"{made.codes.pop(0)} not now")
                return
            made.encrypted.append(isinstance(self.request, ssl.SSLSocket))
            made.mails.append((to, message_from_bytes(text, policy=policy.SMTP)))  # type: ignore[arg-type]
            self.say("250 taken")

        def say(self, *lines: str) -> None:
            self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    class Server(ThreadingTCPServer):
        allow_reuse_address, daemon_threads = True, True

        def handle_error(self, *_: Any) -> None:
            """A client that does not like the certificate hangs up."""

    with Server((host, 0), Handler) as server:
        made.port = server.server_address[1]
        with _serving(server):
            yield made


@contextmanager
def _serving(server: ThreadingHTTPServer | ThreadingTCPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
