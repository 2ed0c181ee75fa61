"""How far a session's executors have come, as text and as HTML. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass

from spark_session.pods import Count
from spark_session.reasons import Reason

MOST_TROUBLES = 4


@dataclass(frozen=True)
class Trouble:
    """A reason, and for how many executors it holds."""

    reason: Reason
    executors: int = 1


@dataclass(frozen=True)
class Report:
    """What there is to tell.

    Args:
        count: how far the executors have come.
        seconds: since they were asked for; when they are ready, how long that took.
        troubles: what stands in the way, the most frequent first.
        past: what happened to executors that are gone.
        note: a sentence on the size of the session, from before its start.
        ended: the session is over.
    """

    count: Count
    seconds: float = 0.0
    troubles: tuple[Trouble, ...] = ()
    past: tuple[Trouble, ...] = ()
    note: str = ""
    ended: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether nothing is awaited any more."""
        return self.count.is_complete and not self.troubles


def gather(reasons: Iterable[Reason]) -> tuple[Trouble, ...]:
    """Reasons of one kind and one sentence are one trouble of several executors; the most frequent first."""
    found: dict[tuple[object, str], Trouble] = {}
    for reason in reasons:
        key = (reason.kind, reason.what)
        before = found.get(key)
        found[key] = Trouble(reason, 1 if before is None else before.executors + 1)
    return tuple(sorted(found.values(), key=lambda trouble: -trouble.executors)[:MOST_TROUBLES])


def line(report: Report) -> str:
    """One line."""
    count, seconds = report.count, f"{round(report.seconds)} s"
    if report.ended:
        return "The session has ended."
    if count.is_complete:
        return f"{_executors(count.registered)} ready after {seconds}."
    return (
        f"{_executors(count.asked)} asked for: {count.created} created, {count.running} running, "
        f"{count.registered} registered ({seconds})"
    )


def text(report: Report) -> str:
    """The line and what stands in the way."""
    return "\n".join([line(report), *notes(report), *(sentence(trouble) for trouble in report.troubles + report.past)])


def notes(report: Report) -> list[str]:
    """What is worth a word while it is not over."""
    return [] if not report.note or report.count.is_complete or report.ended else [report.note]


def sentence(trouble: Trouble) -> str:
    """A trouble in words."""
    times = f" ({trouble.executors} executors)" if trouble.executors > 1 else ""
    return f"{trouble.reason}{times}" if not trouble.reason.log else str(trouble.reason)


def page(report: Report) -> str:
    """HTML in JupyterLab's own colours."""
    count = report.count
    steps = "" if count.is_complete or report.ended else "".join(
        f'<td style="text-align:left;padding:0 1em 0 0">{name} <b>{number}</b></td>'
        for name, number in (
            ("asked", count.asked), ("created", count.created), ("running", count.running), ("registered", count.registered),
        )
    )  # fmt: skip
    bar = "" if not steps else (
        f'<progress max="{max(count.asked, 1)}" value="{count.registered}" style="width:12em"></progress>'
        f"<table><tbody><tr>{steps}</tr></tbody></table>"
    )  # fmt: skip
    parts = [f"<div>{html.escape(line(report))}</div>", bar]
    parts += [f"<div>{html.escape(note)}</div>" for note in notes(report)]
    parts += [_block(trouble, "var(--jp-error-color1, #d32f2f)") for trouble in report.troubles]
    parts += [_block(trouble, "var(--jp-warn-color1, #f57c00)") for trouble in report.past]
    return f'<div style="font-family:var(--jp-ui-font-family, sans-serif)">{"".join(parts)}</div>'


def _block(trouble: Trouble, colour: str) -> str:
    reason = trouble.reason
    times = f" ({trouble.executors} executors)" if trouble.executors > 1 else ""
    log = f"<pre>{html.escape(reason.log)}</pre>" if reason.log else ""
    return (
        f'<div style="border-left:3px solid {colour};padding-left:0.6em;margin:0.4em 0"><b>{html.escape(reason.what)}</b>{times} '
        f"{html.escape(reason.why)}<br>{html.escape(reason.fix)}{log}</div>"
    )


def _executors(number: int) -> str:
    return f"{number} executor" if number == 1 else f"{number} executors"
