"""Keeps the rules of a node what policies, namespaces and pods make them. One runs on each node.

It fails closed. The node starts with the rules of a node without pods, which let no pod say or hear anything, and rules stay in force while
this program is away. A pod starts when its address and all policies of its namespace are in them (`cni`).
"""

import json
import logging
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cluster.policies.cni import PATIENCE, SOCKET
from cluster.policies.model import Policy, read_namespace, read_pod, read_policy
from cluster.policies.nft import render
from cluster.policies.rules import RuleSet, rule_set
from cluster.policies.store import Store
from cluster.settings import NODE_DATA, POLICY_STATUS

STATUS_FILE = NODE_DATA / POLICY_STATUS
RESERVE = 5.0  # seconds by which we give a pod up before its plugin gives us up

log = logging.getLogger("network-policies")


class RefusedError(Exception):
    """The kernel did not take the rules; those before are in force."""


def apply(rules: RuleSet) -> None:
    """Put rules in force, all at once. Raises RefusedError."""
    done = subprocess.run(("nft", "-f", "-"), input=render(rules), text=True, capture_output=True, check=False)
    if done.returncode:
        raise RefusedError(f"The rules were refused, those before stay in force: {done.stderr.strip()}")


class Enforcer:
    """What is known, what is in force, and who waits for it."""

    def __init__(self, node: str, kubeconfig: str) -> None:
        config.load_kube_config(kubeconfig)
        self._node = node
        self._core = client.CoreV1Api()
        self._networking = client.NetworkingV1Api()
        self._pods = Store(self._core.list_pod_for_all_namespaces, read_pod, self._wake)
        self._namespaces = Store(self._core.list_namespace, read_namespace, self._wake)
        self._policies = Store(self._networking.list_network_policy_for_all_namespaces, read_policy, self._wake)
        # Guards all below; notified after each change and each time that rules are in force.
        self._condition = threading.Condition()
        self._addresses: dict[str, str] = {}
        self._wanted = 1
        self._applied = 0
        self._in_force: RuleSet | None = None
        self._refused: dict[str, list[str]] | None = None
        self._told: set[tuple[str, str]] = set()

    def run(self) -> None:
        """Until the rules are refused, which raises RefusedError: a node that does not do as policies say shall not be called ready."""
        for store in (self._pods, self._namespaces, self._policies):
            store.follow()
        while not all(store.listed for store in (self._pods, self._namespaces, self._policies)):
            time.sleep(0.05)
        self._apply()
        Path(SOCKET).unlink(missing_ok=True)
        # Now that the socket is there, this program counts as ready.
        threading.Thread(target=_Server(self).serve_forever, daemon=True).start()
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._wanted > self._applied)
            self._apply()

    def add(self, uid: str, address: str) -> str:
        """A pod is about to start with this address. Returns "" when its rules are in force, else what is in the way."""
        deadline = time.monotonic() + PATIENCE - RESERVE
        with self._condition:
            self._forget(address)
            self._addresses[uid] = address
        self._wake()
        try:
            namespace = self._await_pod(uid, deadline)
            # Our watch may lag behind: what the API server has now is what the pod's creator relied on.
            self._await_policies(namespace, deadline)
        except TimeoutError as error:
            return f"{error} The pod is not started yet."
        except (ApiException, HTTPError, OSError) as error:
            return f"The policies of the pod cannot be read ({error}), so it is not started yet."
        with self._condition:
            wanted = self._wanted
            if self._condition.wait_for(lambda: self._applied >= wanted, deadline - time.monotonic()):
                return ""
        return "The rules of the pod could not be put in force; the log of network-policies says why."

    def remove(self, uid: str, address: str) -> None:
        """The pod has ended, or its network was made anew with another address."""
        with self._condition:
            if self._addresses.get(uid) == address:
                del self._addresses[uid]
        self._wake()

    def _forget(self, address: str) -> None:
        for uid in [uid for uid, known in self._addresses.items() if known == address]:
            del self._addresses[uid]

    def _await_pod(self, uid: str, deadline: float) -> str:
        with self._condition:
            if not self._condition.wait_for(lambda: uid in self._pods.objects(), deadline - time.monotonic()):
                raise TimeoutError(f"The API server knows no pod {uid}.")
            return self._pods.objects()[uid].namespace

    def _await_policies(self, namespace: str, deadline: float) -> None:
        answer = self._networking.list_namespaced_network_policy(namespace, _preload_content=False)
        current = {item["metadata"]["uid"]: read_policy(item) for item in json.loads(answer.data)["items"]}

        def known() -> bool:
            ours = self._policies.objects()
            # A later version than the one just read is as good.
            return all(uid in ours and int(ours[uid].version) >= int(policy.version) for uid, policy in current.items())

        with self._condition:
            if not self._condition.wait_for(known, deadline - time.monotonic()):
                raise TimeoutError(f"The policies of {namespace} have changed, and nothing was heard of it.")

    def _wake(self) -> None:
        with self._condition:
            self._wanted += 1
            self._condition.notify_all()

    def _apply(self) -> None:
        with self._condition:
            wanted, addresses = self._wanted, dict(self._addresses)
        policies = list(self._policies.objects().values())
        rules = rule_set(
            self._node, self._pods.objects().values(), self._namespaces.objects().values(), policies, addresses
        )
        if rules != self._in_force:
            apply(rules)
            self._in_force = rules
            log.info("%d pods, %d policies", len(rules.known), len(policies))
        with self._condition:
            self._applied = wanted
            self._condition.notify_all()
        self._report(policies)

    def _report(self, policies: list[Policy]) -> None:
        """What is not supported is said: in the log, for `python -m cluster status`, and as an event of the policy."""
        refused = {f"{policy.namespace}/{policy.name}": list(policy.refused) for policy in policies if policy.refused}
        if refused == self._refused:
            return
        self._refused = refused
        temporary = STATUS_FILE.with_suffix(".new")
        temporary.write_text(json.dumps({"refused": refused}))
        temporary.replace(STATUS_FILE)
        for policy in policies:
            for text in policy.refused:
                if (policy.uid, text) not in self._told:
                    self._told.add((policy.uid, text))
                    log.error("%s/%s: %s", policy.namespace, policy.name, text)
                    self._tell(policy, text)

    def _tell(self, policy: Policy, text: str) -> None:
        try:
            self._core.create_namespaced_event(policy.namespace, event(policy, text, time.time()))
        except (ApiException, HTTPError, OSError) as error:
            log.warning("No event was made: %s", error)


