"""What was told already: small however many jobs there are, and enough to begin where the service before ended. Pure.

All ends before a moment are settled: told, not to be told, or given up. Of those since then it is written down which are. The moment moves on with the time, and
waits for ends that could not be told yet.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

KEY: Final = "ledger"
"""Of the ConfigMap's data."""


class Ledger:
    """Which ends are settled.

    Args:
        since: all ends before are.
        settled: when what has ended since then and is settled has ended, by its name.
    """

    def __init__(self, since: datetime, settled: Mapping[str, datetime] | None = None) -> None:
        self.since = since
        self._settled = dict(settled or {})

    def is_settled(self, uid: str, ended: datetime, channel: str = "") -> bool:
        """Whether an end is settled, on this channel or on all."""
        return ended < self.since or uid in self._settled or _name(uid, channel) in self._settled

    def settle(self, uid: str, ended: datetime, channel: str = "") -> None:
        """An end is settled, on this channel or on all."""
        if self.is_settled(uid, ended, channel):
            return
        if not channel:
            self._settled = {name: when for name, when in self._settled.items() if name.partition("/")[0] != uid}
        self._settled[_name(uid, channel)] = ended

    def advance(self, until: datetime) -> None:
        """All ends before a moment are settled."""
        self.since = max(self.since, until.replace(microsecond=0))
        self._settled = {name: ended for name, ended in self._settled.items() if ended >= self.since}

    def to_text(self) -> str:
        """As it is written down."""
        settled = {name: _text(ended) for name, ended in sorted(self._settled.items())}
        return json.dumps({"since": _text(self.since), "settled": settled})


def ledger(config_map: Mapping[str, Any]) -> Ledger:
    """What a ConfigMap holds; of a new one, that all is settled which ended before it was made.

    Raises:
        ValueError: something else was written there.
    """
    made = datetime.fromisoformat(config_map["metadata"]["creationTimestamp"])
    text = (config_map.get("data") or {}).get(KEY)
    if not text:
        return Ledger(made)
    try:
        found = json.loads(text)
        settled = {str(name): datetime.fromisoformat(ended) for name, ended in found["settled"].items()}
        return Ledger(datetime.fromisoformat(found["since"]), settled)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"The ConfigMap {config_map['metadata']['name']} does not hold what was written there ({error!r}). Take its data away: "
            "then ends since it was made are told, those of which something was told already a second time."
        ) from error


def _name(uid: str, channel: str) -> str:
    return f"{uid}/{channel}" if channel else uid


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
