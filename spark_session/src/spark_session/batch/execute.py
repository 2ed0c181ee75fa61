"""Runs a notebook by papermill, prints what its cells print, and ends with 0, or as the cell that failed says.

    python -m spark_session.batch.execute SOURCE EXECUTED WORDS PARAMETERS

SOURCE is the notebook's file, EXECUTED is written after each cell, and every 30 seconds within one; WORDS is written where a cell failed: which, and why.
"""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spark_session.another_try import TRY_AGAIN
from spark_session.batch.outcome import KILLED, TERMINATED
from spark_session.errors import TryAgainError, first_line

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_MOST_CODE = 255


class Execution:
    """One run of a notebook. A SIGTERM interrupts the running cell, as the stop button of JupyterLab does."""

    def __init__(self) -> None:
        from jupyter_client.manager import AsyncKernelManager

        # The image has this one. A notebook may name another, of the machine that it was written on.
        # Its sockets are files of a private folder, not ports.
        sockets = Path(tempfile.mkdtemp(prefix="kernel-")) / "ipc"
        self.kernel: Any = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=str(sockets))
        self.cell: Any = None
        self.asked_to_end = False

    def run(self, source: Path, executed: Path, parameters: dict[str, object]) -> tuple[int, str]:
        """Exit code, and what there is to say of a cell that failed.

        Args:
            source: the notebook.
            executed: where to save it, with its outputs.
            parameters: by their names.
        """
        import nbformat
        from jupyter_core.utils import run_sync
        from nbclient.exceptions import DeadKernelError
        from papermill import execute_notebook
        from papermill.exceptions import PapermillExecutionError

        # It warns of parameters that it does not find in the cell, but it does not see all: batch/notebook.py has looked.
        logging.getLogger("papermill").setLevel(logging.ERROR)
        signal.signal(signal.SIGTERM, self._end)
        try:
            execute_notebook(
                nbformat.read(source, as_version=4), executed, parameters, kernel_name="python3", language="python",
                progress_bar=False, stdout_file=sys.stdout, stderr_file=sys.stderr, km=self.kernel,
                on_cell_execute=self._begins, on_cell_executed=_print_result,
            )  # fmt: skip
        except PapermillExecutionError as error:
            print(_COLOURS.sub("", "\n".join(error.traceback)), file=sys.stderr)
            code = TERMINATED if self.asked_to_end else exit_code(error.ename, error.evalue)
            return code, self._words(error.ename, error.evalue)
        except DeadKernelError:
            why = "its Python died, most often because it used more memory than there is. Give the job more with --driver-memory."
            return KILLED, self._words("", why)
        finally:
            if self.kernel.has_kernel:
                run_sync(self.kernel.shutdown_kernel)(now=self.asked_to_end)
        return 0, ""

    def _end(self, *_: object) -> None:
        self.asked_to_end = True
        if self.cell is None:
            raise SystemExit(TERMINATED)
        # The kernel alone, not its group, which Spark's driver is in. One that runs no cell takes no notice.
        os.kill(self.kernel.provisioner.pid, signal.SIGINT)

    def _begins(self, cell: Any, cell_index: int) -> None:
        del cell_index
        if self.asked_to_end:  # between two cells, when there was nothing to interrupt
            raise SystemExit(TERMINATED)
        self.cell = cell

    def _words(self, name: str, value: str) -> str:
        lines = [line.strip() for line in self.cell.source.splitlines() if line.strip()] if self.cell else [""]
        where = f"Cell In [{self.cell.execution_count}]" if self.cell and self.cell.execution_count else "A cell"
        if self.asked_to_end:
            return f"Something asked it to end (SIGTERM) in {where[0].lower()}{where[1:]}, {lines[0]!r}."
        said = ": ".join(filter(None, (name, first_line(_COLOURS.sub("", value), 500))))
        return f"{where} failed, {first_line(lines[0], 200)!r}: {said}"


def exit_code(name: str, value: str) -> int:
    """What a notebook ends with whose cell failed, by the name of the exception and its text."""
    if name == TryAgainError.__name__:
        return TRY_AGAIN
    if name == "SystemExit" and value.isdecimal():
        return min(int(value), _MOST_CODE)
    return 1


def _print_result(cell: Any, cell_index: int, execute_reply: Any) -> None:
    """Print what the last line of a cell gave, as it is shown below the cell."""
    del cell_index, execute_reply
    for output in cell.outputs:
        if output.output_type == "execute_result" and "text/plain" in output.data:
            print("".join(output.data["text/plain"]), flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run a notebook; returns its exit code."""
    source, executed, words = map(Path, arguments[:3])
    code, said = Execution().run(source, executed, json.loads(arguments[3]))
    if said:
        words.write_text(said, encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
