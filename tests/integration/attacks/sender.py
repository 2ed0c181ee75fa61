"""Runs in a notebook: sends the requests ATTACKS, with the pod's own token to the Kubernetes API, with TOKEN to the hub. Prints status and text of each.

The API server writes AGENT into what it makes or changes.
"""
# ruff: noqa: F821

import json
import os
import ssl
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
CONTEXT = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
OWN = (ACCOUNT / "token").read_text()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None  # a way to the login page is an answer, too


OPENER = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=CONTEXT), NoRedirect()
)


def send(attack):
    to_hub = attack["path"].startswith("http")
    request = urllib.request.Request(attack["path"] if to_hub else API + attack["path"], method=attack["method"])
    request.add_header("Authorization", f"token {TOKEN}" if to_hub else f"Bearer {OWN}")
    request.add_header("User-Agent", AGENT)
    request.add_header("Content-Type", attack["content_type"])
    if attack["body"] is not None:
        request.data = json.dumps(attack["body"]).encode()
    try:
        with OPENER.open(request, timeout=5) as response:
            return response.status, response.read(20000).decode(errors="replace")
    except urllib.error.HTTPError as error:
        status = 403 if error.code == 302 else error.code
        return status, error.read(20000).decode(errors="replace")
    except OSError as error:
        return 0, str(error)


with ThreadPoolExecutor(8) as threads:
    print(json.dumps(list(threads.map(send, json.loads(ATTACKS)))))
