"""Token buckets: how often somebody may ask."""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass
class _Bucket:
    left: float
    at: float


class Limit:
    """At most `burst` at once and `rate` a second, for each key. Keys that nobody asked about for longest are forgotten beyond `most`.

    A forgotten key begins with a full bucket again, so `most` is to be larger than the number of askers.
    """

    def __init__(self, rate: float, burst: int, most: int = 20_000) -> None:
        self.rate, self.burst, self.most = rate, burst, most
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str, now: float) -> bool:
        """Whether there is one left for the key, which then is taken; now is in seconds of a clock that never goes back."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self.burst, now)
            if len(self._buckets) > self.most:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        bucket.left = min(self.burst, bucket.left + (now - bucket.at) * self.rate)
        bucket.at = now
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True

    def __len__(self) -> int:
        return len(self._buckets)
