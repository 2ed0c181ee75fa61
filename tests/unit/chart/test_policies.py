"""The admission policies as Helm renders them; what they refuse is tested on an API server (tests/integration/admission)."""

import pytest
from spark_notebooks_hub.workspace import HUB_LABEL, HubIdentity, Workspace, namespace

from tests.unit.chart.matrix import EMBEDDED, MATRIX
from tests.unit.chart.rendering import get, of_kind, render

POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
WORKSPACE = ("pods", "notebooks", "executors", "jobs", "changes")


@pytest.mark.parametrize("name", ["embedded", "names"])
def test_the_hub_labels_workspaces_as_the_policies_look_for_them(name: str) -> None:
    manifests = render(MATRIX[name])
    names = [policy["metadata"]["name"] for policy in of_kind(manifests, POLICY)]
    [full] = [each.removesuffix("-workspace-pods") for each in names if each.endswith("-workspace-pods")]
    made = namespace(Workspace("ada", "user-ada", HubIdentity("platform", full)))
    for each in WORKSPACE:
        resources = get(manifests, BINDING, f"{full}-workspace-{each}")["spec"]["matchResources"]
        assert resources == {"namespaceSelector": {"matchLabels": {HUB_LABEL: made["metadata"]["labels"][HUB_LABEL]}}}


def test_every_policy_denies_and_none_lets_through_what_it_cannot_judge() -> None:
    manifests = render(EMBEDDED)
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in of_kind(manifests, POLICY)}
    assert all(spec["failurePolicy"] == "Fail" for spec in policies.values())
    bindings = {binding["spec"]["policyName"]: binding["spec"] for binding in of_kind(manifests, BINDING)}
    assert bindings.keys() == policies.keys()
    for name, spec in bindings.items():
        assert spec["validationActions"] == ["Deny"]
        assert "paramKind" not in policies[name]


def test_every_refusal_is_one_line_and_says_what_to_do() -> None:
    for policy in of_kind(render(EMBEDDED), POLICY):
        for validation in policy["spec"]["validations"]:
            message = validation.get("message") or validation["messageExpression"]
            assert "\n" not in message.strip()


def test_images_that_are_withdrawn_stand_in_the_policy_itself() -> None:
    withdrawn = ["registry.example/notebook:1", 'odd"name']
    manifests = render({**EMBEDDED, "workspace": {"admission": {"refusedImages": withdrawn}}})
    [policy] = [each for each in of_kind(manifests, POLICY) if each["metadata"]["name"].endswith("-workspace-pods")]
    [refused] = [each for each in policy["spec"]["variables"] if each["name"] == "refusedImages"]
    assert refused["expression"].endswith("""image in ["registry.example/notebook:1","odd\\"name"])""")


def test_without_admission_there_is_no_policy() -> None:
    manifests = render({**EMBEDDED, "workspace": {"admission": {"enabled": False}}})
    assert not of_kind(manifests, POLICY) + of_kind(manifests, BINDING)


@pytest.mark.parametrize("from_outside", [False, True])
def test_tokens_without_a_pod_start_jobs_where_that_is_switched_on(from_outside: bool) -> None:
    manifests = render({**EMBEDDED, "workspace": {"admission": {"jobsFromOutside": from_outside}}})
    [policy] = [each for each in of_kind(manifests, POLICY) if each["metadata"]["name"].endswith("-workspace-jobs")]
    maker = policy["spec"]["validations"][0]
    assert ("size(variables.creatorPod) == 1" in maker["expression"]) is not from_outside
    assert ("jobsFromOutside" in maker["messageExpression"]) is not from_outside
