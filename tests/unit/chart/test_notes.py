"""What Helm prints after an installation."""

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.chart.matrix import EMBEDDED, GITOPS, MATRIX
from tests.unit.chart.rendering import CHART, get, helm, hub_values, merged, parsed, render

LOGIN: dict[str, Any] = {"hub": {"config": {"JupyterHub": {"authenticator_class": "shared-password"}}}}

Notes = Callable[[dict[str, Any]], str]


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Notes:
    """The notes for values. Helm prints them only with a cluster, so here they are a field of an object in a copy of the chart."""
    chart = shutil.copytree(CHART, tmp_path_factory.mktemp("chart") / "spark-notebooks")
    text = (chart / "templates" / "NOTES.txt").read_text()
    (chart / "templates" / "_notes.tpl").write_text('{{ define "notes" }}' + text + "{{ end }}")
    (chart / "templates" / "notes.yaml").write_text(
        'kind: Notes\nmetadata: {name: notes}\ntext: {{ include "notes" . | toJson }}\n'
    )
    return lambda values: str(get(render(values, chart=chart), "Notes", "notes")["text"])


def test_they_are_printed(notes: Notes) -> None:
    assert notes(EMBEDDED).startswith("spark-notebooks 0.1.0 is installed as notebooks in the namespace platform.\n")


@pytest.mark.parametrize("name", MATRIX)
def test_nothing_is_left_of_a_template(notes: Notes, name: str) -> None:
    text = notes(MATRIX[name])

    assert "<no value>" not in text
    assert "%!" not in text
    assert "planted" not in text
    assert "\n\n\n" not in text


def test_without_a_login_they_say_how_to_choose_one(notes: Notes) -> None:
    text = notes(EMBEDDED)

    assert "NOBODY CAN SIGN IN YET" in text
    assert "OPEN IT" not in text


def test_the_lines_they_give_choose_a_login(notes: Notes) -> None:
    lines = notes(EMBEDDED).partition("\n  USERS=")[2].partition("\n\n")[0]
    # A stand-in for helm shows what the shell hands it.
    stub = 'helm() { for word in "$@"; do printf "%s\\0" "$word"; done; }\nUSERS='

    output = subprocess.run(["sh", "-euc", stub + lines], capture_output=True, text=True, check=True).stdout

    *command, passwords = output.split("\0")
    assert command[:5] == ["upgrade", "notebooks", "charts/spark-notebooks", "--namespace", "platform"]
    rendered = helm("template", "notebooks", CHART, *command[-2:], values=EMBEDDED)
    assert rendered.returncode == 0, rendered.stderr
    config = hub_values(parsed(rendered.stdout))["hub"]["config"]
    assert config["JupyterHub"] == {"authenticator_class": "shared-password"}
    login = config["SharedPasswordAuthenticator"]
    assert passwords.split() == ["password:", login["user_password"], "password", "of", "ada:", login["admin_password"]]
    # What the authenticator asks for at least.
    assert len(login["user_password"]) >= 8
    assert len(login["admin_password"]) >= 32


@pytest.mark.parametrize(
    ("values", "way"),
    [
        (EMBEDDED | LOGIN, "port-forward service/notebooks-spark-notebooks-proxy-public 8080:80\n  and then http://localhost:8080/"),
        (MATRIX["node port"], "http://NODE:30081/   with the address of any node"),
        (merged(MATRIX["node port"], {"proxy": {"service": {"nodePorts": {"http": None}}}}), ".spec.ports[0].nodePort"),
        (MATRIX["load balancer"], ".status.loadBalancer.ingress[0].ip"),
        (MATRIX["ingress"], "https://notebooks.example.org/science/notebooks/\n  https://www.example.org/science/notebooks/"),
        (MATRIX["https"], "https://NODE:30443/   with the address of any node"),
    ],
    ids=["port-forward", "node port", "node port that Kubernetes chooses", "load balancer", "ingress", "https"],
)  # fmt: skip
def test_they_say_how_to_open_it(notes: Notes, values: dict[str, Any], way: str) -> None:
    assert way in notes(values)


def test_they_say_where_notebooks_are(notes: Notes) -> None:
    assert "s3://notebooks/users/ on http://notebooks-spark-notebooks-s3.platform.svc:7070" in notes(EMBEDDED)
    assert "s3://team-notebooks/users/ on AWS, region eu-west-1" in notes(MATRIX["aws"])


def test_they_warn_of_what_is_for_evaluation(notes: Notes) -> None:
    embedded, external = notes(EMBEDDED), notes(MATRIX["aws"])

    assert "one server with one volume" in embedded
    assert "one server with one volume" not in external
    assert "people can read each other's notebooks" in external
    assert "WARNING: hub.db.type is sqlite-memory" in notes(MATRIX["memory database"])


@pytest.mark.parametrize(
    ("values", "needed"),
    [
        (EMBEDDED, "hub.existingSecret and s3.credentials.existingSecret."),
        (MATRIX["embedded with keys"], "hub.existingSecret."),
        (EMBEDDED | {"hub": GITOPS["hub"]}, "s3.credentials.existingSecret."),
    ],
)
def test_they_tell_which_secrets_a_gitops_tool_needs(notes: Notes, values: dict[str, Any], needed: str) -> None:
    assert f"without access to the cluster needs {needed}\n" in notes(values)
    assert "Keys were generated" not in notes(GITOPS)


def test_they_name_images_that_cannot_be_pulled(notes: Notes) -> None:
    assert "localhost/spark-notebooks/proxy" in notes(MATRIX["private registry"])
    assert "localhost/spark-notebooks/hub" not in notes(MATRIX["private registry"])


def test_they_say_what_the_network_is_closed_to(notes: Notes) -> None:
    assert "do not reach the internet" in notes(EMBEDDED)
    opened = {"singleuser": {"networkPolicy": {"egressAllowRules": {"nonPrivateIPs": True}}}}
    assert "do not reach the internet" not in notes(merged(EMBEDDED, opened))
    off = {"singleuser": {"networkPolicy": {"enabled": False}}}
    assert "WARNING: singleuser.networkPolicy.enabled is false" in notes(merged(EMBEDDED, off))
