"""The service put together: from a call to keys."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from . import protocol
from .audit import Audit
from .claims import refuse_hopeless
from .credentials import Mint, SharedCredentials
from .errors import StsError, denied, throttled
from .identity import Bounds, Grant, Identity, granted, holder_of, reviewed, token_review
from .limits import Limit
from .signature import prove, read_signature, unknown_key

SWEEP_SECONDS: Final = 30

log = logging.getLogger(__name__)


class Api(Protocol):
    """What of the Kubernetes API is asked."""

    async def review(self, review: Mapping[str, Any]) -> dict[str, Any]: ...

    async def namespace(self, name: str) -> dict[str, Any] | None: ...


class TokenService:
    """Answers calls.

    Args:
        api: the Kubernetes API.
        mint: where keys come from.
        audience: of the tokens that are taken.
        hub: the installation as its hub writes it into annotations.
        bounds: what anybody may get.
        by_peer: how often one address may ask, before anything is known of it.
        by_pod: how often one pod may.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        *,
        api: Api,
        mint: Mint,
        audience: str,
        hub: str,
        bounds: Bounds,
        by_peer: Limit,
        by_pod: Limit,
        audit: Audit,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.api, self.mint, self.audience, self.hub, self.bounds = api, mint, audience, hub, bounds
        self.by_peer, self.by_pod, self.audit, self._clock = by_peer, by_pod, audit, clock
        self.credentials = SharedCredentials(mint, clock)

    async def answer(self, body: bytes, headers: Mapping[str, str], peer: str, request_id: str) -> tuple[int, bytes]:
        """HTTP status and XML for a request; headers' names are in lower case. peer is the caller's address. Raises nothing."""
        began = time.monotonic()
        action, seen = "unknown", list[Identity]()
        try:
            if not self.by_peer.take(peer, began):
                raise throttled("Too many requests from this address. Wait a moment.")
            call = protocol.read_call(body)
            action = type(call).__name__
            match call:
                case protocol.AssumeRoleWithWebIdentity():
                    text = await self._assume_role(call, peer, request_id, seen)
                case protocol.GetCallerIdentity():
                    text = self._caller_identity(headers, body, request_id)
        except StsError as error:
            self.audit.refused(request_id, peer, action, error, seen[0] if seen else None)
            self.audit.answered(action, error.code, time.monotonic() - began)
            return error.status, protocol.refusal(error, request_id)
        self.audit.answered(action, "OK", time.monotonic() - began)
        return 200, text

    async def still_granted(self, holder: str) -> bool:
        """Whether the keys of a workspace, or of a member of one (namespace/member), are to go on; where the Kubernetes API does not answer, they do."""
        namespace, _, member = holder.partition("/")
        try:
            await self._grant(namespace, member)
        except StsError as error:
            return error.ours
        return True

    async def sweep(self) -> None:
        """Removes keys that have ended, for ever."""
        while True:
            try:
                self.audit.swept(await self.mint.clear(self.still_granted), self._clock())
            except StsError as error:
                log.warning("Ended keys cannot be looked for now: %s", error.message)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _assume_role(
        self, call: protocol.AssumeRoleWithWebIdentity, peer: str, request_id: str, seen: list[Identity]
    ) -> bytes:
        """seen is filled with the identity once it is proven, for the audit of what fails after it."""
        refuse_hopeless(call.token, self.audience, self._clock())
        identity = reviewed(await self.api.review(token_review(call.token, self.audience)), self.audience)
        seen.append(identity)
        if not self.by_pod.take(f"{identity.namespace}/{identity.pod}", time.monotonic()):
            raise throttled("This pod asks too often: keys are good for an hour. Keep them, or wait a moment.")
        grant = await self._grant(identity.namespace, identity.member)
        credentials = await self.credentials.get(grant)
        self.audit.issued(request_id, peer, identity, grant, credentials)
        return protocol.assumed_role(
            credentials, grant.holder.replace("/", "."), identity.subject, self.audience, request_id
        )

    async def _grant(self, name: str, member: str) -> Grant:
        namespace = await self.api.namespace(name)
        try:
            if namespace is None:
                raise denied(f"The workspace {name} is gone.")
            return granted(namespace, self.hub, self.bounds, member)
        except StsError:
            self.credentials.forget(holder_of(name, member))
            raise

    def _caller_identity(self, headers: Mapping[str, str], body: bytes, request_id: str) -> bytes:
        signed = read_signature(headers.get("authorization", ""))
        found = self.credentials.holder(signed.access_key)
        if found is None:
            raise unknown_key()
        grant, credentials = found
        prove(signed, credentials.secret_key, headers, body, self._clock())
        return protocol.caller_identity(credentials.access_key, grant.holder.replace("/", "."), request_id)
