"""A session in a real kernel: the cell that started it goes on telling, and no other cell is disturbed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster import Cluster
from tests.support.notebook_pod import Notebook, running_notebook

pytestmark = pytest.mark.long

NOTEBOOK = r"""
import json, queue, time
from jupyter_client.manager import start_new_kernel

manager, client = start_new_kernel(startup_timeout=120)
cells, messages = {}, []

def run(source):
    cells[client.execute(source)] = len(cells)

def listen(until, seconds=150):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not until():
        try:
            message = client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        messages.append({
            "type": message["msg_type"],
            "cell": cells.get(message["parent_header"].get("msg_id")),
            "content": {key: message["content"][key] for key in ("data", "transient", "text", "execution_state") if key in message["content"]},
        })

def shown(words):
    return any(words in message["content"].get("data", {}).get("text/plain", "") for message in messages)

def idle(cell):
    return any(m["cell"] == cell and m["content"].get("execution_state") == "idle" for m in messages)

run("from spark_session import get_spark_session\nspark = get_spark_session(executors=1)")
listen(lambda: idle(0))
told_at_once = not shown("ready")
run("import time\nfor _ in range(10): time.sleep(1)")
listen(lambda: shown("1 executor ready"))
listen(lambda: idle(1))
run("spark.stop()")
listen(lambda: idle(2))
client.stop_channels()
manager.shutdown_kernel()
print(json.dumps({"messages": messages, "told_at_once": told_at_once}))
"""


@pytest.fixture(scope="module")
def notebook(node: Cluster) -> Iterator[Notebook]:
    with running_notebook(node, "test-display", {}, {}) as made:
        yield made


def test_the_cell_goes_on_telling_after_it_has_ended(notebook: Notebook) -> None:
    result = notebook.run(NOTEBOOK)
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout.splitlines()[-1])
    messages: list[dict[str, Any]] = answer["messages"]
    [first] = [message for message in messages if message["type"] == "display_data"]
    updates = [message for message in messages if message["type"] == "update_display_data"]
    assert answer["told_at_once"]
    assert first["cell"] == 0
    assert "1 executor asked for" in first["content"]["data"]["text/plain"]
    assert "<progress" in first["content"]["data"]["text/html"]
    assert {update["content"]["transient"]["display_id"] for update in updates} == {
        first["content"]["transient"]["display_id"]
    }
    assert any("1 executor ready after" in update["content"]["data"]["text/plain"] for update in updates)
    # What belongs to other cells is their own: no output of the session is there.
    assert [m for m in messages if m["cell"] == 1 and m["type"] == "stream"] == []
    notebook.wait_until_executors_are_gone()
