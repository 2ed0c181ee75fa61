"""The text that puts rules in force."""

from cluster.policies.nft import render
from cluster.policies.rules import CLOSED, Allowed, RuleSet

WEB = (Allowed(("10.244.0.4/32", "10.89.0.0/16"), "tcp", ((80, 80), (4000, 4010))), Allowed(None, "udp", ((53, 53),)))
RULES = RuleSet(
    frozenset({"10.244.0.2", "10.244.0.3", "10.244.0.4"}),
    ingress={"10.244.0.2": WEB, "10.244.0.3": WEB},
    egress={"10.244.0.4": ()},
)


def test_a_node_that_knows_no_pod_lets_none_send_or_receive() -> None:
    text = render(CLOSED)
    assert "set known {\n    type ipv4_addr\n  }" in text
    for hook in ("forward", "input"):
        chain = text.partition(f"hook {hook} ")[2].partition("}")[0]
        assert chain.index("ip saddr != @known drop") < chain.index("accept", chain.index("ip saddr"))
    assert 'oifname "cni0" ip daddr != @known drop' in text


def test_nothing_passes_by_the_other_internet_protocol() -> None:
    assert render(CLOSED).count("meta nfproto ipv6 drop") == 3


def test_pods_that_may_do_the_same_share_a_chain() -> None:
    text = render(RULES)
    assert text.count("chain in_") == 1
    assert text.count(": jump in_") == 2
    assert "elements = { 10.244.0.4/32, 10.89.0.0/16 }" in text
    assert "tcp dport { 80, 4000-4010 } return" in text
    assert "    udp dport { 53 } return\n    drop\n" in text


def test_a_pod_that_may_send_nothing_has_a_chain_that_drops() -> None:
    name = render(RULES).partition("10.244.0.4 : jump ")[2].split()[0]
    assert f"chain {name} {{\n    drop\n  }}" in render(RULES)


def test_the_table_is_replaced_as_a_whole() -> None:
    lines = render(RULES).splitlines()
    assert lines[:2] == ["table inet network_policies", "delete table inet network_policies"]
    assert lines[2] == "table inet network_policies {"


def test_the_same_rules_give_the_same_text() -> None:
    turned = RuleSet(
        frozenset(sorted(RULES.known, reverse=True)),
        ingress={"10.244.0.3": WEB, "10.244.0.2": WEB},
        egress={"10.244.0.4": ()},
    )
    assert render(turned) == render(RULES)
