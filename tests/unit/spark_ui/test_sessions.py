"""What lists tell of sessions."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from spark_session.processes import start_time
from spark_session.records import Record
from spark_ui import pages, sessions, stopping
from spark_ui.history_server import has_looked, properties, server_settings

from spark_session import records

RECORD = Record("0a1b2c3d", "rivers", "spark-1", os.getpid(), 1, 4040, 1000.0, None)


def executor(identity: str, *, active: bool = True, tasks: int = 0, failed: int = 0) -> dict[str, object]:
    return {"id": identity, "isActive": active, "activeTasks": tasks, "failedTasks": failed}


def test_executors_are_counted_without_the_driver() -> None:
    listed = [executor("driver", tasks=1), executor("1", tasks=2, failed=1), executor("2", active=False)]
    assert sessions.executors(listed, 3) == sessions.Executors(alive=1, asked=3, tasks=3, failed_tasks=1)


def test_a_session_runs_while_its_driver_lives(tmp_path: Path) -> None:
    variables = {records.FOLDER_VARIABLE: str(tmp_path)}
    records.write(tmp_path, replace(RECORD, jvm=None))
    assert sessions.find(variables, RECORD.session_id) is None
    with subprocess.Popen(["sleep", "60"]) as process:
        records.write(tmp_path, replace(RECORD, jvm=process.pid, jvm_started=start_time(process.pid)))
        assert sessions.find(variables, RECORD.session_id) is not None
        assert sessions.find(variables, "00000000") is None
        records.write(tmp_path, replace(RECORD, jvm=process.pid, jvm_started=1))
        assert sessions.find(variables, RECORD.session_id) is None, "another process that got the number"
        records.write(tmp_path, replace(RECORD, jvm=process.pid))
        process.kill()
    assert sessions.running(variables) == []


def test_only_sessions_of_its_own_end_with_a_server() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        of_child = replace(RECORD, process=child.pid)
        of_init = replace(RECORD, process=1)
        assert stopping.of_this_server([of_child, of_init], os.getpid()) == [of_child]
        child.kill()


def test_pages_escape_what_they_show() -> None:
    page = pages.render(pages.no_ui("<script>alert(1)</script>"))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "refresh" not in page
    assert 'content="1"' in pages.render(pages.Notice("a", "b", "c", reload=1))


def test_settings_of_the_history_server() -> None:
    settings = server_settings("s3://notebooks/users/ada/", 18080, 90)
    assert settings["spark.history.fs.logDirectory"] == "s3a://notebooks/users/ada/.spark-history"
    assert settings["spark.history.fs.cleaner.maxAge"] == "90d"
    assert properties({"a": "b\\c\nd"}) == "a b\\\\c\\nd\n"


def test_a_history_server_that_has_not_looked_yet_is_not_shown() -> None:
    assert not has_looked("<h4>No completed applications found!</h4>", patient=True)
    busy = '<span id="last-updated"></span> 2 event log(s) currently being\n processed'
    assert not has_looked(busy, patient=True)
    assert has_looked(busy, patient=False)
    assert has_looked('<span id="last-updated"></span>', patient=True)
