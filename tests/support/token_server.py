"""The token service in a process of its own, as its application puts it together, but with no limit of calls, and keys of any length of life.

Calls of a benchmark come from one address; and nobody waits an hour to see keys end.
"""

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
from token_service.minting import iam_users
from token_service.web import sts

from token_service import service as calls


async def serve(*, api: str, account: str, audience: str, hub: str, iam: str, host: str, seconds: int) -> None:
    """Prints the port that it listens on, and ends when standard input does."""
    mint = iam_users.IamUsersMint(
        release=hub.replace("/", "."), bucket="notebooks", region="us-east-1", endpoint=iam, seconds=seconds
    )
    kubernetes, endless = KubernetesApi(api, Path(account)), Limit(math.inf, sys.maxsize)
    service = calls.TokenService(
        api=kubernetes,
        mint=mint,
        audience=audience,
        hub=hub,
        bounds=Bounds(["users"]),
        by_peer=endless,
        by_pod=endless,
        audit=Audit(),
    )
    # In the proportions of an hour.
    iam_users.GRACE_SECONDS = seconds / 60
    calls.SWEEP_SECONDS = seconds / 120
    runner = web.AppRunner(sts(service), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, 0).start()
    sweeping = asyncio.create_task(service.sweep())
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    sweeping.cancel()
    await runner.cleanup()
    await asyncio.gather(sweeping, mint.close(), kubernetes.close(), return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(serve(**json.loads(sys.argv[1])))
