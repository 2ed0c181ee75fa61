"""Progress of Spark under the running cell: stages, tasks, failures, executors.

Spark's status tracker is asked, so there is no listener and no jar. A cell that ends before the first look costs a thread that sleeps; a cell
without Spark jobs shows nothing.
"""

from __future__ import annotations

import contextvars
import html
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spark_session.environment import is_unattended

if TYPE_CHECKING:
    from pyspark import SparkContext

SETTING = "spark.notebooks.cellProgress"
_FIRST_LOOK_SECONDS = 1.0
_SECONDS_BETWEEN = 1.0
_SHOWN_STAGES = 5


@dataclass(frozen=True)
class Stage:
    """A stage of a job.

    Args:
        stage_id: what Spark calls it.
        name: the call that made it.
        tasks: all its tasks; `active`, `completed` and `failed` of them.
    """

    stage_id: int
    name: str
    tasks: int
    active: int
    completed: int
    failed: int

    @property
    def running(self) -> bool:
        """Whether tasks of it run now."""
        return self.active > 0


@dataclass(frozen=True)
class Progress:
    """What Spark has done for a cell.

    Args:
        jobs: jobs of the cell so far.
        stages: their stages that have tasks to do, by id.
        executors: registered with the driver; None for local Spark.
        seconds: since the cell started.
    """

    jobs: int
    stages: tuple[Stage, ...]
    executors: int | None
    seconds: float

    @property
    def tasks(self) -> int:
        """All tasks."""
        return sum(stage.tasks for stage in self.stages)

    @property
    def completed(self) -> int:
        """Tasks that are done."""
        return sum(stage.completed for stage in self.stages)

    @property
    def failed(self) -> int:
        """Attempts of tasks that failed."""
        return sum(stage.failed for stage in self.stages)


def _count(number: int, one: str) -> str:
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def line(progress: Progress, *, over: bool) -> str:
    """One line of text."""
    tasks = _count(progress.tasks, "task") if over else f"{progress.completed:,} of {_count(progress.tasks, 'task')}"
    parts = [_count(progress.jobs, "job"), _count(len(progress.stages), "stage"), tasks]
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.executors is not None and not over:
        parts.append(_count(progress.executors, "executor"))
    return f"Spark: {' · '.join(parts)} · {_duration(progress.seconds)}"


def as_html(progress: Progress, *, over: bool) -> str:
    """The line, and while the cell runs a bar for each stage that works."""
    head = f'<div style="font-size: 90%; opacity: 0.75">{html.escape(line(progress, over=over))}</div>'
    if over:
        return head
    running = [stage for stage in progress.stages if stage.running]
    rows = "".join(_row(stage) for stage in running[:_SHOWN_STAGES])
    if (more := len(running) - _SHOWN_STAGES) > 0:
        rows += f'<tr><td colspan="3" style="text-align: left">and {_count(more, "stage")} more</td></tr>'
    return f'{head}<table style="font-size: 90%">{rows}</table>' if rows else head


def _row(stage: Stage) -> str:
    failed = f", {stage.failed} failed" if stage.failed else ""
    cells = (
        html.escape(f"Stage {stage.stage_id}: {stage.name}"),
        f'<progress value="{stage.completed}" max="{stage.tasks}" style="width: 16em"></progress>',
        f"{stage.completed:,} / {stage.tasks:,} ({stage.active} running{failed})",
    )
    return "<tr>" + "".join(f'<td style="text-align: left">{cell}</td>' for cell in cells) + "</tr>"


class Tracker:
    """Asks Spark how the jobs of one cell are getting on."""

    def __init__(self, context: SparkContext) -> None:
        self._tracker: Any = context._jsc.sc().statusTracker()
        self._local = str(context.master).startswith("local")
        self._jobs: set[int] = set()
        self._before = set(self._active_jobs())
        self._stages: dict[int, Stage] = {}
        self._started = time.monotonic()

    def look(self) -> Progress | None:
        """How it is now; None while the cell has started no job."""
        self._jobs |= set(self._active_jobs()) - self._before
        if not self._jobs:
            return None
        for job in self._jobs:
            info = self._tracker.getJobInfo(job)
            if info.isDefined():
                for stage_id in info.get().stageIds():
                    self._see(int(stage_id))
        executors = None if self._local else len(self._tracker.getExecutorInfos()) - 1
        stages = tuple(
            stage for _, stage in sorted(self._stages.items()) if stage.active or stage.completed or stage.failed
        )
        return Progress(len(self._jobs), stages, executors, time.monotonic() - self._started)

    def _active_jobs(self) -> Iterable[int]:
        return [int(job) for job in self._tracker.getActiveJobIds()]

    def _see(self, stage_id: int) -> None:
        info = self._tracker.getStageInfo(stage_id)
        if info.isEmpty():
            return
        stage = info.get()
        self._stages[stage_id] = Stage(
            *(stage_id, str(stage.name()), int(stage.numTasks())),
            *(int(stage.numActiveTasks()), int(stage.numCompletedTasks()), int(stage.numFailedTasks())),
        )


class CellProgress:
    """Shows the progress of each cell while it runs, through the hooks of IPython.

    Args:
        shell: IPython's shell in a Jupyter kernel.
        track: starts following the jobs of a cell.
    """

    def __init__(self, shell: Any, track: Callable[[], Tracker]) -> None:
        self._shell = shell
        self._track = track
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        shell.events.register("pre_run_cell", self._start)
        shell.events.register("post_run_cell", self._end)

    def close(self) -> None:
        """Stop showing."""
        for event, hook in (("pre_run_cell", self._start), ("post_run_cell", self._end)):
            # A session may end in the middle of a hook's own round, or with a shell that is gone.
            if hook in self._shell.events.callbacks.get(event, []):
                self._shell.events.unregister(event, hook)
        self._over.set()

    def _start(self, _info: Any = None) -> None:
        self._over = threading.Event()
        # The output belongs to this cell, which ipykernel keeps in a context variable.
        run = contextvars.copy_context().run
        self._thread = threading.Thread(
            target=run, args=(self._follow, self._over), name="spark-cell-progress", daemon=True
        )
        self._thread.start()

    def _end(self, _result: Any = None) -> None:
        self._over.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        self._thread = None

    def _follow(self, over: threading.Event) -> None:
        from py4j.protocol import Py4JError

        shown: Any = None
        try:
            tracker = self._track()
            while not over.wait(_SECONDS_BETWEEN if shown else _FIRST_LOOK_SECONDS):
                progress = tracker.look()
                if progress is not None:
                    shown = _show(shown, progress, over=False)
            if shown is not None and (progress := tracker.look()) is not None:
                _show(shown, progress, over=True)
        except (Py4JError, OSError, AttributeError):
            # The driver has ended, which the cell itself says.
            return


def _show(shown: Any, progress: Progress, *, over: bool) -> Any:
    import IPython.display

    display: Any = IPython.display.display
    bundle = {"text/plain": line(progress, over=over), "text/html": as_html(progress, over=over)}
    if shown is None:
        return display(bundle, raw=True, display_id=True)
    shown.update(bundle, raw=True)
    return shown


def attach(context: SparkContext) -> CellProgress | None:
    """Show the progress of cells from now on; None where nobody looks, and outside a Jupyter kernel, which alone can change what it has shown."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None or not hasattr(shell, "kernel") or is_unattended(os.environ):
        return None
    return CellProgress(shell, lambda: Tracker(context))
