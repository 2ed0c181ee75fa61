"""Progress lines, locks and folders."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from dev import progress
from dev.locks import locked
from dev.paths import REPOSITORY, cache_folder, data_folder


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_log_gets_one_line_per_step() -> None:
    log = io.StringIO()
    with progress.step("Building", log) as step:
        for number in range(100):
            step.update(f"{number} of 100")
    (line,) = log.getvalue().splitlines()
    assert line.startswith("Building: done (")


def test_a_log_gets_a_sign_of_life_in_long_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LOG_LINES", 0)
    log = io.StringIO()
    with progress.step("Building", log) as step:
        step.update("1 of 2")
    assert [line.partition(" (")[0] for line in log.getvalue().splitlines()] == ["Building: 1 of 2", "Building: done"]


def test_a_terminal_sees_every_update_on_one_line() -> None:
    terminal = Terminal()
    with progress.step("Building", terminal) as step:
        step.update("1 of 2")
    assert terminal.getvalue().count("\n") == 1
    assert "\r\x1b[KBuilding: 1 of 2" in terminal.getvalue()


def test_a_step_that_fails_says_that_it_stopped() -> None:
    log = io.StringIO()
    with pytest.raises(KeyboardInterrupt), progress.step("Building", log):
        raise KeyboardInterrupt
    assert log.getvalue().startswith("Building: stopped")


def test_a_lock_is_waited_for_and_gone_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    script = f"from pathlib import Path\nfrom dev.locks import locked\nwith locked(Path({str(path)!r})):\n print('held', flush=True)\n input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with locked(path, waiting=holder.kill):
            assert holder.wait(timeout=10) == -9
    with locked(path, waiting=lambda: pytest.fail("nobody has it")):
        pass


def test_folders_follow_the_xdg_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", "/fast")
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/ignored")
    assert cache_folder() == Path("/fast/spark-notebooks")
    assert data_folder() == Path("/home/me/.local/share/spark-notebooks")
