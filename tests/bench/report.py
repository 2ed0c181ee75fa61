"""One row per measured thing, printed as a table and written to .bench/<area>.json."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path(__file__).parent.parent.parent / ".bench"


@dataclass(frozen=True)
class Row:
    """Medians of ours and of the stock way in the same run; stock and ratio are None where there is no peer."""

    name: str
    unit: str
    ours: float
    stock: float | None
    ratio: float | None
    goal: str
    runs: int


def row(name: str, unit: str, ours: Sequence[float], stock: Sequence[float] = (), goal: str = "") -> Row:
    """A row from the single runs' figures."""
    mine = statistics.median(ours)
    peer = statistics.median(stock) if stock else None
    return Row(
        name=name,
        unit=unit,
        ours=round(mine, 3),
        stock=None if peer is None else round(peer, 3),
        ratio=None if not peer else round(mine / peer, 3),
        goal=goal,
        runs=len(ours),
    )


def publish(area: str, rows: Sequence[Row]) -> None:
    """Prints the table and writes the file."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{area}.json").write_text(json.dumps([asdict(each) for each in rows], indent=1) + "\n", encoding="utf-8")
    print(table(rows))


def table(rows: Sequence[Row]) -> str:
    """The rows as text, one line each."""
    lines = [("what", "unit", "ours", "stock", "ratio", "goal", "runs")]
    lines += [tuple("" if value is None else str(value) for value in asdict(each).values()) for each in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
