"""A Kubernetes API in this process, with namespaces and tokens, as far as the token service asks it."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.unit.spark_session.api_server import make_account

HUB = "platform/notebooks"
AUDIENCE = "tokens.platform.notebooks"


def jwt(**claims: Any) -> str:
    """A token whose signature nobody could check; what it says is read, and the fake API knows it as a text."""
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256"}, {"exp": 4e9, "aud": [AUDIENCE]} | claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in [*parts, b"signature"])


def namespace(name: str, user: str, *prefixes: str, **annotations: str) -> dict[str, Any]:
    notes = {
        "spark-notebooks.io/hub": HUB,
        "spark-notebooks.io/user": user,
        "spark-notebooks.io/s3-prefixes": " ".join(prefixes),
    }
    return {"metadata": {"name": name, "annotations": notes | annotations}}


def account_status(place: str, account: str = "notebook", pod: str | None = "notebook") -> dict[str, Any]:
    """status of a TokenReview for a token of a pod."""
    extra = {"authentication.kubernetes.io/pod-name": [pod]} if pod else {}
    user = {"username": f"system:serviceaccount:{place}:{account}", "extra": extra}
    return {"authenticated": True, "audiences": [AUDIENCE], "user": user}


@dataclass
class Kubernetes:
    """What the API knows: statuses of TokenReviews by token, and Namespaces by name."""

    url: str = ""
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    namespaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    asked_once: asyncio.Event = field(default_factory=asyncio.Event)
    fails: int | None = None

    def add(self, user: str, *prefixes: str, account: str = "notebook", pod: str = "notebook") -> str:
        """A workspace `user-<user>` and a token of a pod in it."""
        place = f"user-{user}"
        self.namespaces[place] = namespace(place, user, *(prefixes or (f"users/{user}",)))
        token = jwt(sub=place, account=account, pod=pod)
        self.tokens[token] = account_status(place, account, pod)
        return token

    def asked(self, kind: str) -> int:
        return sum(kind in path for _, path, _ in self.requests)


@asynccontextmanager
async def kubernetes_api(account: Path) -> AsyncIterator[Kubernetes]:
    """A running API; `account` becomes the folder of a service account that it knows."""
    make_account(account)
    made = Kubernetes()

    async def answer(request: web.Request) -> web.Response:
        made.requests.append((request.method, request.path, request.headers["Authorization"]))
        made.asked_once.set()
        if made.fails:
            return web.Response(status=made.fails)
        if request.path.endswith("/tokenreviews"):
            review = await request.json()
            status = made.tokens.get(review["spec"]["token"], {"error": "invalid bearer token"})
            return web.json_response(review | {"status": status}, status=201)
        found = made.namespaces.get(request.path.rpartition("/")[2])
        return web.json_response(found or {"kind": "Status"}, status=200 if found else 404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(account / "ca.crt", account / "key")
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    made.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()
