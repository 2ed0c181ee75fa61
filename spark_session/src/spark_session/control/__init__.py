"""Control of a session while it runs: how many executors it has, what they do, what they said."""

from spark_session.control.cluster import Cluster

__all__ = ["Cluster"]
