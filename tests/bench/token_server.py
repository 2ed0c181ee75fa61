"""The token service in a process of its own, as its application puts it together, but with no limit of calls: all of a benchmark come from one address."""

import asyncio
import json
import math
import sys
from pathlib import Path

from aiohttp import web
from token_service.audit import Audit
from token_service.identity import Bounds
from token_service.kubernetes import KubernetesApi
from token_service.limits import Limit
from token_service.minting.iam_users import IamUsersMint
from token_service.service import TokenService
from token_service.web import sts


async def serve(api: str, account: str, audience: str, hub: str, iam: str) -> None:
    """Prints the port that it listens on, and ends when standard input does."""
    mint = IamUsersMint(
        release=hub.replace("/", "."), bucket="notebooks", region="us-east-1", endpoint=iam, seconds=3600
    )
    kubernetes, endless = KubernetesApi(api, Path(account)), Limit(math.inf, sys.maxsize)
    service = TokenService(
        api=kubernetes,
        mint=mint,
        audience=audience,
        hub=hub,
        bounds=Bounds(["users"]),
        by_peer=endless,
        by_pod=endless,
        audit=Audit(),
    )
    runner = web.AppRunner(sts(service), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()
    await asyncio.gather(mint.close(), kubernetes.close())


if __name__ == "__main__":
    asyncio.run(serve(**json.loads(sys.argv[1])))
