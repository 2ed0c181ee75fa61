"""STS error codes: what SDKs decide by whether to try again, and what people read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StsError(Exception):
    """A refusal as STS words it.

    code is one that SDKs know, message is for people and holds nothing secret, status is that of HTTP.
    """

    code: str
    message: str
    status: int = 400

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def ours(self) -> bool:
        """Whether the service failed, not the request."""
        return self.status >= 500 or self.code == "IDPCommunicationError"


def invalid_token(message: str) -> StsError:
    """The token proves nothing."""
    return StsError("InvalidIdentityToken", message)


def expired(message: str) -> StsError:
    """The token's time is over; SDKs read the file again."""
    return StsError("ExpiredTokenException", message)


def denied(message: str) -> StsError:
    """The token is good, and its holder gets no keys."""
    return StsError("AccessDenied", message, 403)


def throttled(message: str) -> StsError:
    """Too many requests; SDKs wait and try again."""
    return StsError("Throttling", message)


def invalid_request(message: str, code: str = "ValidationError") -> StsError:
    """The request is not one of STS."""
    return StsError(code, message)


def unreachable(message: str) -> StsError:
    """The Kubernetes API, which knows tokens, does not answer; SDKs try again."""
    return StsError("IDPCommunicationError", message)


def unavailable(message: str) -> StsError:
    """Keys cannot be made now; SDKs try again."""
    return StsError("ServiceUnavailable", message, 503)