def event(policy: Policy, text: str, now: float) -> dict[str, Any]:
    """The Event that says what of a policy is not enforced as written. Pure; `now` is Unix time."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    return {
        "metadata": {"generateName": f"{policy.name}-", "namespace": policy.namespace},
        "involvedObject": {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "name": policy.name,
            "namespace": policy.namespace,
            "uid": policy.uid,
        },
        "type": "Warning",
        "reason": "NotSupported",
        "message": text,
        "source": {"component": "network-policies"},
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }


class _Server(socketserver.ThreadingUnixStreamServer):
    """Answers the CNI plugin; a pod may wait, others meanwhile not."""

    daemon_threads = True
    request_queue_size = 250

    def __init__(self, enforcer: Enforcer) -> None:
        self.enforcer = enforcer
        super().__init__(SOCKET, _Handler)


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        line = self.rfile.readline()
        if not line:
            return  # somebody looks whether we are there
        message = json.loads(line)
        enforcer: Enforcer = self.server.enforcer  # type: ignore[attr-defined]
        complaint = ""
        for address in message["addresses"]:
            if message["command"] == "DEL":
                enforcer.remove(message["uid"], address)
            else:
                complaint = complaint or enforcer.add(message["uid"], address)
        self.wfile.write(json.dumps({"complaint": complaint}).encode() + b"\n")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        Enforcer(sys.argv[1], sys.argv[2]).run()
    except RefusedError as refused:
        sys.exit(str(refused))
