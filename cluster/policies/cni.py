"""A CNI plugin, the last of the chain: no pod starts before the enforcer knows its address and has its rules in force.

Runs with Python's standard library alone, once for each pod that starts or ends. See https://www.cni.dev/docs/spec/.
"""

import json
import os
import socket
import sys
import time

SOCKET = "/run/network-policies.sock"
PATIENCE = 30.0  # seconds that a pod waits for the enforcer; the kubelet then tries again
PAUSE = 0.1
TRY_AGAIN_LATER = 11  # the specification's code


def main() -> None:
    """Act on the command in the environment and the configuration on standard input, as the specification has it."""
    command = os.environ["CNI_COMMAND"]
    if command == "VERSION":
        print(json.dumps({"cniVersion": "1.0.0", "supportedVersions": ["0.4.0", "1.0.0"]}))
        return
    configuration = json.load(sys.stdin)
    result = configuration.get("prevResult") or {}
    complaint = _tell(command, result) if command in ("ADD", "DEL") else ""
    if command == "ADD" and complaint:
        print(json.dumps({"cniVersion": configuration["cniVersion"], "code": TRY_AGAIN_LATER, "msg": complaint}))
        sys.exit(1)
    # The end of a pod does not wait for anybody: an address that nobody has does no harm.
    if command == "ADD":
        print(json.dumps(result))


def _tell(command: str, result: dict[str, list[dict[str, str]]]) -> str:
    """What went wrong, "" if nothing did."""
    arguments = dict(pair.partition("=")[::2] for pair in os.environ.get("CNI_ARGS", "").split(";"))
    addresses = [entry["address"].partition("/")[0] for entry in result.get("ips", [])]
    message: dict[str, object] = {"command": command, "uid": arguments.get("K8S_POD_UID", ""), "addresses": addresses}
    deadline = time.monotonic() + (PATIENCE if command == "ADD" else 0)
    while True:
        try:
            return _ask(message, PATIENCE)
        except OSError as error:
            if time.monotonic() >= deadline:
                return f"The enforcer of network policies does not answer ({error}), so the pod is not started yet."
        time.sleep(PAUSE)


def _ask(message: dict[str, object], timeout: float) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect(SOCKET)
        connection.sendall(json.dumps(message).encode() + b"\n")
        answer = connection.makefile().readline()
    if not answer:
        raise ConnectionError("it hung up")
    return str(json.loads(answer)["complaint"])


if __name__ == "__main__":
    main()
