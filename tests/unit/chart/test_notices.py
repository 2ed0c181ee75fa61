"""Notices in the chart: off unless set, what they may read, what they reach, and where secrets are."""

import json
from typing import Any

import pytest
from spark_notebooks_hub.config import hub_config
from spark_notebooks_hub.notices.app import NoticesApp
from spark_notebooks_hub.values import parse_values
from traitlets.config import Config

from cluster.policies.model import Pod, read_pod, read_policy
from cluster.policies.rules import rule_set
from tests.unit.chart.matrix import EMBEDDED, MAIL, MATRIX, NOTICES, WEBHOOK
from tests.unit.chart.rendering import Manifest, containers, decoded, get, hub_values, merged, of_kind, refusal, render
from tests.unit.chart.test_network import NAMESPACES

NAME = "notebooks-spark-notebooks-notices"
BY_MAIL = MATRIX["notices by mail"]
HERE = "10.244.0.11"


def settings(manifests: list[Manifest]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(decoded(get(manifests, "Secret", NAME))["config.json"])["NoticesApp"]
    return found


def variables(manifests: list[Manifest]) -> dict[str, tuple[str, str]]:
    (container,) = containers(get(manifests, "Deployment", NAME))
    found = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in container.get("env", [])}
    return {name: (reference["name"], reference["key"]) for name, reference in found.items()}


def test_they_are_off_unless_a_way_out_is_set() -> None:
    assert not [each for each in render(EMBEDDED) if "notices" in each["metadata"]["name"]]
    for part in ({"webhook": WEBHOOK}, {"email": MAIL}):
        assert get(render({**EMBEDDED, "notices": part}), "Deployment", NAME)


def test_they_read_jobs_and_whose_a_workspace_is_and_write_one_object_of_their_own() -> None:
    manifests = render(NOTICES)
    everywhere, here = get(manifests, "ClusterRole", NAME)["rules"], get(manifests, "Role", NAME)["rules"]
    assert {(verb, what) for rule in everywhere for verb in rule["verbs"] for what in rule["resources"]} == {
        ("list", "jobs"),
        ("watch", "jobs"),
        ("get", "namespaces"),
    }
    (rule,) = here
    assert (rule["resources"], rule["resourceNames"], rule["verbs"]) == (["configmaps"], [NAME], ["get", "update"])
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        (subject,) = get(manifests, kind, NAME)["subjects"]
        assert subject == {"kind": "ServiceAccount", "name": NAME, "namespace": "platform"}


@pytest.mark.parametrize("values", [NOTICES, BY_MAIL, {**EMBEDDED, "notices": {"webhook": WEBHOOK}}])
def test_the_configuration_is_taken(values: dict[str, Any]) -> None:
    manifests = render(values)
    given = settings(manifests)
    assert set(given) <= set(NoticesApp.class_traits(config=True))
    environ = dict.fromkeys(variables(manifests), "x")
    app = NoticesApp(config=Config({"NoticesApp": {**given, "ca_bundle": ""}}))
    assert app.problem(environ) == ""
    assert (app.hub, app.namespace) == ("platform/notebooks-spark-notebooks", "platform")
    assert get(manifests, "ConfigMap", app.config_map)
    by = {"webhook": "webhook" in values["notices"], "email": "email" in values["notices"]}
    assert [channel.name for channel in app.channels(environ)] == [name for name, is_set in by.items() if is_set]


def test_secrets_come_by_reference() -> None:
    hook, smtp = "notices-webhook", "notices-smtp"
    assert variables(render(NOTICES)) == {"NOTICES_WEBHOOK_URL": (hook, "url"), "NOTICES_WEBHOOK_KEY": (hook, "key")}
    assert variables(render(BY_MAIL)) == {
        "NOTICES_SMTP_USERNAME": (smtp, "username"),
        "NOTICES_SMTP_PASSWORD": (smtp, "password"),
    }


@pytest.mark.parametrize(("values", "expected"), [(EMBEDDED, None), (NOTICES, "failure"), (BY_MAIL, "always")])
def test_a_notebook_knows_whether_there_are_any(values: dict[str, Any], expected: str | None) -> None:
    parsed = parse_values(hub_values(render(values)))
    keys = {"AWS_ACCESS_KEY_ID": "unused", "AWS_SECRET_ACCESS_KEY": "unused"}
    found = hub_config(parsed, {**keys, "JUPYTERHUB_CRYPT_KEY": "0" * 64, "CONFIGPROXY_AUTH_TOKEN": "x"})
    assert found.WorkspaceSpawner.spark_defaults.get("notices") == expected


