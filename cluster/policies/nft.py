"""A node's rules as text for `nft -f`, which puts them in force all at once. Pure.

Pods are behind the node's bridge. What they send to each other passes the hook `forward` although it is bridged (br_netfilter), and what they send to
the node itself the hook `input`; in both, kube-proxy has put the address of the receiver in the place of a service's already. What the node
itself sends to its pods passes neither: the kubelet reaches them always, as Kubernetes demands.
"""

import hashlib
from collections.abc import Iterable, Mapping

from cluster.policies.rules import Allowed, Chain, Networks, RuleSet

TABLE = "network_policies"
BRIDGE = "cni0"


def render(rules: RuleSet) -> str:
    """The whole table, in the place of the one that is there. The same rules give the same text."""
    chains = {_name("in", chain): chain for chain in rules.ingress.values()} | {
        _name("out", chain): chain for chain in rules.egress.values()
    }
    sets = {_set(allowed.networks): allowed.networks for chain in chains.values() for allowed in chain}
    parts = [
        *(_declared_set(name, networks) for name, networks in sorted(sets.items()) if networks),
        *(_declared_chain(name, chain) for name, chain in sorted(chains.items())),
        _block("set known", ["type ipv4_addr", *_elements(sorted(rules.known))]),
        _verdicts("receivers", "in", rules.ingress),
        _verdicts("senders", "out", rules.egress),
        _block("chain forward", ["type filter hook forward priority filter; policy accept;", *_FORWARD]),
        _block("chain input", ["type filter hook input priority filter; policy accept;", *_INPUT]),
    ]
    table = _block(f"table inet {TABLE}", [line for part in parts for line in part.splitlines()])
    # Declared before it is deleted, because there may be none.
    return f"table inet {TABLE}\ndelete table inet {TABLE}\n{table}\n"


_SENDER = (
    # A pod's own addresses of IPv6, which every link has, would be a way around it all.
    f'iifname "{BRIDGE}" meta nfproto ipv6 drop',
    # A pod that is not known yet, or says that it is another.
    f'iifname "{BRIDGE}" ip saddr != @known drop',
)
_FORWARD = (
    *_SENDER,
    f'oifname "{BRIDGE}" meta nfproto ipv6 drop',
    f'oifname "{BRIDGE}" ip daddr != @known drop',
    "ct state established,related accept",
    "ip saddr vmap @senders",
    "ip daddr vmap @receivers",
)
_INPUT = (
    f'iifname != "{BRIDGE}" accept',
    *_SENDER,
    "ct state established,related accept",
    "ip saddr vmap @senders",
)


def _declared_chain(name: str, chain: Chain) -> str:
    """`return` is to go on: what the sender may send, the receiver may still refuse."""
    side = "saddr" if name.startswith("in") else "daddr"
    return _block(f"chain {name}", [*(_line(allowed, side) for allowed in chain), "drop"])


def _line(allowed: Allowed, side: str) -> str:
    words = [] if allowed.networks is None else [f"ip {side} @{_set(allowed.networks)}"]
    if allowed.protocol:
        ranges = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in allowed.ports)
        words.append(f"{allowed.protocol} dport {{ {ranges} }}")
    return " ".join([*words, "return"])


def _declared_set(name: str, networks: Iterable[str]) -> str:
    return _block(f"set {name}", ["type ipv4_addr; flags interval;", *_elements(networks)])


def _verdicts(name: str, direction: str, chains: Mapping[str, Chain]) -> str:
    jumps = [f"{address} : jump {_name(direction, chain)}" for address, chain in sorted(chains.items())]
    return _block(f"map {name}", ["type ipv4_addr : verdict", *_elements(jumps)])


def _elements(elements: Iterable[str]) -> list[str]:
    found = ", ".join(elements)
    return [f"elements = {{ {found} }}"] if found else []


def _block(head: str, lines: Iterable[str]) -> str:
    return "\n".join([f"{head} {{", *(f"  {line}" for line in lines), "}"])


def _set(networks: Networks) -> str:
    return _hashed("of", repr(networks))


def _name(direction: str, chain: Chain) -> str:
    return _hashed(direction, repr(chain))


def _hashed(kind: str, text: str) -> str:
    # By content: pods that may do the same share it, and the order of policies changes nothing.
    return f"{kind}_{hashlib.sha256(text.encode()).hexdigest()[:20]}"
