"""Sends packets to a list of targets at once and says what came back. Runs wherever there is Python, with its standard library alone:

    python prober.py '[["tcp", "10.244.0.2", 80, 1.5], ...]'

prints a list of words: "open" (somebody listens), "closed" (the packet arrived, and nobody listens) or "silent" (nothing came back).
"""

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor


def probe(target):  # type: ignore[no-untyped-def]
    """What comes back from one target: protocol, address, port, and seconds to wait."""
    protocol, address, port, patience = target
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    *_, place = socket.getaddrinfo(address, port, type=kind)[0]
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as connection:
        connection.settimeout(patience)
        try:
            connection.connect(place)
            if protocol == "udp":
                connection.send(b"?")
                connection.recv(16)
        except ConnectionRefusedError:
            return "closed"
        except OSError:
            return "silent"
    return "open"


if __name__ == "__main__":
    targets = json.loads(sys.argv[1])
    with ThreadPoolExecutor(len(targets) or 1) as threads:
        print(json.dumps(list(threads.map(probe, targets))))
