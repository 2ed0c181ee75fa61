"""Workspaces that several people share: names, who may choose them, and what is in them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spark_notebooks_hub.network import NetworkRules
from spark_notebooks_hub.shared_folders import Share
from spark_notebooks_hub.shared_workspace_values import SharedWorkspaceValues
from spark_notebooks_hub.shared_workspaces import chosen_in, form, mine, misfit, server_name
from spark_notebooks_hub.workspace import (
    HubIdentity,
    Workspace,
    authentication_secret,
    foreign,
    member_rules,
    members,
    namespace,
    unwanted_manifests,
    user_slug,
    workspace_manifests,
)

from token_service import identity

HUB = HubIdentity("platform", "sn")
RULES = NetworkRules(release="sn", s3=[], s3_port=443)


def entry(name: str = "Flights", prefix: str = "teams/flights", **more: Any) -> SharedWorkspaceValues:
    return SharedWorkspaceValues.model_validate({"name": name, "groups": ["pilots"], "prefix": prefix, **more})


def shared(user: str = "ada", **more: Any) -> Workspace:
    given = {"prefixes": ["teams/flights"], "shared": "Flights", "shared_slug": "group--flights"}
    return Workspace(user, "user-group--flights", HUB, **(given | more))


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_no_person_has_a_name_by_which_they_get_a_shared_workspace(user: str, name: str) -> None:
    try:
        slug = entry(name).slug
    except ValueError:
        return
    assert slug != user_slug(user)
    assert len(f"fifteen-letter-{slug}") <= 63


@given(st.lists(st.tuples(st.text(min_size=1, max_size=40), st.text(max_size=20)), unique=True, max_size=20))
def test_servers_of_a_shared_workspace_have_names_of_their_own(servers: list[tuple[str, str]]) -> None:
    found = [server_name(user, server) for user, server in servers]
    assert len(set(found)) == len(servers)
    assert all(len(f"notebook-{name}") <= 63 for name in found)


def test_who_is_in_a_group_may_choose() -> None:
    both = [entry(), entry("Law", "teams/law", groups=["lawyers", "pilots"])]
    assert [each.name for each in mine(both, ["lawyers"])] == ["Law"]
    assert mine(both, []) == []
    assert form([], "") == ""
    html = form(mine(both, ["pilots"]), "Law")
    assert '<option value="Law" selected>Law</option>' in html
    assert "{{" not in form([entry("<b>{{ x }}</b>")], "")
    assert "<b>" not in form([entry("<b>{{ x }}</b>")], "")
    stale = form([], "Law")
    assert '<option value="">My own</option>' in stale
    assert "Law" not in stale
    assert chosen_in({"workspace": [""]}) == {"workspace": ""}
    assert chosen_in({"workspace": ["Law"]}) == {"workspace": "Law"}
    assert chosen_in({}) == {}


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([entry(), entry("Law", "teams/law")], None),
        ([entry(), entry("Law", "teams/flights2")], None),
        ([entry(), entry(prefix="teams/law")], "there twice"),
        ([entry(), entry("Law", "teams/flights/law")], "not apart from that of the workspace 'Law'"),
        ([entry(prefix="teams"), entry("Law", "teams/law")], "not apart"),
        ([entry(prefix="users/ada")], "not apart from that of s3.prefix"),
        ([entry(prefix="users")], "not apart from that of s3.prefix"),
        ([entry(prefix="groups")], "not apart from that of the shared folder 'course'"),
        ([entry(prefix="groups/course/x")], "not apart from that of the shared folder 'course'"),
    ],
)
def test_what_members_write_to_is_apart_from_all_else(entries: list[SharedWorkspaceValues], why: str | None) -> None:
    found = misfit(entries, {"course": "groups/course"}, "users")
    assert (found is None) if why is None else (why in (found or ""))


def test_each_member_has_accounts_rights_and_a_secret_of_their_own() -> None:
    made = workspace_manifests(shared())
    names = {(each["kind"], each["metadata"]["name"]) for each in made}
    assert {("ServiceAccount", "notebook-ada"), ("ServiceAccount", "executor-ada")} <= names
    [binding] = [each for each in made if each["kind"] == "RoleBinding" and each["metadata"]["name"] != "hub"]
    assert binding["metadata"]["name"] == "notebook-ada"
    assert [subject["name"] for subject in binding["subjects"]] == ["notebook-ada"]
    assert authentication_secret(shared(), "hush")["metadata"]["name"] == "spark-authentication-ada"
    others = workspace_manifests(shared("bob"))
    both = [each for each in made if each in others]
    assert {each["kind"] for each in both} == {"Namespace", "RoleBinding", "ResourceQuota", "LimitRange"}


def test_the_namespace_is_the_same_whichever_member_starts() -> None:
    one = namespace(shared(credentials="[default]"))
    assert one == namespace(shared("bob", credentials="[default]"))
    notes = one["metadata"]["annotations"]
    assert "spark-notebooks.io/user" not in notes
    assert notes["spark-notebooks.io/shared-workspace"] == "Flights"
    assert notes["allowed.spark-notebooks.io/secrets"] == "s3-credentials", "no member's secret is everybody's"


def stored(*people: str, **changes: Any) -> dict[str, Any]:
    found = namespace(shared())
    for user in people:
        found["metadata"]["annotations"] |= member_rules(shared(user))["metadata"]["annotations"]
    found["metadata"]["annotations"] |= changes
    return found


def test_the_token_service_knows_members_as_the_hub_writes_them() -> None:
    place = stored("ada", "Åsa *")
    bounds = identity.Bounds(["users"], workspaces=["teams/flights"])
    grant = identity.granted(place, str(HUB), bounds, user_slug("Åsa *"))
    assert (grant.user, grant.access.all) == ("Åsa *", ("teams/flights",))
    assert sorted(members(place["metadata"]["annotations"])) == ["ada", "Åsa *"]
    with pytest.raises(identity.StsError, match="not among the members"):
        identity.granted(place, str(HUB), bounds, "bob")
    assert member_rules(shared(), belongs=False)["metadata"]["annotations"] == {}


def test_a_shared_workspace_and_a_person_s_are_not_taken_for_each_other() -> None:
    own = Workspace("ada", "user-group--flights", HUB)
    assert foreign(stored(), shared()) is None
    assert "another workspace" in (foreign(stored(), own) or "")
    assert "another workspace" in (foreign(namespace(own), shared()) or "")
    assert "another workspace" in (foreign(stored(), shared(shared="Law")) or "")


def test_pods_of_a_member_reach_their_own_and_no_others() -> None:
    policies = {
        each["metadata"]["name"]: each["spec"] for each in workspace_manifests(shared(network=RULES))
        if each["kind"] == "NetworkPolicy"
    }  # fmt: skip
    assert set(policies) == {"workspace", "notebook", "job", "member-ada"}
    peer = {"podSelector": {"matchLabels": {"spark-notebooks.io/member": "ada"}}}
    mine_only = policies["member-ada"]
    assert mine_only["podSelector"] == peer["podSelector"]
    assert [rule["from"] for rule in mine_only["ingress"]] == [[peer]]
    assert [rule["to"] for rule in mine_only["egress"]] == [[peer]]
    assert policies["workspace"]["ingress"] == []
    assert {"podSelector": {}} not in [to for rule in policies["workspace"]["egress"] for to in rule["to"]]
    gone = {each["metadata"]["name"] for each in unwanted_manifests(shared(credentials="x"))}
    assert gone == {"workspace", "notebook", "job", "member-ada"}


def test_shared_folders_do_not_come_into_a_shared_workspace_by_its_manifests() -> None:
    share = Share("a", "groups/a", writable=True)
    notes = namespace(shared(shares=[share]))["metadata"]["annotations"]
    assert identity.granted(
        {"metadata": {"name": "n", "annotations": notes | member_rules(shared())["metadata"]["annotations"]}},
        str(HUB),
        identity.Bounds(["users"], {"groups/a": "write"}, ["teams/flights"]),
        "ada",
    ).access.all == ("teams/flights",)
