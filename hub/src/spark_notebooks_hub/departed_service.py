"""`python -m spark_notebooks_hub.departed_service`: looks for workspaces of people whom the hub does not know any more,
and for members of shared workspaces who have left their groups. A service of JupyterHub's."""

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from kubernetes_asyncio.client import ApiClient, ApiException
from kubernetes_asyncio.config import load_incluster_config

from .departed import depart
from .departure import Decision, Policy, decisions, mark
from .workspace import HUB_LABEL, SHARED_ANNOTATION, HubIdentity, Workspace, members
from .workspaces import FIELD_MANAGER, apply, call, leave

log = logging.getLogger("departed")

PAGINATION: Final = "application/jupyterhub-pagination+json"
# Not the name of any server's manager, which ends in that of its pod.
MARKS_MANAGER: Final = f"{FIELD_MANAGER}_departed"
REQUEST_SECONDS: Final = 30
PAGE: Final = 200
# After a look that failed: the hub, or Kubernetes, may be starting.
AGAIN_SECONDS: Final = 300


class Users:
    """The hub's users, by its API."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._headers = url.rstrip("/"), {"Authorization": f"token {token}"}

    async def names(self, session: aiohttp.ClientSession) -> set[str]:
        """All of them. Raises aiohttp.ClientError where not all can be asked for."""
        return {each["name"] async for each in self._all(session, "users")}

    async def is_known(self, session: aiohttp.ClientSession, name: str) -> bool:
        """One of them: a page that somebody is deleted from while it is read may leave out another one."""
        async with session.get(f"{self._url}/users/{quote(name, safe='')}", headers=self._headers) as response:
            if response.status != 404:
                response.raise_for_status()
            return response.status != 404

    async def groups(self, session: aiohttp.ClientSession) -> dict[str, set[str]]:
        """The members of all groups. Raises aiohttp.ClientError where not all can be asked for."""
        return {each["name"]: set(each["users"]) async for each in self._all(session, "groups")}

    async def _all(self, session: aiohttp.ClientSession, what: str) -> AsyncIterator[dict[str, Any]]:
        """What the API lists, a page at a time."""
        headers, offset = {**self._headers, "Accept": PAGINATION}, 0
        while True:
            address = f"{self._url}/{what}?limit={PAGE}&offset={offset}"
            async with session.get(address, headers=headers, raise_for_status=True) as response:
                page = await response.json(content_type=None)
            for each in page["items"]:
                yield each
            following = page["_pagination"]["next"]
            if not following:
                return
            offset = int(following["offset"])


class Look:
    """One look at all workspaces of an installation; shared are the groups of each shared workspace, by its name."""

    def __init__(
        self,
        hub: HubIdentity,
        pod_security: str,
        policy: Policy,
        patience: timedelta,
        shared: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._hub, self._pod_security, self._policy, self._patience = hub, pod_security, policy, patience
        self._shared = shared

    async def take(self, client: ApiClient, session: aiohttp.ClientSession, users: Users) -> list[Decision]:
        """Does what is to be done, and returns it. Raises ApiException and aiohttp.ClientError where it cannot be known."""
        if self._policy == "keep":
            return []
        names = await users.names(session)
        now = datetime.now(UTC)
        found = decisions(
            await self._namespaces(client), names, self._hub, self._policy, now=now, patience=self._patience
        )
        done = []
        for decision in found:
            gone = decision.action in ("archive", "remove")
            if gone and await users.is_known(session, decision.user):
                continue
            try:
                await self._carry_out(client, decision, now)
            except ApiException as error:
                log.error("%s of %s: %s failed: %s", decision.namespace, decision.user, decision.action, error)
                continue
            done.append(decision)
            log.info("%s of %s: %s", decision.namespace, decision.user, decision.action)
        return done

    async def part(self, client: ApiClient, session: aiohttp.ClientSession, users: Users) -> list[tuple[str, str]]:
        """Takes keys and rights from people who are not in the groups of a shared workspace any more; its name and the person, for each. Raises as `take`."""
        found = [(each, strangers) for each in await self._namespaces(client) if (strangers := members_of(each))]
        if not found:
            return []
        groups = await users.groups(session)
        done = []
        for each, people in found:
            metadata = each["metadata"]
            name = metadata["annotations"][SHARED_ANNOTATION]
            belong = {user for group in self._shared.get(name, ()) for user in groups.get(group, ())}
            for user in sorted(set(people) - belong):
                await leave(client, Workspace(user, metadata["name"], self._hub, shared=name, shared_slug=name))
                log.info("%s: %s is not a member of %s any more", metadata["name"], user, name)
                done.append((name, user))
        return done

    async def _namespaces(self, client: ApiClient) -> list[dict[str, Any]]:
        query = [("labelSelector", f"{HUB_LABEL}={self._hub.label}")]
        found = await call(client, "GET", "/api/v1/namespaces", query=query)
        return list(found["items"])

    async def _carry_out(self, client: ApiClient, decision: Decision, now: datetime) -> None:
        match decision.action:
            case "mark":
                await apply(client, mark(decision, now), MARKS_MANAGER)
            case "unmark":
                await apply(client, mark(decision, None), MARKS_MANAGER)
            case "archive" | "remove" as policy:
                workspace = Workspace(decision.user, decision.namespace, self._hub, pod_security=self._pod_security)
                await depart(client, workspace, policy)


def members_of(namespace: Mapping[str, Any]) -> list[str]:
    """The people who have keys and rights in a shared workspace; nobody in another namespace."""
    notes = namespace["metadata"].get("annotations") or {}
    return members(notes) if SHARED_ANNOTATION in notes else []


async def run(look: Look, users: Users, every: float) -> None:
    """Looks again and again; what cannot be done now is tried again soon."""
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    while True:
        pause = every
        try:
            async with ApiClient() as client, aiohttp.ClientSession(timeout=timeout) as session:
                await look.part(client, session, users)
                await look.take(client, session, users)
        except (ApiException, aiohttp.ClientError, TimeoutError, KeyError, ValueError) as error:
            log.error("People who are gone cannot be looked for now: %s", error)
            pause = min(every, AGAIN_SECONDS)
        await asyncio.sleep(pause)


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """The command line, which the hub's configuration writes."""
    parser = argparse.ArgumentParser(prog="departed_service", description=__doc__)
    parser.add_argument("--policy", choices=("keep", "archive", "remove"), required=True)
    parser.add_argument("--hub-namespace", required=True)
    parser.add_argument("--hub-fullname", required=True)
    parser.add_argument("--pod-security", required=True)
    parser.add_argument("--every", type=float, required=True, help="seconds between two looks")
    parser.add_argument("--patience", type=float, required=True, help="seconds that a person is unknown at least")
    parser.add_argument("--shared", type=json.loads, default={}, help="groups of shared workspaces by name, as JSON")
    return parser.parse_args(given)


def main() -> None:
    """Runs until it is ended."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asked = arguments(sys.argv[1:])
    load_incluster_config()
    hub = HubIdentity(asked.hub_namespace, asked.hub_fullname)
    look = Look(hub, asked.pod_security, asked.policy, timedelta(seconds=asked.patience), asked.shared)
    users = Users(os.environ["JUPYTERHUB_API_URL"], os.environ["JUPYTERHUB_API_TOKEN"])
    asyncio.run(run(look, users, asked.every))


if __name__ == "__main__":
    main()
