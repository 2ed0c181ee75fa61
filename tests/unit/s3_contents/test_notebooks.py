from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from s3_contents import notebooks
from tornado.web import HTTPError


def test_a_notebook_comes_back_as_it_was() -> None:
    notebook = new_notebook(cells=[new_code_cell("'ä'")])
    body, invalid = notebooks.serialized("a.ipynb", notebook)
    assert invalid == {}
    assert body.endswith(b"}\n")
    again, invalid = notebooks.parsed("a.ipynb", body)
    assert (again, invalid) == (notebook, {})


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"nbformat": 4}', b'{"nbformat": "x", "cells": []}'])
def test_what_is_no_notebook_is_refused(body: bytes) -> None:
    with pytest.raises(HTTPError, match=r"Unreadable Notebook: f/a\.ipynb") as raised:
        notebooks.parsed("f/a.ipynb", body)
    assert raised.value.status_code == 400


def test_a_flawed_notebook_is_shown_with_its_flaws() -> None:
    _, invalid = notebooks.parsed(
        "a.ipynb",
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "x", "metadata": {}}]}',
    )
    assert "ValidationError" in invalid


@pytest.mark.parametrize("content", ["text", 5, [], {}, {"cells": []}])
def test_content_that_is_no_notebook_is_refused(content: object) -> None:
    with pytest.raises(HTTPError, match="is not a notebook"):
        notebooks.from_content("a.ipynb", content)


def test_trust_is_kept_by_all_threads(tmp_path: Path) -> None:
    notary = notebooks.Notary(data_dir=str(tmp_path))
    output = new_output("display_data", {"text/html": "<script>"})
    trusted = [new_notebook(cells=[new_code_cell(str(number), outputs=[output])]) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(notary.sign, trusted))
        assert all(pool.map(notary.check_signature, trusted))
    assert not notary.check_signature(new_notebook(cells=[new_code_cell("other", outputs=[output])]))
    notary.unsign(trusted[0])
    notary.close()
    again = notebooks.Notary(data_dir=str(tmp_path))
    assert [again.check_signature(notebook) for notebook in trusted] == [False] + [True] * 39
    again.close()
