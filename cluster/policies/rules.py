"""From policies, namespaces and pods to what the pods of one node may send and receive. Pure.

The node that a pod is on judges both what it sends and what it receives, after kube-proxy has put the addresses of pods in the place of a
service's. Nothing here knows how packets are dropped.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, collapse_addresses, ip_network

from cluster.policies.model import Block, Labels, Namespace, Pod, Pods, Policy, Port, Rule

# Networks in order and without overlaps; None is everywhere.
Networks = tuple[str, ...] | None
ALL_PORTS = (0, 65535)


@dataclass(frozen=True, order=True)
class Allowed:
    """Packets that may pass: to or from `networks`, and where `protocol` is given, to these ranges of `ports`."""

    networks: Networks
    protocol: str | None = None
    ports: tuple[tuple[int, int], ...] = ()

    def allows(self, address: str, protocol: str, port: int) -> bool:
        """Whether a packet to or from that address, to that port, is one of them."""
        return (
            (self.networks is None or any(IPv4Address(address) in IPv4Network(one) for one in self.networks))
            and self.protocol in (None, protocol)
            and (not self.ports or any(first <= port <= last for first, last in self.ports))
        )


Chain = tuple[Allowed, ...]


@dataclass(frozen=True)
class RuleSet:
    """What one node enforces.

    `known` are the addresses of its pods: others' packets are dropped. A pod whose address is in `ingress` (or `egress`) receives (sends)
    only what its chain allows; one that is in neither is not selected by any policy of that direction.
    """

    known: frozenset[str] = frozenset()
    ingress: Mapping[str, Chain] = field(default_factory=dict)
    egress: Mapping[str, Chain] = field(default_factory=dict)

    def allows(self, source: str, target: str, protocol: str, port: int) -> bool:
        """Whether this node lets a new connection pass, as far as policies go; the protocol is "tcp" or "udp"."""
        sent, received = self.egress.get(source), self.ingress.get(target)
        return (sent is None or any(one.allows(target, protocol, port) for one in sent)) and (
            received is None or any(one.allows(source, protocol, port) for one in received)
        )


CLOSED = RuleSet()


def rule_set(
    node: str,
    pods: Iterable[Pod],
    namespaces: Iterable[Namespace],
    policies: Iterable[Policy],
    addresses: Mapping[str, str],
) -> RuleSet:
    """What the node of that name enforces. `addresses` are those of its own pods, by uid, where it knows them before the API server."""
    directory = _Directory(node, pods, namespaces, addresses)
    ours = [(address, pod) for address, pod in directory.addresses.items() if pod.node == node]
    by_namespace = defaultdict(list)
    for policy in policies:
        by_namespace[policy.namespace].append(policy)
    ingress, egress = {}, {}
    for address, pod in ours:
        selecting = [policy for policy in by_namespace[pod.namespace] if policy.pods.matches(dict(pod.labels))]
        received = [(policy.namespace, rule) for policy in selecting for rule in policy.ingress or ()]
        sent = [(policy.namespace, rule) for policy in selecting for rule in policy.egress or ()]
        if any(policy.ingress is not None for policy in selecting):
            ingress[address] = _chain(directory.allowed_in(rule, namespace, pod) for namespace, rule in received)
        if any(policy.egress is not None for policy in selecting):
            egress[address] = _chain(directory.allowed_out(rule, namespace) for namespace, rule in sent)
    return RuleSet(frozenset(address for address, _ in ours), ingress, egress)


class _Directory:
    """Who has which address. Answers are kept: the pods of a workspace ask the same questions."""

    def __init__(
        self, node: str, pods: Iterable[Pod], namespaces: Iterable[Namespace], addresses: Mapping[str, str]
    ) -> None:
        self._namespaces: Mapping[str, Labels] = {namespace.name: dict(namespace.labels) for namespace in namespaces}
        self._found: dict[tuple[Pods | None, str | None], tuple[tuple[str, Pod], ...]] = {}
        self._out: dict[tuple[Rule, str], tuple[Allowed, ...]] = {}
        self._in: dict[tuple[Rule, str, tuple[tuple[str, str, int], ...]], tuple[Allowed, ...]] = {}
        self.addresses: dict[str, Pod] = {}
        taken = set(addresses.values())
        for pod in pods:
            address = addresses.get(pod.uid)
            # Where the node gave the address to somebody, the API server may still name the pod that had it before.
            if address is None and not (pod.node == node and pod.address in taken):
                address = pod.address
            if address is not None:
                self.addresses[address] = pod

    @cached_property
    def _by_namespace(self) -> Mapping[str, list[tuple[str, Pod, Labels]]]:
        found: dict[str, list[tuple[str, Pod, Labels]]] = defaultdict(list)
        for address, pod in self.addresses.items():
            found[pod.namespace].append((address, pod, dict(pod.labels)))
        return found

    def allowed_in(self, rule: Rule, namespace: str, receiver: Pod) -> tuple[Allowed, ...]:
        """What a rule of that namespace lets the pod receive. Named ports are the receiver's own."""
        key = (rule, namespace, receiver.ports)
        if key not in self._in:
            ports = [
                port if not isinstance(port.port, str) else Port(port.protocol, receiver.port(port), None)
                for port in rule.ports or ()
                if not isinstance(port.port, str) or receiver.port(port) is not None
            ]
            self._in[key] = _allowed(self._networks(rule, namespace), None if rule.ports is None else ports)
        return self._in[key]

    def allowed_out(self, rule: Rule, namespace: str) -> tuple[Allowed, ...]:
        """What a rule of that namespace lets its pods send. A named port is that of each receiver, which only pods have."""
        key = (rule, namespace)
        if key not in self._out:
            named = [port for port in rule.ports or () if isinstance(port.port, str)]
            plain = None if rule.ports is None else [port for port in rule.ports if port not in named]
            self._out[key] = (
                *_allowed(self._networks(rule, namespace), plain),
                *(allowed for port in named for allowed in self._named(rule, namespace, port)),
            )
        return self._out[key]

    def _named(self, rule: Rule, namespace: str, port: Port) -> Iterable[Allowed]:
        numbers = defaultdict(list)
        for address, pod in self._receivers(rule, namespace):
            if (number := pod.port(port)) is not None:
                numbers[number].append(IPv4Network(address))
        for number, networks in sorted(numbers.items()):
            yield Allowed(_collapsed(networks), port.protocol.lower(), ((number, number),))

    def _receivers(self, rule: Rule, namespace: str) -> Iterable[tuple[str, Pod]]:
        if rule.peers is None:
            yield from self.addresses.items()
        for peer in rule.peers or ():
            if isinstance(peer, Pods):
                yield from self._select(peer, namespace)
            else:
                networks = block_networks(peer)
                for address, pod in self.addresses.items():
                    if any(IPv4Address(address) in network for network in networks):
                        yield address, pod

    def _networks(self, rule: Rule, namespace: str) -> Networks:
        if rule.peers is None:
            return None
        found: list[IPv4Network] = []
        for peer in rule.peers:
            if isinstance(peer, Pods):
                found.extend(IPv4Network(address) for address, _ in self._select(peer, namespace))
            else:
                found.extend(block_networks(peer))
        return _collapsed(found)

    def _select(self, peer: Pods, namespace: str) -> tuple[tuple[str, Pod], ...]:
        key = (peer, namespace if peer.namespaces is None else None)
        if key not in self._found:
            self._found[key] = tuple(
                (address, pod)
                for name in self._matching_namespaces(peer, namespace)
                for address, pod, labels in self._by_namespace.get(name, ())
                if peer.pods.matches(labels)
            )
        return self._found[key]

    def _matching_namespaces(self, peer: Pods, namespace: str) -> Collection[str]:
        if peer.namespaces is None:
            return [namespace]
        return [name for name, labels in self._namespaces.items() if peer.namespaces.matches(labels)]


