"""Configuration and start of the service."""

import asyncio
import logging
import os
import signal
import ssl
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web
from traitlets import Enum, Integer, List, Unicode
from traitlets.config import Application
from traitlets.config.loader import JSONFileConfigLoader

from .channels import Channel, Mail, Webhook, trust
from .ending import CHOICES, FAILURE
from .kubernetes import ACCOUNT, KubernetesApi
from .message import USER, is_address
from .service import Notices
from .web import inside

log = logging.getLogger(__name__)


class NoticesApp(Application):
    """Tells of the end of jobs, by a webhook and by mail.

    Secrets come by variables: NOTICES_WEBHOOK_URL and NOTICES_WEBHOOK_KEY, NOTICES_SMTP_USERNAME and NOTICES_SMTP_PASSWORD.
    """

    name = "notices"
    description = __doc__ or ""
    aliases = {"config": "NoticesApp.config_file"}  # noqa: RUF012 (as traitlets wants it)

    config_file = Unicode("", help="A JSON file with this class's settings.").tag(config=True)
    api_url = Unicode("", help="URL of the Kubernetes API; empty: where pods find it.").tag(config=True)
    account = Unicode(str(ACCOUNT), help="Folder of the service account.").tag(config=True)
    ip = Unicode("", help="Address to listen on; empty: all.").tag(config=True)
    port = Integer(8084, help="Port of health and metrics.").tag(config=True)
    hub = Unicode(help="The installation as its hub writes it into annotations: NAMESPACE/FULLNAME.").tag(config=True)
    namespace = Unicode(help="Of the ConfigMap with the ledger.").tag(config=True)
    config_map = Unicode(help="Its name.").tag(config=True)
    default = Enum(list(CHOICES), FAILURE, help="Which ends are told where a job does not say.").tag(config=True)
    smtp_host = Unicode("", help="The SMTP server; empty: no mails.").tag(config=True)
    smtp_port = Integer(587, help="Its port.").tag(config=True)
    smtp_encryption = Enum(["starttls", "tls", "none"], "starttls", help="Of the connection to it.").tag(config=True)
    sender = Unicode("", help="Address that mails come from.").tag(config=True)
    recipients = List(
        Unicode(), help="Addresses that mails go to; {user} stands for the name of the job's person."
    ).tag(config=True)
    ca_bundle = Unicode("", help="Authorities to believe beside those of the image, as PEM.").tag(config=True)

    def initialize(self, argv: list[str] | None = None) -> None:
        """Reads the command line and the file it names. Ends the process with a sentence where a setting is wrong."""
        super().initialize(argv)
        if self.config_file:
            self.update_config(JSONFileConfigLoader(self.config_file).load_config())
        wrong = self.problem(os.environ)
        if wrong:
            self.exit(wrong)

    def problem(self, environ: Mapping[str, str]) -> str:
        """What is wrong in the settings, and what to do; empty where nothing is."""
        missing = [name for name in ("hub", "namespace", "config_map") if not getattr(self, name)]
        if missing:
            return f"NoticesApp lacks {', '.join(missing)}: the chart writes them into its configuration."
        if not (self.smtp_host or environ.get("NOTICES_WEBHOOK_URL")):
            return "There is nobody to tell: set notices.webhook.existingSecret or notices.email.host."
        if environ.get("NOTICES_WEBHOOK_URL") and not environ.get("NOTICES_WEBHOOK_KEY", "").strip():
            return "The key of the webhook's signature is empty: put one into the Secret of notices.webhook.existingSecret."
        if self.smtp_host:
            named = {"notices.email.sender": [self.sender], "notices.email.recipients": self.recipients}
            for setting, addresses in named.items():
                for address in addresses or [""]:
                    if not is_address(address.replace(USER, "a" if address != USER else "a@example.org")):
                        return f"{setting}: {address!r} is no mail address, such as {USER}@example.org."
        try:
            trust(self.ca_bundle)
        except ssl.SSLError as error:
            return f"notices.caBundle holds no certificates as PEM ({error.reason}): put those of your authority there."
        return ""

    def channels(self, environ: Mapping[str, str]) -> list[Channel]:
        """The ways out, by the settings."""
        context, found = trust(self.ca_bundle), list[Channel]()
        if url := environ.get("NOTICES_WEBHOOK_URL", "").strip():
            found.append(Webhook(url, environ["NOTICES_WEBHOOK_KEY"].strip(), context))
        if self.smtp_host:
            user = environ.get("NOTICES_SMTP_USERNAME", "")
            found.append(
                Mail(
                    self.smtp_host,
                    self.smtp_port,
                    encryption=self.smtp_encryption,
                    login=(user, environ.get("NOTICES_SMTP_PASSWORD", "")) if user else None,
                    sender=self.sender,
                    templates=self.recipients,
                    context=context,
                )
            )
        return found

    def start(self) -> None:
        """Runs until the process is asked to end."""
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        api, channels = (
            KubernetesApi(self.api_url or _in_pod(os.environ), Path(self.account)),
            self.channels(os.environ),
        )
        notices = Notices(
            api=api, channels=channels, hub=self.hub, default=self.default, place=(self.namespace, self.config_map)
        )
        running = asyncio.create_task(notices.run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        runner = web.AppRunner(inside(notices), access_log=None)
        try:
            await runner.setup()
            await web.TCPSite(runner, self.ip or None, self.port).start()
            log.info("Tells of jobs by %s", " and ".join(channel.name for channel in channels))
            await asyncio.wait([running])
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await runner.cleanup()
            await asyncio.gather(api.close(), *(channel.close() for channel in channels))
        if not running.cancelled():
            running.result()


def _in_pod(environ: Mapping[str, str]) -> str:
    """Where pods find the Kubernetes API. Raises KeyError outside of a pod."""
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ["KUBERNETES_SERVICE_PORT"]
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"
