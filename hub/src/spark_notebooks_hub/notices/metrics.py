"""Counts for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """What was told, and what waits."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.notices = Counter(
            "spark_notebooks_notices",
            "Notices of ended jobs that are settled, by how: sent, refused, given up, failed",
            ["channel", "how"],
            registry=self.registry,
        )
        self.tries = Counter(
            "spark_notebooks_notice_failures",
            "Tries to send a notice that failed and are repeated",
            ["channel"],
            registry=self.registry,
        )
        self.waiting = Gauge(
            "spark_notebooks_notices_waiting", "Ended jobs that are yet to be told", registry=self.registry
        )
