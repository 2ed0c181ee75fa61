"""Configuration and start of the service."""

import asyncio
import logging
import os
import signal
from typing import Any

from aiohttp import web
from traitlets import Dict, Enum, Float, Integer, List, Unicode
from traitlets.config import Application
from traitlets.config.loader import JSONFileConfigLoader

from .audit import Audit
from .credentials import Mint
from .identity import Bounds
from .kubernetes import KubernetesApi, api_url
from .limits import Limit
from .minting.assume_role import AssumeRoleMint
from .minting.iam_users import IamUsersMint
from .service import TokenService
from .web import inside, sts

log = logging.getLogger(__name__)


class TokenServiceApp(Application):
    """Gives pods of workspaces S3 keys that end, by the calls of AWS STS."""

    name = "token_service"
    description = __doc__ or ""
    aliases = {"config": "TokenServiceApp.config_file"}  # noqa: RUF012 (as traitlets wants it)

    config_file = Unicode("", help="A JSON file with this class's settings.").tag(config=True)
    ip = Unicode("", help="Address to listen on; empty: all.").tag(config=True)
    port = Integer(8082, help="Port of the STS.").tag(config=True)
    inside_port = Integer(8083, help="Port of health and metrics.").tag(config=True)
    audience = Unicode(help="Audience of the tokens that are taken.").tag(config=True)
    hub = Unicode(help="The installation as its hub writes it into annotations: NAMESPACE/FULLNAME.").tag(config=True)
    bucket = Unicode("notebooks", help="The bucket.").tag(config=True)
    roots = List(Unicode(), ["users"], help="Prefixes below which workspaces' folders are.").tag(config=True)
    shares = Dict(
        value_trait=Enum(["read", "write"]),
        help='The most that anybody has of a shared folder, "read" or "write", by its prefix.',
    ).tag(config=True)
    workspaces = List(Unicode(), help="Prefixes of the shared workspaces.").tag(config=True)
    region = Unicode("us-east-1", help="Region that requests are signed for.").tag(config=True)
    partition = Unicode("aws", help="First part of ARNs of the S3 service.").tag(config=True)
    minting = Enum(
        ["assumeRole", "iamUsers"],
        "assumeRole",
        help="How keys are made: STS AssumeRole, or users of IAM that live for an hour.",
    ).tag(config=True)
    endpoint = Unicode(None, allow_none=True, help="URL of that STS or IAM; null for AWS.").tag(config=True)
    role_arn = Unicode(help="Role of AssumeRole, whose rights bound those of all keys.").tag(config=True)
    # SDKs renew in the last 15 minutes, and keys are shared for a third of their life.
    lifetime = Integer(3600, min=1800, max=43200, help="Seconds for which keys are good.").tag(config=True)
    peer_rate = Float(20, help="Calls a second from one address.").tag(config=True)
    peer_burst = Integer(200, help="Calls at once from one address.").tag(config=True)
    # Each Python process of a pod asks for itself: a pool of them is no attack.
    pod_rate = Float(2, help="Calls a second from one pod.").tag(config=True)
    pod_burst = Integer(100, help="Calls at once from one pod.").tag(config=True)

    def initialize(self, argv: list[str] | None = None) -> None:
        """Reads the command line and the file it names. Ends the process with a sentence where a setting is wrong."""
        super().initialize(argv)
        if self.config_file:
            self.update_config(JSONFileConfigLoader(self.config_file).load_config())
        missing = [name for name in ("audience", "hub") if not getattr(self, name)]
        if self.minting == "assumeRole" and not self.role_arn:
            missing.append("role_arn")
        if missing:
            self.exit(f"TokenServiceApp lacks {', '.join(missing)}: the chart writes them into its configuration.")

    def mint(self) -> Mint:
        """Where keys come from, by the settings."""
        where: dict[str, Any] = {
            "bucket": self.bucket,
            "region": self.region,
            "endpoint": self.endpoint,
            "seconds": self.lifetime,
            "partition": self.partition,
        }
        if self.minting == "iamUsers":
            return IamUsersMint(release=self.hub.replace("/", "."), **where)
        return AssumeRoleMint(role=self.role_arn, **where)

    def start(self) -> None:
        """Runs until the process is asked to end."""
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        api, mint = KubernetesApi(api_url(os.environ)), self.mint()
        service = TokenService(
            api=api,
            mint=mint,
            audience=self.audience,
            hub=self.hub,
            bounds=Bounds(self.roots, self.shares, self.workspaces),
            by_peer=Limit(self.peer_rate, self.peer_burst),
            by_pod=Limit(self.pod_rate, self.pod_burst),
            audit=Audit(),
        )
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        runners = [web.AppRunner(sts(service), access_log=None), web.AppRunner(inside(service), access_log=None)]
        sweeping = asyncio.create_task(service.sweep())
        try:
            for runner, port in zip(runners, (self.port, self.inside_port), strict=True):
                await runner.setup()
                await web.TCPSite(runner, self.ip or None, port).start()
            log.info("Answers STS on port %d, health and metrics on port %d", self.port, self.inside_port)
            await ended.wait()
        finally:
            sweeping.cancel()
            for runner in runners:
                await runner.cleanup()
            await asyncio.gather(sweeping, mint.close(), api.close(), return_exceptions=True)
