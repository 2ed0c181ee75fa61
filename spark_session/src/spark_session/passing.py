"""What the step of a pipeline hands on to the next one."""

from __future__ import annotations

import os
from pathlib import Path

from spark_session.errors import SparkSessionError, show

OUTPUT_VARIABLE = "SPARK_NOTEBOOKS_OUTPUT"
"""In the script of a step: the file that takes it."""

LONGEST_OUTPUT = 32_000
"""Bytes. Pipelines keep it among their own records."""


def pass_on(text: str) -> None:
    """Hand a text on to the next step of a pipeline, such as the s3:// address of what was written. The last one counts. Anywhere else it is printed.

    Args:
        text: at most 32,000 bytes as UTF-8.

    Raises:
        SparkSessionError: it is no text, or longer.
    """
    if not isinstance(text, str) or len(text.encode()) > LONGEST_OUTPUT:
        raise SparkSessionError(
            f"{show(text)} cannot be handed on.",
            f"It is a text of {LONGEST_OUTPUT} bytes at most.",
            "Write what is longer to S3, and hand on its address.",
        )
    file = os.environ.get(OUTPUT_VARIABLE)
    if file:
        Path(file).write_text(text, encoding="utf-8")
    else:
        print(text)
