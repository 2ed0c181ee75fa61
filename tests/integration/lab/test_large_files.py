"""A file of 2 GiB through the browser, both ways."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
from playwright.sync_api import expect

from tests.integration.lab.conftest import BUCKET, Home, Tab
from tests.support.jupyter import Jupyter

MIB = 2**20
SIZE = 2048 * MIB
MINUTES = 60_000  # milliseconds


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_gibibytes_go_up_and_come_down(
    open_tab: Callable[[str], Tab], home: Home, jupyter: Jupyter, artifacts: Path, tmp_path: Path
) -> None:
    home.write("start.txt", "here")
    sent = tmp_path / "large.bin"
    with sent.open("wb") as file:
        for number in range(SIZE // MIB):  # no two parts alike
            file.write(number.to_bytes(16, "big") * (MIB // 16))
    expected = digest(sent.open("rb"))
    tab = open_tab("start.txt")
    before = memory(jupyter, "VmRSS")
    tab.upload(sent)
    expect(tab.dialog).to_contain_text("The file size is 2048 MB")
    tab.answer("Upload")
    tab.page.wait_for_timeout(5_000)
    tab.page.screenshot(path=artifacts / "large-upload.png", animations="disabled")
    expect(tab.page.locator(".jp-DirListing-item", has_text="large.bin")).to_be_visible(timeout=10 * MINUTES)
    sent.unlink()
    # The server held a few parts of the file at a time.
    assert memory(jupyter, "VmHWM") - before < 256 * MIB
    stored = home.server.client.get_object(Bucket=BUCKET, Key=home.key("large.bin"))
    assert stored["ContentLength"] == SIZE
    assert digest(stored["Body"]) == expected
    tab.page.locator(".jp-DirListing-item", has_text="large.bin").click(button="right")
    with tab.page.expect_download() as started:
        tab.page.locator(".lm-Menu").get_by_text("Download", exact=True).click()
    assert digest(started.value.path().open("rb")) == expected
    assert memory(jupyter, "VmHWM") - before < 256 * MIB


def digest(file: IO[bytes] | Any) -> str:
    found = hashlib.sha256()
    while piece := file.read(8 * MIB):
        found.update(piece)
    return found.hexdigest()


def memory(jupyter: Jupyter, what: str) -> int:
    """Of the server's process, in bytes: VmRSS now, VmHWM at most so far."""
    for line in Path(f"/proc/{jupyter.process.pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == what:
            return int(value.split()[0]) * 1024
    raise AssertionError(f"no {what}")
