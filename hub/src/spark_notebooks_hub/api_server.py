"""Where the Kubernetes API is: a policy cannot name it by labels, because it is no pod."""

import os
from collections.abc import Mapping
from typing import Any, Final

from kubernetes_asyncio.client import ApiClient

from .network import Address

# Every API server keeps this one up to date with the addresses of all.
ENDPOINTS: Final = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
REQUEST_SECONDS: Final = 10


async def api_server(client: ApiClient) -> list[Address]:
    """The addresses of the API servers, and that of their Service. Raises ApiException."""
    endpoints: Any = await client.call_api(
        ENDPOINTS,
        "GET",
        header_params={"Accept": "application/json"},
        response_types_map={200: "object"},
        auth_settings=["BearerToken"],
        _return_http_data_only=True,
        _request_timeout=REQUEST_SECONDS,
    )
    return [*addresses(endpoints), *service(os.environ)]


def addresses(endpoints: Mapping[str, Any]) -> list[Address]:
    """The addresses in an EndpointSlice, in order."""
    length = 128 if endpoints.get("addressType") == "IPv6" else 32
    found = {
        (f"{address}/{length}", int(port["port"]))
        for endpoint in endpoints.get("endpoints") or ()
        for address in endpoint["addresses"]
        for port in endpoints.get("ports") or ()
    }
    return [Address(cidr, port) for cidr, port in sorted(found)]


def service(environ: Mapping[str, str]) -> list[Address]:
    """The Service's own address: some network plugins look at a packet before it is sent on to an endpoint."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    return [Address(f"{host}/{128 if ':' in host else 32}", int(port))] if host and port else []
