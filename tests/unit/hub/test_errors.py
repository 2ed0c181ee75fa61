"""What went wrong, for the person who waits."""

import json

import pytest
from spark_notebooks_hub.errors import Failure, SpawnFailed, api_failure, api_message


def test_jupyterhub_shows_the_message_as_text_and_as_html() -> None:
    failed = SpawnFailed(Failure("crash", "It ended <early> & said:", log="<script>alert(1)</script>"))
    assert failed.jupyterhub_message == "It ended <early> & said:"
    assert "It ended &lt;early&gt; &amp; said:" in failed.jupyterhub_html_message
    assert "&lt;script&gt;" in failed.jupyterhub_html_message
    assert "<script>" not in failed.jupyterhub_html_message
    assert failed.reason == "crash"
    assert str(failed) == "It ended <early> & said:"


def test_percent_signs_and_lines_survive() -> None:
    assert str(SpawnFailed(Failure("quota", "100 % of\nit"))) == "100 % of\nit"


@pytest.mark.parametrize(
    ("status", "message", "reason", "parts"),
    [
        (
            403,
            'pods "notebook" is forbidden: exceeded quota: workspace, requested: limits.memory=2G, used: limits.memory=4G, limited: limits.memory=5G',
            "quota",
            ["workspace, requested: limits.memory=2G", "Stop Spark sessions", "administrator"],
        ),
        (
            403,
            'pods "notebook" is forbidden: violates PodSecurity "restricted:latest": privileged',
            "pod-security",
            ['"restricted:latest": privileged', "singleuser"],
        ),
        (
            403,
            'User "hub" cannot create resource "pods"',
            "rights",
            ["start your server", 'cannot create resource "pods"', "roles"],
        ),
        (
            403,
            'pods "notebook" is forbidden: no PriorityClass with name research was found',
            "priority",
            ["no PriorityClass with name research was found", "tenancy.groups"],
        ),
        (401, "", "rights", ["start your server", "service account"]),
        (
            422,
            'Pod "notebook" is invalid: spec.x',
            "settings",
            ["spec.x", "values of workspace and singleuser"],
        ),
        (500, "etcd is away", "kubernetes", ["500: etcd is away", "Try again"]),
        (None, "", "kubernetes", ["no answer", "Try again"]),
    ],
)
def test_an_error_of_the_api_says_what_why_and_what_to_do(
    status: int | None, message: str, reason: str, parts: list[str]
) -> None:
    failure = api_failure("start your server", status, message)
    assert failure.reason == reason
    for part in parts:
        assert part in failure.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (json.dumps({"kind": "Status", "message": "no"}), "no"),
        (json.dumps({"kind": "Status", "message": "no"}).encode(), "no"),
        ("upstream connect error\n", "upstream connect error"),
        ("[1]", "[1]"),
        (None, ""),
    ],
)
def test_the_message_of_a_status_is_found(body: str | bytes | None, message: str) -> None:
    assert api_message(body) == message
