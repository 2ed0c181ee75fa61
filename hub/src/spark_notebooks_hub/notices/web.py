"""HTTP for those who look after it: whether it runs, whether it hears of ends, and counts."""

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from .service import Notices


def inside(notices: Notices) -> web.Application:
    """Health (it runs), readiness (it hears of ends) and metrics."""

    async def health(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(request: web.Request) -> web.Response:
        if notices.is_ready:
            return web.Response(text="ok\n")
        return web.Response(status=503, text="It does not hear of jobs: see its log.\n")

    async def metrics(request: web.Request) -> web.Response:
        content = generate_latest(notices.metrics.registry)
        return web.Response(body=content, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/health", health)
    app.router.add_get("/ready", ready)
    app.router.add_get("/metrics", metrics)
    return app
