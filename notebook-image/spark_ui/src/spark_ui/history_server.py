"""The history server of this person: started when somebody looks, stopped when nobody has for a while."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from pyspark.find_spark_home import _find_spark_home
from spark_session.context import Context
from spark_session.defaults import load_defaults
from spark_session.environment import JARS_VARIABLE, detect
from spark_session.errors import SparkSessionError
from spark_session.event_logs import address
from spark_session.plan import LOG_CONFIGURATION
from spark_session.request import Request
from spark_session.steps.s3 import s3
from tornado.httpclient import HTTPClientError
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from traitlets import Integer, Unicode
from traitlets.config import LoggingConfigurable

from spark_ui.pages import Notice
from spark_ui.reverse_proxy import HOST

_HADOOP = "spark.hadoop."
_CHECK_SECONDS = 30
_START_SECONDS = 120
_PATIENCE_SECONDS = 30
_STOP_SECONDS = 10
_LOG_LINES = 4


def s3_settings(variables: Mapping[str, str]) -> dict[str, str]:
    """How the sessions of this person find S3: detected, then the administrator's.

    Raises:
        SparkSessionError: the environment is not one to start sessions in.
    """
    defaults = load_defaults(variables)
    context = Context(detect(variables, Path.home()), Request(), defaults, "", Path(tempfile.gettempdir()))
    found = {key: value.text for key, value in s3(context).items()}
    return found | {key: str(value) for key, value in defaults.conf.items() if key.startswith(_HADOOP)}


def properties(settings: Mapping[str, str]) -> str:
    """Settings as Spark reads them from a file."""
    escaped = {key: value.replace("\\", "\\\\").replace("\n", "\\n") for key, value in settings.items()}
    return "".join(f"{key} {value}\n" for key, value in escaped.items())


def server_settings(home: str, port: int, keep_days: int) -> dict[str, str]:
    """What the history server itself is told; home is "s3://bucket/prefix"."""
    return {
        "spark.history.fs.logDirectory": f"s3a://{address(home).removeprefix('s3://')}",
        "spark.history.ui.port": str(port),
        "spark.port.maxRetries": "0",
        "spark.history.retainedApplications": "3",
        "spark.history.fs.cleaner.enabled": "true",
        "spark.history.fs.cleaner.maxAge": f"{keep_days}d",
    }


def prepare(store: AbstractFileSystem, path: str) -> None:
    """Make the folder on S3, which the history server does not start without. Raises OSError."""
    bucket, _, key = path.partition("/")
    store.call_s3("put_object", Bucket=bucket, Key=f"{key}/", Body=b"")


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def has_looked(page: str, *, patient: bool) -> bool:
    """Whether the first page of a history server tells of what is there: before its first look it says that there is nothing.

    Args:
        page: HTML.
        patient: wait also for logs that it is still reading.
    """
    return 'id="last-updated"' in page and not (patient and "event log(s) currently being" in page)


class HistoryServer(LoggingConfigurable):
    """One JVM with Spark's history server over the person's event logs on S3."""

    memory = Unicode("512m", help="Heap of the history server.").tag(config=True)
    idle_minutes = Integer(15, min=1, help="Minutes without a request after which it stops.").tag(config=True)
    keep_days = Integer(90, min=1, help="Days after which the record of a session is deleted.").tag(config=True)
    home = Unicode(help="The person's place on S3, as s3://bucket/prefix. Empty: past sessions are not shown.").tag(
        config=True
    )

    _process: asyncio.subprocess.Process | None = None
    _folder: tempfile.TemporaryDirectory[str] | None = None
    _port = 0
    _started = 0.0
    _used = 0.0
    _ready = False
    _watching: asyncio.Task[None] | None = None

    def __init__(self, client: SimpleAsyncHTTPClient, **traits: Any) -> None:
        super().__init__(**traits)
        self._client = client

    async def port(self) -> int | Notice:
        """The port to ask, the server being started if need be, or what to tell the reader meanwhile."""
        self._used = time.monotonic()
        if self._process is None:
            try:
                await self._start()
            except (OSError, SparkSessionError, RuntimeError) as error:
                await self.stop()
                return _failed(str(error))
        if self._process is not None and self._process.returncode is not None:
            why = self._last_lines()
            await self.stop()
            return _failed(why)
        if not self._ready:
            self._ready = await self._answers()
        if self._ready:
            return self._port
        if time.monotonic() - self._started > _START_SECONDS:
            await self.stop()
            return _failed(f"It did not answer within {_START_SECONDS} seconds.")
        return _starting()

    async def stop(self) -> None:
        """End the process, if there is one."""
        process, self._process, self._ready = self._process, None, False
        if self._watching is not None and self._watching is not asyncio.current_task():
            self._watching.cancel()
        self._watching = None
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    async def _start(self) -> None:
        settings = s3_settings(os.environ)
        await asyncio.to_thread(self._prepare)
        self._folder = tempfile.TemporaryDirectory(prefix="spark-history-")
        folder = Path(self._folder.name)
        self._port = free_port()
        file = folder / "history.conf"
        file.write_text(properties(settings | server_settings(self.home, self._port, self.keep_days)))
        environment = {
            **os.environ,
            "SPARK_LOCAL_IP": HOST,
            "SPARK_DAEMON_MEMORY": self.memory,
            "SPARK_DAEMON_JAVA_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
            "LOG4J_CONFIGURATION_FILE": str(LOG_CONFIGURATION),
        }
        if os.environ.get(JARS_VARIABLE):
            environment["SPARK_DIST_CLASSPATH"] = f"{os.environ[JARS_VARIABLE]}/*"
        command = [
            *(str(Path(_find_spark_home()) / "bin" / "spark-class"), "org.apache.spark.deploy.history.HistoryServer"),
            *("--properties-file", str(file)),
        ]
        # A server that is killed cannot end it: the kernel then does.
        if tied := shutil.which("setpriv"):
            command = [tied, "--pdeathsig", "TERM", *command]
        with (folder / "history.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, env=environment, cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._started = time.monotonic()
        self._watching = asyncio.create_task(self._watch())

    def _prepare(self) -> None:
        store, path = url_to_fs(address(self.home), skip_instance_cache=True, use_listings_cache=False)
        try:
            prepare(store, path)
        except Exception as error:
            # S3 clients raise many kinds.
            raise RuntimeError(f"S3 does not answer: {type(error).__name__}: {error}") from error

    async def _answers(self) -> bool:
        try:
            response = await self._client.fetch(f"http://{HOST}:{self._port}/", request_timeout=_PATIENCE_SECONDS)
        except (OSError, HTTPClientError):
            return False
        waited = time.monotonic() - self._started
        return has_looked(response.body.decode(errors="replace"), patient=waited < _PATIENCE_SECONDS)

    def _last_lines(self) -> str:
        if self._folder is None:
            return "It ended."
        text = (Path(self._folder.name) / "history.log").read_text(encoding="utf-8", errors="replace")
        return " ".join(text.strip().splitlines()[-_LOG_LINES:]) or "It ended without a word."

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            if time.monotonic() - self._used > self.idle_minutes * 60:
                self.log.info("The history server stops: nobody has used it for %d minutes", self.idle_minutes)
                await self.stop()
                return


def _starting() -> Notice:
    return Notice(
        "Your past sessions are being opened.",
        "A history server starts for you, which takes some seconds.",
        "This page goes on by itself.",
        reload=1,
    )


def _failed(why: str) -> Notice:
    return Notice(
        "The history server did not start.",
        why,
        "Load this page again. If that does not help, show this text to your administrator.",
    )
