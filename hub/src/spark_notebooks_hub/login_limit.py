"""How often somebody may try passwords. Nothing here knows the time or the network: both are told."""

import ipaddress
import re
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

# The longest name that JupyterHub's database holds; what is longer is nobody's.
NAME_LENGTH: Final = 255
# Kept of each kind, some hundred bytes each. What was longest not touched is forgotten first.
CAPACITY: Final = 10_000
HOUR: Final = 3600

By = Literal["person", "name", "address"]
Key = TypeVar("Key")


@dataclass(frozen=True)
class Limits:
    """How many wrong passwords in a row there may be before a wait, how many per hour go on being forgiven, and the longest wait in seconds.

    attempts: for one name from one address; attempts_per_name: for one name from anywhere; attempts_per_address: from one address for any name.
    """

    attempts: int = 5
    attempts_per_name: int = 50
    attempts_per_address: int = 100
    max_wait: int = 900


@dataclass(frozen=True)
class Refusal:
    """The attempt is not even looked at: the seconds to wait, and which limit it is."""

    seconds: float
    by: By


class Counts(Generic[Key]):
    """Wrong passwords by key. Each beyond `free` doubles the wait, and `free` of them are forgotten in an hour."""

    def __init__(self, free: int, max_wait: int, capacity: int) -> None:
        self._free, self._max_wait, self._capacity = free, max_wait, capacity
        self._levels: OrderedDict[Key, tuple[float, float]] = OrderedDict()

    def wait(self, key: Key, now: float) -> float:
        """Seconds until the next attempt; 0 where there is nothing to wait for."""
        level, at = self._levels.get(key, (0.0, now))
        # Rounded, because a little is forgotten between any two.
        beyond = round(level) - self._free
        if beyond < 0:
            return 0.0
        # Beyond 2**30 seconds the longest wait is in force anyhow.
        return max(0.0, at + min(self._max_wait, 2 ** min(beyond, 30)) - now)

    def add(self, key: Key, now: float) -> None:
        level, at = self._levels.pop(key, (0.0, now))
        self._levels[key] = (max(0.0, level - (now - at) * self._free / HOUR) + 1, now)
        if len(self._levels) > self._capacity:
            self._levels.popitem(last=False)

    def take_back(self, key: Key) -> None:
        """One of them was none."""
        if key in self._levels:
            level, at = self._levels[key]
            self._levels[key] = (max(0.0, level - 1), at)

    def forget(self, key: Key) -> None:
        self._levels.pop(key, None)

    def __len__(self) -> int:
        return len(self._levels)


class LoginLimit:
    """Who has to wait before the next password is looked at.

    A guesser waits, and nobody else: who has signed in from an address before is held up there by wrong passwords of that name from that address
    alone, not by what others try. An attempt counts as wrong from its beginning, so that a thousand at once are a thousand.
    """

    def __init__(self, limits: Limits, capacity: int = CAPACITY) -> None:
        self._persons = Counts[tuple[str, str]](limits.attempts, limits.max_wait, capacity)
        self._names = Counts[str](limits.attempts_per_name, limits.max_wait, capacity)
        self._addresses = Counts[str](limits.attempts_per_address, limits.max_wait, capacity)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._capacity = capacity

    def begin(self, name: str, address: str, now: float) -> Refusal | None:
        """An attempt at `now` (seconds of a clock that never goes back): counted, or refused."""
        person = (name, address)
        waits: list[tuple[float, By]] = [(self._persons.wait(person, now), "person")]
        if person not in self._known:
            waits += [(self._names.wait(name, now), "name"), (self._addresses.wait(address, now), "address")]
        seconds, by = max(waits, key=lambda wait: wait[0])
        if seconds > 0:
            return Refusal(seconds, by)
        self._persons.add(person, now)
        self._names.add(name, now)
        self._addresses.add(address, now)
        return None

    def succeeded(self, name: str, address: str) -> None:
        """The attempt had the right password."""
        self._persons.forget((name, address))
        self._names.take_back(name)
        self._addresses.take_back(address)
        self._known.pop((name, address), None)
        self._known[name, address] = None
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)

    def not_looked_at(self, name: str, address: str) -> None:
        """Nobody could say whether the attempt's password was right."""
        self._persons.take_back((name, address))
        self._names.take_back(name)
        self._addresses.take_back(address)

    def __len__(self) -> int:
        """How much is remembered."""
        return len(self._persons) + len(self._names) + len(self._addresses) + len(self._known)


def same_name(name: str) -> str:
    """One text for all that databases and directories take for the same name."""
    return " ".join(unicodedata.normalize("NFKC", name[:NAME_LENGTH]).casefold().split())


def client_address(forwarded: str | None, peer: str, trusted: Iterable[str]) -> str:
    """Where a request comes from: the last address in X-Forwarded-For that is no proxy's of ours.

    What stands before it may have been written by anybody. Of IPv6 the network of 64 bits, which a single machine may have to itself.
    """
    networks = [ipaddress.ip_network(network) for network in trusted]
    found = peer
    for text in reversed((forwarded or peer).split(",")):
        address = _address(text)
        if address is None:
            return "unknown"
        found = str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
        if not any(address in network for network in networks if network.version == address.version):
            break
    return found


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    # Some gateways write the port, too.
    bare = re.sub(r"^(\d+(?:\.\d+){3}):\d+$", r"\1", re.sub(r"^\[(.*)\](?::\d+)?$", r"\1", text.strip()))
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    # A proxy that listens on IPv6 and IPv4 at once writes ::ffff:192.0.2.1.
    return getattr(address, "ipv4_mapped", None) or address


def spoken(seconds: float) -> str:
    """A wait as people say it, rounded up."""
    whole = int(-(-seconds // 1))
    if whole < 60:
        return "1 second" if whole == 1 else f"{whole} seconds"
    minutes = -(-whole // 60)
    return "1 minute" if minutes == 1 else f"{minutes} minutes"
