"""When a session keeps a record of itself, and who decides."""

from pathlib import Path

from spark_session.steps.event_log import event_log

from .conftest import NOTEBOOK, MakeContext


def test_only_where_somebody_collects_it(make_context: MakeContext, tmp_path: Path) -> None:
    assert event_log(make_context()) == {}
    settings = event_log(make_context({**NOTEBOOK, "SPARK_SESSION_EVENT_LOGS": str(tmp_path)}))
    assert settings["spark.eventLog.enabled"].text == "true"
    assert settings["spark.eventLog.dir"].text == f"file://{tmp_path}"


def test_a_folder_that_is_gone_does_not_keep_a_session_from_starting(make_context: MakeContext, tmp_path: Path) -> None:
    assert event_log(make_context({**NOTEBOOK, "SPARK_SESSION_EVENT_LOGS": str(tmp_path / "gone")})) == {}


def test_the_administrator_turns_it_off(make_context: MakeContext, tmp_path: Path) -> None:
    variables = {**NOTEBOOK, "SPARK_SESSION_EVENT_LOGS": str(tmp_path)}
    assert event_log(make_context(variables, {"event_log": False})) == {}
