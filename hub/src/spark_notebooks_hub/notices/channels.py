"""The ways out: an HTTP POST, and mail by SMTP."""

import asyncio
import smtplib
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Final, Protocol

import aiohttp

from .errors import AwayError, RefusedError
from .message import ID_HEADER, SIGNATURE_HEADER, Notice, body, mail, recipients, signature

SEND_SECONDS: Final = 20
# Of a request that is as it should be, they say something of the receiver, who may mend it.
_MAY_BE_MENDED: Final = (401, 403, 404, 408, 425, 429)


class Channel(Protocol):
    """A way out. `name` is what it is called in the log, in metrics and in the ledger."""

    name: str

    async def send(self, notice: Notice) -> None:
        """Send a notice. Raises AwayError where nobody takes it now, RefusedError where nobody ever will."""

    async def close(self) -> None:
        """Ends the connections."""


def trust(ca_bundle: str = "") -> ssl.SSLContext:
    """Whom to believe who they are: the authorities of the image, and those of a PEM bundle.

    Raises:
        ssl.SSLError: it holds no certificates.
    """
    context = ssl.create_default_context()
    if ca_bundle:
        context.load_verify_locations(cadata=ca_bundle)
    return context


class Webhook:
    """Posts JSON, signed by a key that the receiver has, too.

    Args:
        url: of the receiver; it is never logged, because it may hold a password.
        key: of the signature.
        context: whom to believe.
    """

    name = "webhook"

    def __init__(self, url: str, key: str, context: ssl.SSLContext) -> None:
        self._url, self._key, self._context = url, key, context
        self._session: aiohttp.ClientSession | None = None

    async def send(self, notice: Notice) -> None:
        """Post a notice."""
        content = body(notice)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "spark-notebooks",
            SIGNATURE_HEADER: signature(self._key, content),
            # The same for the same end: who has seen it has seen this notice.
            ID_HEADER: notice.end.uid,
        }
        try:
            # A redirect is not followed: nobody but the receiver that the administrator named gets a notice.
            async with self._connected().post(
                self._url, data=content, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AwayError(_why(error)) from error
        if status >= 500 or status in _MAY_BE_MENDED:
            raise AwayError(f"it answers {status}")
        if not 200 <= status < 300:
            raise RefusedError(f"it answers {status}")

    async def close(self) -> None:
        """Ends the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._context), timeout=aiohttp.ClientTimeout(total=SEND_SECONDS)
            )
        return self._session


class Mail:
    """Mails by SMTP, with a connection for each mail: there are few.

    Args:
        host: of the SMTP server.
        port: of it.
        encryption: "starttls", "tls" or "none".
        login: name and password; None for a server that asks for none.
        sender: address that mails come from.
        templates: of recipients, as for `recipients`.
        context: whom to believe.
        now: the time.
    """

    name = "email"

    def __init__(
        self,
        host: str,
        port: int,
        *,
        encryption: str,
        login: tuple[str, str] | None,
        sender: str,
        templates: Sequence[str],
        context: ssl.SSLContext,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._host, self._port, self._encryption, self._login = host, port, encryption, login
        self._sender, self._templates, self._context, self._now = sender, list(templates), context, now

    async def send(self, notice: Notice) -> None:
        """Mail a notice."""
        to = recipients(self._templates, notice.user)
        if not to:
            raise RefusedError(f"no recipient's address can be made of the name {notice.user!r}")
        await asyncio.to_thread(self._send, mail(notice, self._sender, to, self._now()))

    async def close(self) -> None:
        """There is nothing to end."""

    def _send(self, message: EmailMessage) -> None:
        try:
            with self._connected() as server:
                if self._login is not None:
                    server.login(*self._login)
                # Where it takes some recipients and not others, it answers the sender's address by itself.
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            said = f"it refuses all recipients ({', '.join(map(str, codes))})"
            raise (RefusedError if all(code >= 500 for code in codes) else AwayError)(said) from error
        except smtplib.SMTPDataError as error:
            raise (RefusedError if error.smtp_code >= 500 else AwayError)(f"it answers {error.smtp_code}") from error
        except (smtplib.SMTPException, OSError) as error:
            raise AwayError(_why(error)) from error

    def _connected(self) -> smtplib.SMTP:
        if self._encryption == "tls":
            return smtplib.SMTP_SSL(self._host, self._port, timeout=SEND_SECONDS, context=self._context)
        server = smtplib.SMTP(self._host, self._port, timeout=SEND_SECONDS)
        if self._encryption == "starttls":
            try:
                server.starttls(context=self._context)
            except BaseException:
                server.close()
                raise
        return server


def _why(error: Exception) -> str:
    """What is wrong, without a URL or an answer in which there could be a secret."""
    code = getattr(error, "smtp_code", None)
    if code is not None:
        return f"it answers {code} ({type(error).__name__})"
    certificate = getattr(error, "certificate_error", error)
    if isinstance(certificate, ssl.SSLCertVerificationError):
        return f"its certificate is not believed: {certificate.verify_message}"
    said = getattr(error, "strerror", None)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
