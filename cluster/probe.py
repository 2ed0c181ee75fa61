"""Whether a component answers."""

import http.client
import socket
import ssl
from urllib.parse import urlsplit

TIMEOUT = 1.0


def answers(target: str) -> bool:
    """Whether the URL `target` answers with 200, or something listens on the socket whose path it is.

    Certificates are not verified: nothing secret is sent, and who answers inside the node's own network is known.
    """
    try:
        return _url_answers(target) if "://" in target else _socket_answers(target)
    except (OSError, http.client.HTTPException):
        return False


def _url_answers(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.client.OK
    finally:
        connection.close()


def _socket_answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT)
        client.connect(path)
        return True
