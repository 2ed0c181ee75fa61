"""What registries answer about known vulnerabilities."""

import json

from dev.supply.audit import Answer, Finding, of_npm_audit, of_pip_audit, own_packages, pins, told
from dev.supply.package import NPM, PYTHON, Package

URL = "https://github.com/advisories/GHSA-1"


def test_what_is_asked_are_the_installed_versions_of_others_packages() -> None:
    packages = [
        Package(PYTHON, "b", "2"),
        Package(PYTHON, "a", "1"),
        Package(PYTHON, "a", "1"),
        Package(PYTHON, "a", "3"),
        Package(PYTHON, "spark-session", "0.1.0"),
        Package(NPM, "c", "1"),
    ]
    assert pins(packages, ["spark-session"]) == ["a==1", "a==3", "b==2"]


def test_our_own_packages_are_not_asked_about() -> None:
    assert {"spark-session", "s3-contents", "spark-notebooks-hub", "spark-notebooks-token-service"} <= set(
        own_packages()
    )


def test_pip_audit_s_findings_and_what_it_could_not_look_up() -> None:
    report = {
        "dependencies": [
            {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-2", "fix_versions": ["2.1"], "aliases": ["CVE-1"]}]},
            {"name": "a", "version": "1", "vulns": []},
            {"name": "c", "skip_reason": "not found"},
        ],
        "fixes": [],
    }
    assert of_pip_audit(json.dumps(report)) == Answer(
        (Finding("PyPI", "b", "2", "PYSEC-2", ("2.1",), ("CVE-1",)),), ("PyPI: c: not found",)
    )


def test_npm_s_findings_with_the_versions_that_are_locked() -> None:
    advisory = {"title": "it is slow", "url": URL, "severity": "high", "range": "<2"}
    report = {
        "auditReportVersion": 2,
        "vulnerabilities": {
            "ws": {"name": "ws", "via": [advisory], "nodes": ["node_modules/ws", "node_modules/a/node_modules/ws"]},
            "a": {"name": "a", "via": ["ws"], "nodes": ["node_modules/a"]},
        },
    }
    locked = {"node_modules/ws": {"version": "1.0.0"}, "node_modules/a/node_modules/ws": {"version": "1.1.0"}}
    answer = of_npm_audit(json.dumps(report), {"packages": locked})
    assert answer.not_asked == ()
    assert [(each.package, each.version, each.identifier) for each in answer.findings] == [
        ("ws", "1.0.0", "GHSA-1"),
        ("ws", "1.1.0", "GHSA-1"),
    ]


def test_a_registry_that_does_not_answer_is_not_good_news() -> None:
    answer = of_npm_audit(json.dumps({"message": "405 Method Not Allowed", "error": {"summary": ""}}), {"packages": {}})
    assert answer == Answer(not_asked=("npm: 405 Method Not Allowed",))
    text = told([Answer((Finding("PyPI", "b", "2", "PYSEC-2", ("2.1",), ("CVE-1",)),)), answer])
    assert "PyPI  b 2: PYSEC-2, mended in 2.1 (CVE-1)" in text
    assert "NOT ASKED  npm: 405 Method Not Allowed" in text
    assert "1 known, 1 not asked" in text
