"""What happened: a line for each issue and refusal, and counts for Prometheus. Neither holds a key or a token."""

import json
import logging
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from .credentials import Credentials
from .errors import StsError
from .identity import Grant, Identity
from .protocol import timestamp

log = logging.getLogger("token_service.audit")

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10)


class Audit:
    """Writes lines as JSON, and counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = Counter(
            "token_service_calls", "Calls of STS by their outcome", ["action", "code"], registry=self.registry
        )
        self._seconds = Histogram(
            "token_service_call_seconds",
            "Seconds until a call was answered",
            ["action"],
            registry=self.registry,
            buckets=SECONDS,
        )
        self._removed = Counter("token_service_users_removed", "IAM users removed", registry=self.registry)
        self._sweep = Gauge(
            "token_service_last_sweep_timestamp_seconds",
            "When ended IAM users were last looked for",
            registry=self.registry,
        )

    def issued(self, request_id: str, peer: str, identity: Identity, grant: Grant, credentials: Credentials) -> None:
        """Keys were handed out."""
        self._write(
            event="issued",
            request=request_id,
            peer=peer,
            user=grant.user,
            namespace=identity.namespace,
            account=identity.account,
            pod=identity.pod,
            prefixes=list(grant.access.prefixes),
            readable=list(grant.access.readable),
            key=credentials.access_key,
            until=timestamp(credentials.expiration),
        )

    def refused(self, request_id: str, peer: str, action: str, error: StsError, identity: Identity | None) -> None:
        """A call was refused; identity is None where it was not proven."""
        who = {"namespace": identity.namespace, "account": identity.account, "pod": identity.pod} if identity else {}
        self._write(
            event="refused", request=request_id, peer=peer, action=action, code=error.code, why=error.message, **who
        )

    def answered(self, action: str, code: str, seconds: float) -> None:
        """A call was answered; code is an error's, or OK."""
        self._calls.labels(action, code).inc()
        self._seconds.labels(action).observe(seconds)

    def swept(self, removed: int, now: float) -> None:
        """Users that had ended were removed."""
        self._removed.inc(removed)
        self._sweep.set(now)

    def _write(self, **fields: object) -> None:
        log.info("%s", json.dumps(fields, ensure_ascii=True))
