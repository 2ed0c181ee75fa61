"""How far the executors are, as text, as HTML, in a terminal and in a log."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from spark_session.display import Log, Notebook, Nowhere, Terminal, choose, is_interactive
from spark_session.pods import Count, Ended, Executor, count
from spark_session.reasons import Kind, Reason
from spark_session.report import Report, Trouble, gather, line, page, text

QUOTA = Reason(Kind.QUOTA, "No room.", "It may have 4 pods.", "Ask for less.")
CRASH = Reason(Kind.CRASH, "It crashed.", "With <1>.", "Look.", log="line 1\nline <2>")
COMING = Report(Count(20, 12, 8, 3), 14.4)
READY = Report(Count(20, 20, 20, 20), 21.0)


def test_counting() -> None:
    one = Executor("a", "1", "Pending", created=0.0)
    executors = [
        one,
        replace(one, id="2", phase="Running", started=1.0),
        replace(one, id="3", phase="Running", started=1.0),
        replace(one, id="4"),  # the driver may know it before its pod is seen to run
        replace(one, id="5", leaving=True),
        replace(one, id="6", phase="Failed", ended=Ended(1, "Error", "")),
    ]
    assert count(5, executors, {"3", "4", "5"}) == Count(asked=5, created=4, running=3, registered=2)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (COMING, "20 executors asked for: 12 created, 8 running, 3 registered (14 s)"),
        (READY, "20 executors ready after 21 s."),
        (Report(Count(1, 1, 1, 1), 1.0), "1 executor ready after 1 s."),
        (replace(COMING, ended=True), "The session has ended."),
    ],
)
def test_one_line(report: Report, words: str) -> None:
    assert line(report) == words


def test_the_same_reason_of_several_executors_is_told_once() -> None:
    troubles = gather([QUOTA, CRASH, replace(CRASH, why="With <2>.")])
    assert troubles == (Trouble(replace(CRASH, why="With <2>."), 2), Trouble(QUOTA, 1))


def test_the_text_says_all() -> None:
    report = replace(COMING, troubles=(Trouble(QUOTA, 8),), past=(Trouble(CRASH, 2),), note="Little room.")
    assert text(report).splitlines() == [
        line(COMING),
        "Little room.",
        "No room. It may have 4 pods. Ask for less. (8 executors)",
        "It crashed. With <1>. Look.",
        "    line 1",
        "    line <2>",
    ]
    assert "Little room." not in text(replace(READY, note="Little room."))


def test_the_html_is_escaped() -> None:
    content = page(replace(COMING, troubles=(Trouble(CRASH, 2),), note="<i>"))
    assert "With &lt;1&gt;." in content
    assert "line &lt;2&gt;" in content
    assert "&lt;i&gt;" in content
    assert 'max="20" value="3"' in content
    assert "progress" not in page(READY)


def test_a_log_has_few_lines() -> None:
    stream = io.StringIO()
    log = Log(stream, pause=3600)
    for report in (
        COMING,
        replace(COMING, seconds=15.0),
        replace(COMING, troubles=(Trouble(QUOTA, 8),)),
        replace(COMING, troubles=(Trouble(replace(QUOTA, why="It may have 5 pods."), 8),)),
        READY,
        replace(READY, seconds=22.0),
    ):
        log.show(report)
    assert stream.getvalue().splitlines() == [
        line(COMING),
        "No room. It may have 4 pods. Ask for less. (8 executors)",
        line(COMING),
        line(READY),
    ]


def test_a_loss_after_all_were_ready_is_logged() -> None:
    stream = io.StringIO()
    log = Log(stream, pause=3600)
    log.show(READY)
    log.show(replace(COMING, past=(Trouble(CRASH),)))
    assert stream.getvalue().splitlines()[1] == "It crashed. With <1>. Look."


def test_a_terminal_has_one_line_that_is_rewritten() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)
    terminal.show(COMING)
    terminal.show(COMING)
    terminal.show(replace(COMING, seconds=15.0, troubles=(Trouble(QUOTA),)))
    terminal.show(READY)
    clear = "\r\x1b[K"
    assert stream.getvalue() == (
        f"{clear}{line(COMING)}{clear}No room. It may have 4 pods. Ask for less.\n"
        f"{line(replace(COMING, seconds=15.0))}{clear}{line(READY)}\n"
    )


class Shell:
    """As IPython's get_ipython() in a kernel."""

    kernel = object()


def test_the_display_fits_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(choose(enabled=False), Nowhere)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr("spark_session.display._shell", lambda: None)
    assert isinstance(choose(enabled=True), Log)
    assert not is_interactive()
    monkeypatch.setattr("spark_session.display._shell", Shell)
    assert isinstance(choose(enabled=True), Notebook)
    assert is_interactive()
    # The kernel of a notebook that is a job: nobody looks below its cells.
    monkeypatch.setenv("SPARK_SESSION_UNATTENDED", "1")
    assert isinstance(choose(enabled=True), Log)
    assert not is_interactive()
    monkeypatch.delenv("SPARK_SESSION_UNATTENDED")


def test_a_terminal_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("spark_session.display._shell", lambda: None)
    assert isinstance(choose(enabled=True), Terminal)
