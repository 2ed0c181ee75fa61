"""The S3 server that the tests and the laptop mode start."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from dev.s3_server import S3Server, S3ServerError


def test_objects_survive_a_restart_and_keys_do_not(tmp_path: Path) -> None:
    with S3Server(tmp_path) as first:
        first.create_bucket("notebooks", versioning=True)
        first.create_bucket("notebooks")
        first.client.put_object(Bucket="notebooks", Key="a", Body=b"kept")
        pid = first.pid
    assert not Path(f"/proc/{pid}").exists()
    with S3Server(tmp_path) as second:
        assert second.client.get_object(Bucket="notebooks", Key="a")["Body"].read() == b"kept"
        assert second.client.get_bucket_versioning(Bucket="notebooks")["Status"] == "Enabled"
        assert second.secret_key != first.secret_key
        command = Path(f"/proc/{second.pid}/cmdline").read_text()
        assert second.secret_key not in command
        assert second.secret_key not in second.log_file.read_text()


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = S3Server(tmp_path, port=taken.getsockname()[1])
        with pytest.raises(S3ServerError, match=f"did not start on {server.endpoint}.*versitygw.log"):
            server.start()
    assert server.pid is None


def test_stopping_twice_is_stopping(tmp_path: Path) -> None:
    server = S3Server(tmp_path)
    server.start()
    server.stop()
    server.stop()
    assert server.pid is None