@pytest.mark.parametrize(
    ("values", "target", "port", "passes"),
    [
        (NOTICES, "10.89.0.1", 6443, True),
        (NOTICES, "10.96.0.1", 443, True),
        (NOTICES, "10.20.1.1", 443, True),
        (NOTICES, "10.30.1.1", 587, True),
        (NOTICES, "10.30.1.1", 25, False),
        (NOTICES, "10.89.0.1", 8081, False),
        (NOTICES, "198.51.100.9", 443, False),
        (NOTICES, "169.254.169.254", 80, False),
        (BY_MAIL, "10.30.0.9", 465, True),
        (merged(BY_MAIL, {"notices": {"email": {"addresses": None}}}), "10.30.0.9", 465, True),
        (BY_MAIL, "10.30.0.8", 465, False),
        (BY_MAIL, "192.168.9.7", 6443, True),
        (BY_MAIL, "10.89.0.1", 6443, False),
        (merged(NOTICES, {"notices": {"webhook": {"addresses": ["0.0.0.0/0"]}}}), "198.51.100.9", 443, True),
        (merged(NOTICES, {"notices": {"webhook": {"addresses": ["0.0.0.0/0"]}}}), "169.254.169.254", 443, False),
        (merged(NOTICES, {"notices": {"networkPolicy": {"enabled": False}}}), "198.51.100.9", 25, True),
    ],
)
def test_what_they_reach(values: dict[str, Any], target: str, port: int, passes: bool) -> None:
    assert rules(values).allows(HERE, target, "tcp", port) is passes


def test_nobody_reaches_them_unless_allowed() -> None:
    scraper = {"from": [{"ipBlock": {"cidr": "10.9.0.0/16"}}], "ports": [{"port": 8084}]}
    open_to_one = merged(NOTICES, {"notices": {"networkPolicy": {"ingress": [scraper]}}})
    assert not rules(NOTICES).allows("10.9.0.1", HERE, "tcp", 8084)
    assert rules(open_to_one).allows("10.9.0.1", HERE, "tcp", 8084)
    assert not rules(open_to_one).allows("10.8.0.1", HERE, "tcp", 8084)


def rules(values: dict[str, Any]) -> Any:
    manifests = render(values)
    for number, manifest in enumerate(of_kind(manifests, "NetworkPolicy")):
        manifest["metadata"]["uid"] = str(number)
    policies = [read_policy(each) for each in of_kind(manifests, "NetworkPolicy")]
    return rule_set("node0", [pod(manifests)], NAMESPACES, policies, {})


def pod(manifests: list[Manifest]) -> Pod:
    labels = get(manifests, "Deployment", NAME)["spec"]["template"]["metadata"]["labels"]
    metadata = {"uid": "notices", "name": "notices", "namespace": "platform", "labels": labels}
    found = read_pod({"metadata": metadata, "spec": {"nodeName": "node0", "containers": []}, "status": {"podIP": HERE}})
    assert found
    return found


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"webhook": {"addresses": []}}, "notices.webhook.addresses is empty"),
        ({"email": {"addresses": []}}, "notices.email.addresses is empty"),
        ({"email": {"sender": None}}, "notices.email.sender is empty"),
        ({"email": {"recipients": []}}, "notices.email.recipients is empty"),
        ({"email": {"host": None}}, "notices.email.host is empty"),
        ({"email": {"encryption": "none", "existingSecret": "s"}}, "notices.email.encryption is none"),
        ({"email": {"recipients": ["ada"]}}, "/notices/email/recipients/0"),
        ({"default": "sometimes"}, "/notices/default"),
        ({"caBundle": "/etc/ca.pem"}, "/notices/caBundle"),
    ],
)
def test_values_that_cannot_be(change: dict[str, Any], text: str) -> None:
    assert text in refusal(merged(NOTICES, {"notices": change}))


def test_networks_need_no_names_where_the_policy_is_off_or_another_rule_opens_the_way() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}
    for network in ({"enabled": False}, {"egress": [rule]}):
        closed = {"webhook": {"addresses": []}, "email": {"addresses": []}, "networkPolicy": network}
        assert render(merged(NOTICES, {"notices": closed}))
