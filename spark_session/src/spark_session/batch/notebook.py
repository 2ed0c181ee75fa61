"""A notebook as a job, checked before anything is started: its parameters, and what can be run at all. Pure."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

from spark_session.errors import SparkSessionError, show

TAG = "parameters"
"""Of the cell after which papermill puts the parameters."""

OLDEST_FORMAT = 4
_PYTHONS_WORDS = {"True": True, "False": False, "None": None}
_HOW = 'Tag a cell of it "parameters" (in JupyterLab: the gears at the right), and save it.'


def parse_parameter(text: str) -> tuple[str, object]:
    """Name and value of a parameter that is given as "name=value".

    A value is what JSON or Python takes it for (3, 0.5, true, True, null, None, [1, 2], "3"), and text where it is none of these.

    Raises:
        SparkSessionError: there is no name.
    """
    name, sign, value = text.partition("=")
    if not (sign and name.strip()):
        raise SparkSessionError(
            f"{show(text)} is not a parameter.", "It is a name, = and a value.", "For example -p day=2013-01-01."
        )
    return name.strip(), _value(value)


def _value(text: str) -> object:
    if text in _PYTHONS_WORDS:
        return _PYTHONS_WORDS[text]
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError:
        return text


def _no_number(text: str) -> object:
    raise ValueError(text)  # NaN and Infinity are no JSON


def check(name: str, content: bytes, parameters: Mapping[str, object]) -> str:
    """Parameters of a notebook, as JSON.

    Args:
        name: of the notebook.
        content: of its file.
        parameters: by their names.

    Raises:
        SparkSessionError: the notebook cannot be run, has no such parameters, or takes no such values.
    """
    cells = _cells(name, content)
    if parameters:
        known = _parameters(name, cells)
        if unknown := [each for each in parameters if each not in known]:
            raise SparkSessionError(
                f"{show(name)} has no parameter {show(unknown[0])}.",
                f'Its cell tagged "parameters" sets {", ".join(known) or "nothing"}.',
                "Check the name, or set it in that cell.",
            )
    try:
        return json.dumps(dict(parameters), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SparkSessionError(
            f"The parameters {show(dict(parameters))} cannot be given to a notebook.",
            f"They are texts, numbers, True, False, None, and lists and dictionaries of these ({error}).",
            'Give anything else as text, for example parameters={"day": "2013-01-01"}.',
        ) from error


def _cells(name: str, content: bytes) -> list[dict[str, Any]]:
    try:
        notebook = json.loads(content)
        cells: list[dict[str, Any]] = notebook["cells"] if notebook["nbformat"] >= OLDEST_FORMAT else []
        language = _language(notebook.get("metadata") or {})
        is_one = notebook["nbformat"] >= OLDEST_FORMAT
    except (ValueError, KeyError, TypeError, AttributeError):
        is_one = False
    if not is_one:
        raise SparkSessionError(
            f"{show(name)} is no notebook that can be run.",
            "What is in it is not what Jupyter writes, or is of before 2015.",
            "Open it in JupyterLab, save it, and submit it again.",
        )
    if language != "python":
        raise SparkSessionError(
            f"{show(name)} cannot be run as a job.", f"Its language is {language}, and jobs run Python.",
            "Choose a Python kernel for it, and save it.",
        )  # fmt: skip
    return cells


def _language(metadata: Mapping[str, Any]) -> str:
    named = (metadata.get("kernelspec") or {}).get("language") or (metadata.get("language_info") or {}).get("name")
    return str(named or "python").lower()


def _parameters(name: str, cells: list[dict[str, Any]]) -> list[str]:
    """What the first cell with the tag sets, in its order: that is the cell that papermill takes."""
    tagged = next((cell for cell in cells if TAG in ((cell.get("metadata") or {}).get("tags") or [])), None)
    if tagged is None:
        raise SparkSessionError(f"{show(name)} takes no parameters.", 'No cell of it is tagged "parameters".', _HOW)
    source = tagged.get("source") or ""
    lines = (source if isinstance(source, str) else "".join(source)).splitlines()
    # What only IPython understands is no Python.
    code = "\n".join("" if re.match(r"\s*[%!]", line) else line for line in lines)
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError) as error:
        raise SparkSessionError(
            f"The parameters of {show(name)} cannot be read.", f'Its cell tagged "parameters" is no Python: {error}.',
            "Mend that cell, and save the notebook.",
        ) from error  # fmt: skip
    return list(dict.fromkeys(found for statement in body for found in _set_by(statement)))


def _set_by(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    else:
        return []
    return [
        each.id
        for target in targets
        for each in ast.walk(target)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    ]
