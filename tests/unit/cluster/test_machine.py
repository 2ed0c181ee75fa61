"""What stands in the way of a node."""

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.machine import GIB, Machine, available_memory, problems

GOOD = Machine(root=True, memory=8 * GIB, disks={Path("/data"): 100 * GIB}, missing_packages=())


def test_a_good_machine_has_no_problem() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (replace(GOOD, root=False), "needs root"),
        (replace(GOOD, memory=3 * GIB), "3.0 GiB of memory is free, the node needs 4 GiB"),
        (replace(GOOD, disks={Path("/data"): 2 * GIB}), "/data has 2.0 GiB free, the node and its images need 15 GiB"),
        (replace(GOOD, missing_packages=("cryptography",)), "Python packages are missing: cryptography"),
        (replace(GOOD, refusals=("No overlay.",)), "No overlay."),
    ],
)
def test_each_problem_is_said_with_what_to_do(machine: Machine, said: str) -> None:
    (found,) = problems(machine)
    assert said in found
    assert len(found.split(". ")) > 1


def test_without_root_nothing_else_is_said() -> None:
    assert len(problems(replace(GOOD, root=False, memory=0))) == 1


def test_several_problems_are_said_together() -> None:
    assert len(problems(replace(GOOD, memory=0, disks={Path("/a"): 0, Path("/b"): 0}))) == 3


def test_available_memory() -> None:
    assert available_memory("MemTotal: 10 kB\nMemFree:  1 kB\nMemAvailable:    2048 kB\n") == 2 * 2**20
    with pytest.raises(ValueError, match="does not say how much memory"):
        available_memory("MemTotal: 10 kB\n")
