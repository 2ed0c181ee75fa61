"""What a session's executors look like."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import ipywidgets
import pytest
from spark_session.control.scheduler import Registered, registered
from spark_session.control.table import Executor, Executors, merge
from spark_session.control.view import control, show_live, to_html, to_text
from spark_session.errors import SparkSessionError
from spark_session.executor_pods import is_overdue

from spark_session import steps

from .conftest import NOTEBOOK, MakeContext


def one(number: str, active: bool = True, **more: Any) -> Registered:
    values = {"address": f"10.0.0.{number}:7079", "cores": 1, "memory": 2**20, "running": 1, "done": 2, "failed": 0}
    return Registered(id=number, active=active, given=3, reason=more.pop("reason", ""), **(values | more))


def pod(number: str, phase: str, node: str | None = "node0") -> dict[str, Any]:
    spec = {} if node is None else {"nodeName": node}
    metadata = {"name": f"work-1-exec-{number}", "labels": {"spark-exec-id": number}}
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase}}


def test_what_spark_writes_about_an_executor() -> None:
    entry = {
        "id": "3",
        "hostPort": "10.0.0.3:7079",
        "isActive": False,
        "totalCores": 2,
        "memoryUsed": 5,
        "activeTasks": 0,
        "completedTasks": 7,
        "failedTasks": 1,
        "totalTasks": 8,
        "removeReason": "OOM",
    }
    assert registered(entry) == Registered("3", "10.0.0.3:7079", False, 2, 5, 0, 7, 1, 8, "OOM")
    assert registered({**entry, "removeReason": None}).reason == ""


def test_every_executor_is_one_row_whoever_knows_it() -> None:
    seen = [one("10"), one("2"), one("1", active=False, reason="killed\nby driver."), one("4"), one("5")]
    pods = [
        pod("2", "Running"),
        pod("10", "Running", "node1"),
        pod("11", "Pending"),
        pod("12", "Pending", None),
        pod("3", "Failed"),
        pod("4", "Running"),
    ]
    table = merge(seen, pods, {"4"}, "work-1")
    assert [(row.id, row.state) for row in table] == [
        ("1", "gone: killed by driver."), ("2", "running"), ("3", "gone"), ("4", "leaving"),
        ("5", "gone"), ("10", "running"), ("11", "starting"), ("12", "waiting"),
    ]  # fmt: skip
    assert [row.host for row in table][:2] == ["10.0.0.1", "node0"]
    assert table[0].pod == "work-1-exec-1"


def test_a_table_in_text_and_in_html() -> None:
    table = Executors([Executor("1", "<pod>", "node0", "running", 2, 3 * 2**20, 1, 20, 0)])
    assert repr(table).splitlines() == [
        "id  pod    host   state    cores  memory used  running  done  failed",
        "1   <pod>  node0  running  2      3.0 MiB      1        20    0",
    ]
    assert "&lt;pod&gt;" in table._repr_html_()
    assert to_text("A session", Executors()) == "A session"
    assert to_html("A & B", Executors()) == "<p>A &amp; B</p>"


def test_a_session_that_follows_the_work(make_context: MakeContext) -> None:
    context = make_context(min_executors=2, max_executors=20)
    assert context.bounds == (2, 20)
    assert context.executors == 2
    settings = steps.allocation(context)
    assert settings["spark.default.parallelism"].text == "20"
    assert not any(key.startswith("spark.dynamicAllocation.") for key in settings)
    assert make_context(min_executors=0, max_executors=3).executors == 1
    assert make_context(executors=3, max_executors=3).executors == 3
    assert make_context(admin={"max_executors": 7}, min_executors=1).bounds == (1, 7)
    assert make_context(executors=4).bounds is None


@pytest.mark.parametrize("conf", [True, "true", "TRUE"])
def test_sparks_own_dynamic_allocation(make_context: MakeContext, conf: object) -> None:
    context = make_context(conf={"spark.dynamicAllocation.enabled": conf}, min_executors=2, max_executors=20)
    found = {key: value.text for key, value in steps.allocation(context).items() if "dynamicAllocation" in key}
    assert found == {
        "spark.dynamicAllocation.minExecutors": "2",
        "spark.dynamicAllocation.maxExecutors": "20",
        "spark.dynamicAllocation.initialExecutors": "2",
        "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    }


def test_pods_are_the_sessions_to_delete(make_context: MakeContext) -> None:
    found = steps.allocation(make_context(NOTEBOOK))
    assert found["spark.kubernetes.executor.deleteOnTermination"].text == "false"


class Held:
    """A cluster as the view sees it."""

    target = 2
    ended = False

    def __init__(self) -> None:
        self.asked: list[int] = []

    def wait_for_end(self, seconds: float) -> bool:
        return True

    def scale(self, executors: int) -> None:
        if executors > 5:
            raise SparkSessionError("executors=6 is more than you may have.", "The limit is 5.", "Ask for <5.")
        self.asked.append(executors)

    def _repr_html_(self) -> str:
        return f"<p>{self.asked}</p>"

    def __repr__(self) -> str:
        return f"asked: {self.asked}"


def test_the_control_in_a_notebook_scales_and_says_what_is_refused() -> None:
    held = Held()
    box = control(held, ipywidgets)
    (number, button), said, figures = box.children[0].children, box.children[1], box.children[2]
    assert number.value == 2
    number.value = 4
    button.click()
    assert held.asked == [4]
    assert figures.value == "<p>[4]</p>"
    number.value = 6
    button.click()
    assert held.asked == [4]
    assert said.value == "executors=6 is more than you may have. The limit is 5. Ask for &lt;5."


def test_outside_of_a_notebook_it_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    show_live(Held())
    assert capsys.readouterr().out == "asked: []\n"


@pytest.mark.parametrize(
    ("due", "overdue"), [(None, False), ("2026-11-21T02:00:30Z", False), ("2026-11-21T02:00:05Z", True)]
)
def test_a_pod_whose_node_does_nothing_is_overdue(due: str | None, overdue: bool) -> None:
    now = datetime.fromisoformat("2026-11-21T02:00:31Z").timestamp()
    metadata = {"name": "a"} if due is None else {"name": "a", "deletionTimestamp": due}
    assert is_overdue({"metadata": metadata}, now) is overdue
