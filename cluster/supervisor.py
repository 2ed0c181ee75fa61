"""Keeps the node's components running: starts, watches, restarts and ends them."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Container
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NoReturn

from cluster.components import Component
from cluster.probe import answers

LONGEST_PAUSE = 5.0  # seconds before a component that keeps dying is started again


@dataclass
class Status:
    """What the host is told of a component.

    `pid` is None while it does not run; `failures` counts its unwanted ends since it was last ready (all of them, where nothing but its
    running says that it is); `done` says that it is not started again.
    """

    pid: int | None = None
    ready: bool = False
    failures: int = 0
    done: bool = False
    due: float = field(default=0.0)


class Supervisor:
    """Starts the components, each after those that it needs; starts again what dies; reaps what other processes leave behind."""

    def __init__(self, wanted: tuple[Component, ...], logs: Path, state: Path) -> None:
        self._components = {component.name: component for component in wanted}
        self._status = {name: Status() for name in self._components}
        # Popen objects must live as long as their processes: a collected one would be reaped behind our back.
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs = logs
        self._state = state
        self._started = time.time()
        self._written = ""

    def run(self) -> NoReturn:
        """Until SIGTERM, which the caller lets arrive as KeyboardInterrupt."""
        # A child's end writes a byte into the pipe, so none is missed between looking and sleeping.
        awake, wake = os.pipe()
        os.set_blocking(awake, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            self._reap()
            for name in self._components:
                self._advance(name)
            self._write_state()
            if select.select([awake], [], [], self._pause())[0]:
                os.read(awake, 4096)

    def end(self, names: Container[str], timeout: float) -> None:
        """Tell those components to end, and wait for that for up to `timeout` seconds."""
        for name, status in self._status.items():
            if name in names and status.pid:
                _say(f"{name} is told to end")
                os.kill(status.pid, signal.SIGTERM)
        self.wait(lambda: not any(status.pid for name, status in self._status.items() if name in names), timeout)

    def wait(self, condition: Callable[[], bool], timeout: float) -> None:
        """Until the condition holds, or for `timeout` seconds, with nothing started again meanwhile."""
        deadline = time.monotonic() + timeout
        while not condition() and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.02)

    def _advance(self, name: str) -> None:
        component, status = self._components[name], self._status[name]
        if status.pid is None and not status.done:
            if time.monotonic() >= status.due and all(self._status[needed].ready for needed in component.after):
                self._start(component)
        elif status.pid and not status.ready and not component.once:
            status.ready = not component.ready or answers(component.ready)
            if status.ready:
                _say(f"{name} is ready")
                status.failures = 0 if component.ready else status.failures

    def _start(self, component: Component) -> None:
        with (self._logs / f"{component.name}.log").open("ab") as log:
            try:
                process = subprocess.Popen(component.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
            except OSError as error:
                self._failed(component.name, str(error))
                return
        self._processes[component.name] = process
        self._status[component.name].pid = process.pid
        _say(f"{component.name} started, process {process.pid}")

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            name = next((name for name, known in self._status.items() if known.pid == pid), None)
            if name is not None:
                self._ended(name, os.waitstatus_to_exitcode(status))

    def _ended(self, name: str, code: int) -> None:
        status = self._status[name]
        self._processes.pop(name).returncode = code
        status.pid, status.ready = None, False
        if self._components[name].once and code == 0:
            status.done = status.ready = True
            _say(f"{name} is done")
            return
        if not self._components[name].again:
            status.done = True
            _say(f"{name} ended with {code} and stays away")
            return
        self._failed(name, f"ended with {code}")

    def _failed(self, name: str, what: str) -> None:
        status = self._status[name]
        status.failures += 1
        pause = min(0.1 * 2**status.failures, LONGEST_PAUSE)
        status.due = time.monotonic() + pause
        _say(f"{name}: {what}; starting it again in {pause:.1f} s")

    def _pause(self) -> float | None:
        settled = all(status.ready or status.done for status in self._status.values())
        return None if settled else 0.1

    def _write_state(self) -> None:
        fields = {
            name: {k: v for k, v in asdict(status).items() if k != "due"} for name, status in self._status.items()
        }
        text = json.dumps({"started": self._started, "components": fields}, indent=2)
        if text == self._written:
            return
        temporary = self._state.with_suffix(".new")
        temporary.write_text(text)
        temporary.replace(self._state)
        self._written = text


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
