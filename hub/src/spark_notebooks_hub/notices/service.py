"""From a Job that has ended to a notice that was taken: once, whatever ends meanwhile.

At least once: an end is written into the ledger after its notice was taken. A service that is killed between the two sends that one again; its receiver knows it
by its id. One that is asked to end finishes what it is sending, and writes it down.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from .channels import Channel
from .ending import Ending, ending, is_wanted
from .errors import AwayError, OutdatedError, RefusedError
from .ledger import KEY, Ledger, ledger
from .message import Notice, owner
from .metrics import Metrics

Object = dict[str, Any]
T = TypeVar("T")

log = logging.getLogger(__name__)

AT_ONCE: Final = 8
"""Notices that are sent at the same time."""

FIRST_DELAY: Final = 2.0
LONGEST_DELAY: Final = 600.0
GIVE_UP_AFTER: Final = timedelta(hours=6)
"""Counted from the end of the job; each notice is tried once at least."""

MARGIN: Final = timedelta(minutes=10)
"""How much later than its time an end may be heard of, clocks that differ included."""

SAVE_EVERY: Final = 300.0
FAREWELL: Final = 25.0
READY_WITHIN: Final = timedelta(minutes=5)


class Api(Protocol):
    """What of the Kubernetes API is asked."""

    def jobs(self) -> AsyncIterator[tuple[list[Object], str]]: ...
    def watch_jobs(self, version: str) -> AsyncIterator[Object]: ...
    async def namespace(self, name: str) -> Object | None: ...
    async def config_map(self, namespace: str, name: str) -> Object: ...
    async def write(self, config_map: Object) -> Object: ...


class Notices:
    """Tells of the end of jobs.

    Args:
        api: the Kubernetes API.
        channels: the ways out.
        hub: the installation as its hub writes it into annotations.
        default: which ends are told where a job does not say.
        place: namespace and name of the ConfigMap with the ledger.
        now: the time.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        *,
        api: Api,
        channels: Sequence[Channel],
        hub: str,
        default: str,
        place: tuple[str, str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        self.api, self.channels, self.hub, self.default, self.place = api, channels, hub, default, place
        self.metrics = Metrics()
        self._now, self._sleep = now, sleep
        self._ledger: Ledger | None = None
        self._config_map: Object = {}
        self._in_step: datetime | None = None
        self._telling: dict[str, tuple[Ending, asyncio.Task[None]]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._dirty = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._unanswered: str | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it hears of ends."""
        return self._in_step is not None and self._now() - self._in_step < READY_WITHIN

    async def run(self) -> None:
        """Until it is cancelled.

        Raises:
            OutdatedError: another one writes the same ledger.
            ValueError: the ledger cannot be read.
        """
        self._config_map = await self._patiently(lambda: self.api.config_map(*self.place))
        self._ledger = ledger(self._config_map)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch())
                group.create_task(self._keep())
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        finally:
            await self._end()

    async def _watch(self) -> None:
        while True:
            try:
                version = await self._look()
                while True:
                    version = await self._follow(version)
                    await self._sleep(FIRST_DELAY)
            except OutdatedError:
                log.info("What changed meanwhile is not known any more: all jobs are looked at once more")
            except AwayError as error:
                log.warning("%s Ends are told when it does again.", error)
            await self._sleep(FIRST_DELAY)

    async def _look(self) -> str:
        """Look at all jobs; returns the version of what there was."""
        began, version = self._now(), ""
        async for jobs, version in self.api.jobs():  # noqa: B007 (the last one is wanted)
            for job in jobs:
                self._see(job)
        self._in_step = began
        return version

    async def _follow(self, version: str) -> str:
        """Hear of changes until the server ends that; returns the version of the last."""
        async for event in self.api.watch_jobs(version):
            if event["type"] != "BOOKMARK":
                self._see(event["object"])
            version = str(event["object"]["metadata"]["resourceVersion"])
            self._in_step = self._now()
        return version

    def _see(self, job: Object) -> None:
        assert self._ledger is not None
        try:
            end = ending(job)
        except (KeyError, ValueError, TypeError) as error:
            log.warning("A job is not as Kubernetes writes it (%r): nobody is told of it", error)
            return
        if end is None or end.uid in self._telling or self._ledger.is_settled(end.uid, end.ended):
            return
        if not is_wanted(end, self.default):
            self._ledger.settle(end.uid, end.ended)
            return
        self._telling[end.uid] = end, asyncio.create_task(self._tell(end))
        self.metrics.waiting.set(len(self._telling))

    async def _tell(self, end: Ending) -> None:
        assert self._ledger is not None
        namespace = await self._patiently(lambda: self.api.namespace(end.namespace))
        user = owner(namespace, self.hub, end.account)
        if user is not None:
            await asyncio.gather(*(self._deliver(channel, Notice(end, user)) for channel in self.channels))
        self._ledger.settle(end.uid, end.ended)
        # Not where this is cancelled: the ledger must not move on past an end that is not settled.
        del self._telling[end.uid]
        self.metrics.waiting.set(len(self._telling))

    async def _deliver(self, channel: Channel, notice: Notice) -> None:
        """Until it is taken, refused, or given up."""
        end, tries = notice.end, 0
        assert self._ledger is not None
        while not self._ledger.is_settled(end.uid, end.ended, channel.name):
            what = f"{end.namespace}/{end.job} by {channel.name}"
            try:
                async with self._turns:
                    await self._send(channel, notice)
                log.info("Told of %s", what)
                self._settle(channel, end, "sent")
            except RefusedError as error:
                log.warning("Not told of %s, and not tried again: %s", what, error)
                self._settle(channel, end, "refused")
            except AwayError as error:
                delay = min(FIRST_DELAY * 2**tries, LONGEST_DELAY)
                tries += 1
                if self._now() - end.ended > GIVE_UP_AFTER:
                    log.warning("Not told of %s, and given up: %s", what, error)
                    self._settle(channel, end, "given up")
                else:
                    log.warning("Not told of %s yet, next try in %g s: %s", what, delay, error)
                    self.metrics.tries.labels(channel.name).inc()
                    await self._sleep(delay)
            except Exception:
                # An error of ours, which the next try would meet, too. All others are to be told all the same.
                log.exception("Not told of %s", what)
                self._settle(channel, end, "failed")

    async def _send(self, channel: Channel, notice: Notice) -> None:
        """Send, and where this is cancelled meanwhile, wait for what comes of it: it may be taken already."""
        sending = asyncio.create_task(channel.send(notice))
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            await asyncio.wait([sending], timeout=FAREWELL)
            if sending.done() and not sending.cancelled() and sending.exception() is None:
                self._settle(channel, notice.end, "sent")
            raise

    def _settle(self, channel: Channel, end: Ending, how: str) -> None:
        assert self._ledger is not None
        self._ledger.settle(end.uid, end.ended, channel.name)
        self.metrics.notices.labels(channel.name, how).inc()
        self._dirty.set()

    async def _keep(self) -> None:
        """Write the ledger whenever something was sent, and every now and then."""
        while True:
            with suppress(TimeoutError):
                # Not wait_for, which before Python 3.12 forgets that it is cancelled where the event comes at the same time.
                async with asyncio.timeout(SAVE_EVERY):
                    await self._dirty.wait()
            self._dirty.clear()
            await self._patiently(self._write)

    async def _write(self) -> None:
        assert self._ledger is not None
        if self._in_step is not None:
            waiting = [end.ended for end, _ in self._telling.values()]
            self._ledger.advance(min([self._in_step - MARGIN, *waiting]))
        text = self._ledger.to_text()
        if text != _written(self._config_map):
            # What this is cancelled in the middle of may be written already: the last write has to know.
            self._writing = asyncio.create_task(self._put(text))
            await asyncio.shield(self._writing)

    async def _put(self, text: str) -> None:
        try:
            self._config_map = await self.api.write({**self._config_map, "data": {KEY: text}})
        except AwayError:
            self._unanswered = text
            raise
        except OutdatedError as error:
            found = await self.api.config_map(*self.place)
            if self._unanswered is None or _written(found) != self._unanswered:
                raise OutdatedError(
                    "Somebody else has written the ledger, perhaps another copy of this service: this one ends, and begins anew from what is there."
                ) from error
            self._config_map = await self.api.write({**found, "data": {KEY: text}})
        self._unanswered = None

    async def _end(self) -> None:
        tasks = [task for _, task in self._telling.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._writing is not None:
            # Where it failed, the next line tries once more.
            with suppress(Exception):
                await asyncio.wait_for(self._writing, FAREWELL)
        try:
            await self._write()
        except (AwayError, OutdatedError) as error:
            log.warning("What was told last could not be written down, and may be told again: %s", error)

    async def _patiently(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Ask until there is an answer."""
        tries = 0
        while True:
            try:
                return await ask()
            except AwayError as error:
                log.warning("%s", error)
                await self._sleep(min(FIRST_DELAY * 2**tries, 60.0))
                tries += 1


def _written(config_map: Object) -> str | None:
    text: str | None = (config_map.get("data") or {}).get(KEY)
    return text
