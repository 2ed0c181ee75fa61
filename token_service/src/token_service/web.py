"""HTTP: STS on one port, health and metrics on another, which workspaces do not reach."""

import secrets
from typing import Final

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from .errors import StsError, invalid_request
from .protocol import refusal
from .service import TokenService

MOST_BYTES: Final = 32 * 1024
XML: Final = "text/xml"


def sts(service: TokenService) -> web.Application:
    """The STS: POST to `/`."""

    async def answer(request: web.Request) -> web.Response:
        request_id = secrets.token_hex(16)
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            error = StsError("RequestEntityTooLarge", f"The request has more than {MOST_BYTES} bytes.", 413)
            return _answer(413, refusal(error, request_id), request_id)
        headers = {name.lower(): value for name, value in request.headers.items()}
        # The connection's own address: what a header says of it, anybody can write.
        peer = request.transport.get_extra_info("peername")[0] if request.transport else "gone"
        status, text = await service.answer(body, headers, peer, request_id)
        return _answer(status, text, request_id)

    async def not_sts(request: web.Request) -> web.Response:
        request_id = secrets.token_hex(16)
        error = invalid_request("Calls of STS are posted to / here.", "InvalidAction")
        return _answer(error.status, refusal(error, request_id), request_id)

    app = web.Application(client_max_size=MOST_BYTES)
    app.router.add_post("/", answer)
    app.router.add_route("*", "/{path:.*}", not_sts)
    return app


def inside(service: TokenService) -> web.Application:
    """Health and metrics."""

    async def health(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(service.audit.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/health", health)
    app.router.add_get("/metrics", metrics)
    return app


def _answer(status: int, text: bytes, request_id: str) -> web.Response:
    headers = {"x-amzn-RequestId": request_id, "Cache-Control": "no-store"}
    return web.Response(status=status, body=text, content_type=XML, headers=headers)
