"""What Spark prints while it works."""

from __future__ import annotations

from spark_session import cell_progress
from spark_session.context import Context, default
from spark_session.settings import Settings


def console(context: Context) -> Settings:
    """No progress bar of characters: a notebook would store every step of it as output. Progress is shown in place instead."""
    return {
        "spark.ui.showConsoleProgress": default("false"),
        cell_progress.SETTING: context.configured("cell_progress", str(context.defaults.cell_progress).lower()),
    }