def block_networks(block: Block) -> list[IPv4Network]:
    """The networks that a block comes to. Those of IPv6 are none: pods have no such addresses, and all of it is dropped."""
    network = ip_network(block.network, strict=False)
    if not isinstance(network, IPv4Network):
        return []
    left = [network]
    for text in block.without:
        hole = ip_network(text, strict=False)
        if isinstance(hole, IPv4Network):
            left = [part for whole in left for part in _without(whole, hole)]
    return left


def _without(whole: IPv4Network, hole: IPv4Network) -> Iterable[IPv4Network]:
    if not whole.overlaps(hole):
        return [whole]
    return whole.address_exclude(hole) if hole != whole and hole.subnet_of(whole) else []


def _allowed(networks: Networks, ports: Iterable[Port] | None) -> tuple[Allowed, ...]:
    if networks == ():
        return ()
    if ports is None:
        return (Allowed(networks),)
    ranges = defaultdict(set)
    for port in ports:
        ranges[port.protocol.lower()].add(_range(port))
    return tuple(Allowed(networks, protocol, _merged(found)) for protocol, found in sorted(ranges.items()))


def _range(port: Port) -> tuple[int, int]:
    if port.port is None:
        return ALL_PORTS
    first = int(port.port)
    return first, port.last or first


def _merged(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The same ports in ranges that do not overlap: nftables takes no others."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def _collapsed(networks: Iterable[IPv4Network]) -> Networks:
    return tuple(str(network) for network in collapse_addresses(networks))


def _chain(allowed: Iterable[tuple[Allowed, ...]]) -> Chain:
    """Each once, in one order: pods that may do the same share a chain."""
    found = {one for some in allowed for one in some}
    return tuple(sorted(found, key=lambda one: (one.networks or (), one.protocol or "", one.ports)))
