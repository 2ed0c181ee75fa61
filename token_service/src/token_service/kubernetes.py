"""The two questions to the Kubernetes API: whose token is this, and what is written on that namespace."""

import json
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp

from .errors import unreachable

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REQUEST_SECONDS: Final = 5
CONNECTIONS: Final = 32


def api_url(environ: Mapping[str, str] = os.environ) -> str:
    """Where pods find the API. Raises KeyError outside of a pod."""
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ["KUBERNETES_SERVICE_PORT"]
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


class KubernetesApi:
    """The API, asked as a pod's service account; account is the folder of its token, which is read again for each question."""

    def __init__(self, url: str, account: Path = ACCOUNT) -> None:
        self.url, self.account = url, account
        self._session: aiohttp.ClientSession | None = None

    async def review(self, review: Mapping[str, Any]) -> dict[str, Any]:
        """A TokenReview with its status. Raises StsError where the API does not answer."""
        return await self._ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review) or {}

    async def namespace(self, name: str) -> dict[str, Any] | None:
        """A Namespace; None where there is none. Raises StsError where the API does not answer."""
        return await self._ask("GET", f"/api/v1/namespaces/{name}")

    async def close(self) -> None:
        """Ends the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        try:
            token = (self.account / "token").read_text().strip()
            async with self._connected().request(
                method, f"{self.url}{path}", json=body, headers={"Authorization": f"Bearer {token}"}
            ) as response:
                if response.status == 404:
                    return None
                if response.status >= 300:
                    raise unreachable(f"The Kubernetes API answers {response.status}. Try again in a moment.")
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError) as error:
            raise unreachable("The Kubernetes API does not answer. Try again in a moment.") from error
        return dict(answer)

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = ssl.create_default_context(cafile=str(self.account / "ca.crt"))
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context, limit=CONNECTIONS),
                timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
            )
        return self._session
