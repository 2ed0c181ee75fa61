"""The address on 127.0.0.1."""

import json
import os
import socket
import sys
from pathlib import Path

import pytest

from dev import relay
from dev.ports import free_port


def server(port: int) -> list[str]:
    return [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]


def test_start_listens_and_stop_frees_the_port(tmp_path: Path) -> None:
    port = free_port()
    relay.start(tmp_path, port, server(port))
    record = relay.running(tmp_path)
    assert record is not None
    assert record.port == port
    relay.require_free(tmp_path, port)  # our own relay may have it
    relay.stop(tmp_path)
    assert relay.running(tmp_path) is None
    relay.require_free(tmp_path, port)


def test_second_start_replaces_the_first(tmp_path: Path) -> None:
    port = free_port()
    relay.start(tmp_path, port, server(port))
    first = relay.running(tmp_path)
    relay.start(tmp_path, port, server(port))
    second = relay.running(tmp_path)
    relay.stop(tmp_path)
    assert first is not None
    assert second is not None
    assert first.pid != second.pid


def test_taken_port_is_named_with_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(relay.RelayError, match=f"Port {port} .* is taken .*PORT={port + 1}"):
            relay.require_free(tmp_path, port)


def test_relay_that_ends_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such service')"]
    with pytest.raises(relay.RelayError, match="no such service"):
        relay.start(tmp_path, free_port(), command)
    assert relay.running(tmp_path) is None


def test_record_of_another_process_is_never_ended(tmp_path: Path) -> None:
    """A process id that was given again to somebody else is not ours."""
    (tmp_path / "relay.json").write_text(json.dumps({"pid": os.getpid(), "started": 1, "port": 1}))
    assert relay.running(tmp_path) is None
    relay.stop(tmp_path)
    assert relay.start_time(os.getpid()) > 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_damaged_record_is_no_relay(tmp_path: Path, text: str) -> None:
    (tmp_path / "relay.json").write_text(text)
    assert relay.running(tmp_path) is None


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1", "80.5"])
def test_what_is_no_port_is_said(text: str) -> None:
    with pytest.raises(relay.RelayError, match=f"PORT={text} is no port"):
        relay.chosen_port({"PORT": text})


def test_port_is_8000_unless_chosen() -> None:
    assert [relay.chosen_port(environ) for environ in ({}, {"PORT": ""}, {"PORT": "8080"})] == [8000, 8000, 8080]
