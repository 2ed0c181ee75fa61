"""Profiles: which one is meant, and what it makes of a session."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spark_session.context import Context
from spark_session.control.arguments import number
from spark_session.errors import SparkSessionError
from spark_session.node_share import MIB, Node, share
from spark_session.placement import DRIVERS, EXECUTORS, Offered, Profiles, parse_profiles, taint
from spark_session.plan import Plan, build
from spark_session.pod_template import executor_pod
from spark_session.reasons import unschedulable
from spark_session.settings import Source, texts
from spark_session.shape import manifest, shape

from spark_session import head_start, steps

from .conftest import MakeContext

SELECTOR = "spark.kubernetes.executor.node.selector."
GRACE = "spark.kubernetes.executor.terminationGracePeriodSeconds"
PROFILES: dict[str, Any] = {
    "spot": {
        "description": "Cheap nodes that may go.",
        "roles": ["executors"],
        "node_selector": {"node.example.org/pool": "spot"},
        "tolerations": [{"key": "spot", "operator": "Equal", "value": "true", "effect": "NoSchedule"}],
        "layout": "spread",
        "spot": True,
        "max_executors": 100,
    },
    "large": {
        "description": "Nodes with 16 cores.",
        "roles": ["executors"],
        "layout": "pack",
        "node": {
            "cpu": 15.89,
            "memory": "60Gi",
            "executors": 4,
            "reserved": {"cpu": "500m", "memory": "2Gi"},
        },
    },
    "steady": {"description": "Nodes that stay.", "roles": ["executors", "drivers"], "node_selector": {"pool": "steady"}},
    "drivers": {"description": "For what must not go.", "roles": ["drivers"]},
}  # fmt: skip
ADMIN = {"profiles": PROFILES, "executor_profile": "steady", "max_executors": 20}


def plan(make_context: MakeContext, admin: dict[str, Any] | None = None, **arguments: Any) -> Plan:
    return build(make_context(admin=ADMIN if admin is None else admin, **arguments))


def template(context: Context) -> dict[str, Any]:
    spec: dict[str, Any] = executor_pod(context)["spec"]
    return spec


def test_a_profile_chooses_the_nodes_and_explain_says_so(make_context: MakeContext) -> None:
    made = plan(make_context, profile="spot")
    assert made.settings[f"{SELECTOR}node.example.org/pool"].text == "spot"
    assert made.settings[f"{SELECTOR}node.example.org/pool"].source is Source.PROFILE
    rows = made.rows()
    assert rows[0] == ("user", "profile", "spot: Cheap nodes that may go.")
    assert ("profile", "tolerations", "spot=true:NoSchedule") in rows
    assert ("profile", "layout", "spread") in rows
    assert ("profile", f"{SELECTOR}node.example.org/pool", "spot") in rows


def test_the_default_is_used_where_none_is_named(make_context: MakeContext) -> None:
    made = plan(make_context)
    assert made.settings[f"{SELECTOR}pool"].text == "steady"
    assert made.rows()[0] == ("admin", "profile", "steady: Nodes that stay.")


def test_without_profiles_nothing_is_chosen(make_context: MakeContext) -> None:
    made = plan(make_context, {})
    assert not [key for key in made.settings if key.startswith(SELECTOR)]
    assert GRACE not in made.settings
    assert not [row for row in made.rows() if row[1] == "profile"]
    assert {"tolerations", "affinity", "topologySpreadConstraints"}.isdisjoint(template(make_context()))


def test_what_is_not_offered_is_refused_with_what_is(make_context: MakeContext) -> None:
    with pytest.raises(SparkSessionError) as refusal:
        plan(make_context, profile="gpu")
    assert str(refusal.value) == (
        "profile='gpu' is not among your profiles. Your administrator offers you for executors: \"spot\" (Cheap nodes that may go); "
        '"large" (Nodes with 16 cores); "steady" (Nodes that stay). For example profile="spot".'
    )
    with pytest.raises(SparkSessionError, match="profile='drivers' is not for executors"):
        plan(make_context, profile="drivers")
    with pytest.raises(SparkSessionError, match=r"offers you none for executors\. Leave profile= out"):
        plan(make_context, {}, profile="spot")


@pytest.mark.parametrize("value", ["", "  ", 3, True, ["spot"]])
def test_what_is_no_name_is_refused(make_context: MakeContext, value: object) -> None:
    with pytest.raises(SparkSessionError, match="is not the name of a profile"):
        make_context(admin=ADMIN, profile=value)


def test_on_a_laptop_without_profiles_a_name_has_no_effect(make_context: MakeContext) -> None:
    assert make_context({}, profile="spot").profile is None
    assert build(make_context({}, profile="spot")).settings["spark.master"].text == "local[*]"


def test_a_laptop_that_knows_the_profiles_refuses_as_the_workspace_will(make_context: MakeContext) -> None:
    with pytest.raises(SparkSessionError, match="not among your profiles"):
        build(make_context({}, admin=ADMIN, profile="gpu"))
    assert not [
        key for key in build(make_context({}, admin=ADMIN, profile="spot")).settings if key.startswith(SELECTOR)
    ]


def test_spot_hands_on_in_time(make_context: MakeContext) -> None:
    made = plan(make_context, profile="spot")
    expected = {
        GRACE: "120s",
        "spark.executor.decommission.killInterval": "120s",
        "spark.decommission.enabled": "true",
        "spark.storage.decommission.enabled": "true",
        "spark.storage.decommission.replicationReattemptInterval": "5s",
    }
    for key, text in expected.items():
        assert (made.settings[key].text, made.settings[key].source) == (text, Source.PROFILE)
    other = plan(make_context, profile="steady").settings
    assert other["spark.decommission.enabled"].source is Source.DEFAULT
    assert GRACE not in other


def test_the_time_for_an_end_can_be_said(make_context: MakeContext) -> None:
    for spot in (True, False):
        profiles = {"short": {"description": "x", "spot": spot, "termination_grace_period_seconds": 25}}
        assert plan(make_context, {"profiles": profiles}, profile="short").settings[GRACE].text == "25s"


def test_a_profile_is_more_particular_than_spark_conf_and_less_than_the_call(make_context: MakeContext) -> None:
    conf = {"spark.decommission.enabled": False, f"{SELECTOR}pool": "any", f"{SELECTOR}zone": "a"}
    admin = ADMIN | {"conf": conf}
    spot = plan(make_context, admin, profile="spot").settings
    assert spot["spark.decommission.enabled"].text == "true"
    assert (spot[f"{SELECTOR}pool"].text, spot[f"{SELECTOR}zone"].text) == ("any", "a")
    steady = plan(make_context, admin).settings
    assert steady["spark.decommission.enabled"].text == "false"
    assert (steady[f"{SELECTOR}pool"].text, steady[f"{SELECTOR}zone"].text) == ("steady", "a")
    own = plan(make_context, admin, profile="spot", conf={"spark.decommission.enabled": False}).settings
    assert (own["spark.decommission.enabled"].text, own["spark.decommission.enabled"].source) == ("false", Source.USER)


def test_nodes_are_no_setting_of_the_call(make_context: MakeContext) -> None:
    with pytest.raises(SparkSessionError, match=r"Use profile=; spark_session.profiles\(\) lists"):
        plan(make_context, conf={f"{SELECTOR}pool": "mine"})


def test_taints_and_a_spread_are_in_the_pod(make_context: MakeContext) -> None:
    spec = template(make_context(admin=ADMIN, profile="spot"))
    assert spec["tolerations"] == PROFILES["spot"]["tolerations"]
    assert spec["topologySpreadConstraints"] == [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"spark-notebooks.io/session": "0123abcd"}},
        }
    ]
    assert "affinity" not in spec


def test_a_pack_is_a_wish_to_be_near_the_sessions_own(make_context: MakeContext) -> None:
    spec = template(make_context(admin=ADMIN, profile="large"))
    assert "topologySpreadConstraints" not in spec
    assert spec["affinity"] == {
        "podAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 100,
                    "podAffinityTerm": {
                        "topologyKey": "kubernetes.io/hostname",
                        "labelSelector": {"matchLabels": {"spark-notebooks.io/session": "0123abcd"}},
                    },
                }
            ]
        }
    }


def test_the_pod_that_is_tried_out_has_all_of_it(make_context: MakeContext) -> None:
    spec = manifest(plan(make_context, profile="spot"), "uid")["spec"]
    assert spec["nodeSelector"] == {"node.example.org/pool": "spot"}
    assert spec["tolerations"] == PROFILES["spot"]["tolerations"]


def test_the_size_follows_from_the_node(make_context: MakeContext) -> None:
    made = plan(make_context, profile="large")
    found = {key: (value.text, value.source) for key, value in made.settings.items()}
    # (15.89 - 0.5) / 4 cores and (60 - 2) / 4 GiB each, of which 40 % of the heap is overhead
    assert found["spark.kubernetes.executor.request.cores"] == ("3847m", Source.PROFILE)
    assert found["spark.executor.cores"] == ("4", Source.PROFILE)
    assert found["spark.executor.memory"] == ("10606m", Source.PROFILE)
    assert shape(made.settings).memory_mib <= 58 * 1024 // 4
    assert found["spark.default.parallelism"][0] == "8"


def test_what_the_call_asks_for_wins_over_the_node(make_context: MakeContext) -> None:
    made = plan(make_context, profile="large", cores=2).settings
    assert texts(made)["spark.executor.cores"] == "2"
    assert texts(made)["spark.kubernetes.executor.request.cores"] == "2"
    assert made["spark.executor.cores"].source is Source.USER
    assert made["spark.executor.memory"].source is Source.PROFILE
    assert texts(plan(make_context, profile="large", memory="2g").settings)["spark.executor.memory"] == "2g"


def test_limits_are_for_what_people_ask_and_not_for_the_administrators_own(make_context: MakeContext) -> None:
    admin = ADMIN | {"max_executor_cores": 2, "max_executor_memory": "4g", "executor_cpu_request": 0.1}
    made = texts(plan(make_context, admin, profile="large").settings)
    assert made["spark.kubernetes.executor.request.cores"] == "3847m"
    for asked in ({"cores": 3}, {"memory": "5g"}):
        with pytest.raises(SparkSessionError, match="is more than you may have"):
            plan(make_context, admin, profile="large", **asked)


def test_executors_that_have_their_own_cores_need_no_head_start(make_context: MakeContext) -> None:
    context = make_context(admin=ADMIN | {"executor_cpu_request": 0.1}, profile="large", executors=20)
    assert head_start.first_executors(context) == 20


def test_a_profile_has_a_limit_of_its_own(make_context: MakeContext) -> None:
    assert plan(make_context, profile="spot", executors=100).settings["spark.executor.instances"].text == "100"
    with pytest.raises(SparkSessionError, match=r'executors=101 .* limit of the profile "spot" is 100'):
        plan(make_context, profile="spot", executors=101)
    with pytest.raises(SparkSessionError, match=r"executors=21 .* limit is 20\."):
        plan(make_context, profile="large", executors=21)
    assert make_context(admin=ADMIN, profile="spot", min_executors=1).bounds == (1, 100)
    assert number("executors", 100, make_context(admin=ADMIN, profile="spot")) == 100
    with pytest.raises(SparkSessionError):
        number("executors", 21, make_context(admin=ADMIN))


def test_nodes_that_are_too_small_are_said(make_context: MakeContext) -> None:
    profiles = {"tiny": {"description": "x", "node": {"cpu": 1, "memory": "1Gi", "executors": 2}}}
    with pytest.raises(
        SparkSessionError,
        match=r'profile "tiny" would be too small\. 2 of them on one node leave each 0.5 cores and 512 MiB',
    ):
        plan(make_context, {"profiles": profiles}, profile="tiny")
    assert "too small" in repr(Profiles(Offered(parse_profiles(profiles)), 0.4))


@given(
    cpu=st.integers(1, 256_000), memory=st.integers(1, 4 * 1024), executors=st.integers(1, 64),
    factor=st.sampled_from([0.0, 0.1, 0.2, 0.4, 1.0, 2.5]),
)  # fmt: skip
def test_as_many_executors_fit_on_a_node_as_should_and_none_could_be_larger(
    cpu: int, memory: int, executors: int, factor: float
) -> None:
    node = Node(Decimal(cpu) / 1000, Decimal(memory) * 64 * MIB, executors)
    found = share(node, factor)

    def taken(heap: int) -> int:
        return heap + max(int(Decimal(str(factor)) * heap), 384)

    assert executors * Decimal(str(found.cores)) <= node.cpu
    assert executors * found.memory_mib * MIB <= node.memory
    if found.heap_mib > 0:
        assert taken(found.heap_mib) <= found.memory_mib < taken(found.heap_mib + 1)


@pytest.mark.parametrize(
    ("cores", "tasks"), [("0.3", 1), ("0.99", 1), ("1.5", 1), ("1.74", 1), ("1.75", 2), ("3.84", 4), ("16", 16)]
)
def test_daemons_do_not_cost_each_executor_a_task(cores: str, tasks: int) -> None:
    assert share(Node(Decimal(cores), Decimal(2**33)), 0.4).tasks == tasks


@pytest.mark.parametrize(
    "wrong", [{"a": "text"}, {"a": {"node": {"cpu": 1}}}, {"a": {"node": {"cpu": "many", "memory": "1Gi"}}}, {"a": {"node_selector": 3}}]
)  # fmt: skip
def test_what_cannot_be_read_is_said(make_context: MakeContext, wrong: dict[str, Any]) -> None:
    with pytest.raises(SparkSessionError):
        make_context(admin={"profiles": wrong})


def test_a_newer_chart_may_know_more() -> None:
    assert parse_profiles({"a": {"description": "x", "moon": "full"}})["a"].description == "x"


def test_roles_are_chosen_apart() -> None:
    offered = Offered(parse_profiles(PROFILES), {EXECUTORS: "steady", DRIVERS: "drivers"})
    chosen = [offered.choose(role, None, "profile") for role in (EXECUTORS, DRIVERS)]
    assert [each.name for each in chosen if each] == ["steady", "drivers"]
    assert Offered().choose(DRIVERS, None, "profile") is None
    with pytest.raises(SparkSessionError, match="driver_profile='spot' is not for drivers"):
        offered.choose(DRIVERS, "spot", "driver_profile")


@pytest.mark.parametrize(
    ("toleration", "text"),
    [
        ({"key": "a", "operator": "Exists"}, "a"),
        ({"key": "a", "operator": "Exists", "effect": "NoSchedule"}, "a:NoSchedule"),
        ({"key": "a", "value": "b", "effect": "NoExecute"}, "a=b:NoExecute"),
    ],
)
def test_a_taint_in_words(toleration: dict[str, Any], text: str) -> None:
    assert taint(toleration) == text


def test_profiles_are_a_table() -> None:
    offered = Offered(parse_profiles(PROFILES), {EXECUTORS: "steady", DRIVERS: "drivers"})
    listed = Profiles(offered, 0.4)
    assert [profile.name for profile in listed] == list(PROFILES)
    lines = repr(listed).splitlines()
    assert lines[0].split() == ["profile", "for", "executor", "at", "most", "description"]
    assert lines[1].split("  ")[-1] == "Cheap nodes that may go."
    assert "3.847 cores, 10606m heap" in lines[2]
    assert "executors (default), drivers" in lines[3]
    assert "<td>drivers (default)</td>" in listed._repr_html_()
    assert "offers no profiles" in repr(Profiles(Offered(), 0.4))


def test_a_description_is_text_and_not_html() -> None:
    listed = Profiles(Offered(parse_profiles({"a": {"description": "<b>x</b>"}})), 0.4)
    assert "<b>" not in listed._repr_html_()


def test_who_waits_for_a_node_of_a_profile_is_told_of_it(make_context: MakeContext) -> None:
    size = shape(plan(make_context).settings)
    for message in (
        "0/3 nodes are available: 3 Insufficient cpu.",
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
    ):
        text = str(unschedulable(message, size, "spot"))
        assert 'Only nodes of the profile "spot" will do.' in text
        assert "spark_session.profiles() lists other kinds of nodes." in text
        assert "profile" not in str(unschedulable(message, size))


def test_the_step_says_nothing_on_a_laptop(make_context: MakeContext) -> None:
    assert steps.placement(make_context({}, admin=ADMIN)) == {}
