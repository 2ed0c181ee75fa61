"""What Kubernetes tells of one pod while it starts."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
from kubernetes_asyncio import watch
from kubernetes_asyncio.client import ApiClient, ApiException, CoreV1Api

Events = dict[str, dict[str, Any]]


@asynccontextmanager
async def pod_events(
    namespace: str, pod: str, uid: str, seconds: int, log: logging.Logger | logging.LoggerAdapter[Any]
) -> AsyncIterator[Events]:
    """The events about a pod, by their own uid; watched while the context is open.

    seconds is how long one watch lasts before the next one begins.
    """
    events: Events = {}
    # By uid, not by name alone: the events of the last run, which Kubernetes keeps for an hour, are about another pod.
    selector = f"involvedObject.name={pod},involvedObject.uid={uid}"
    task = asyncio.create_task(_watch(namespace, selector, seconds, log, events))
    try:
        yield events
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _watch(
    namespace: str, selector: str, seconds: int, log: logging.Logger | logging.LoggerAdapter[Any], events: Events
) -> None:
    # A client of its own: the watches of many starts would take all connections of the shared one.
    async with ApiClient() as client:
        read = partial(CoreV1Api(client).list_namespaced_event, _preload_content=False)
        while True:
            try:
                async with watch.Watch().stream(
                    read, namespace=namespace, field_selector=selector, timeout_seconds=seconds
                ) as stream:
                    async for change in stream:
                        event = change["raw_object"]
                        events[event["metadata"]["uid"]] = event
            except (ApiException, aiohttp.ClientError, TimeoutError) as error:
                # Without events a start is only told less well.
                log.warning("Events in %s (%s) cannot be watched: %s", namespace, selector, error)
            await asyncio.sleep(1)
