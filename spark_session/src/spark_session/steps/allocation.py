"""How executors are created, and what happens while they are not there yet."""

from __future__ import annotations

from spark_session.context import Context, default
from spark_session.settings import Settings

LARGEST_BATCH = 100
SECONDS_BETWEEN_BATCHES = 5
SMALLEST_BATCH = 20
NEVER = 2**31 - 1


def allocation(context: Context) -> Settings:
    """Create all executors in one go where that is reasonable, start with the first, and outlive refused ones.

    Since Spark 4.3 every refused pod counts as a failed executor, and by default twice as many failures as executors end
    the driver (`sys.exit(11)`): in a notebook a quota would kill the JVM and all that it holds.
    """
    if context.environment.workspace is None:
        return {}
    return {
        "spark.kubernetes.allocation.batch.size": default(
            str(min(max(context.most_executors, SMALLEST_BATCH), LARGEST_BATCH))
        ),
        # Executors that a quota refuses are asked for again at every batch.
        "spark.kubernetes.allocation.batch.delay": default(f"{SECONDS_BETWEEN_BATCHES}s"),
        "spark.executor.maxNumFailures": default(str(NEVER)),
        "spark.scheduler.minRegisteredResourcesRatio": default("0"),
        # Otherwise the first job would be cut into pieces for the executors that happen to be there by then.
        "spark.default.parallelism": default(str(max(2, context.most_executors * context.task_slots))),
        # Their pods are deleted by the session, which keeps the ends of their logs first (spark_session.control.ended).
        "spark.kubernetes.executor.deleteOnTermination": default("false"),
        **_dynamic_allocation(context),
    }


def _dynamic_allocation(context: Context) -> Settings:
    """Spark's own way to let the number of executors follow the work, for those who ask for it."""
    if not context.dynamic_allocation or context.bounds is None:
        return {}
    least, most = context.bounds
    return {
        "spark.dynamicAllocation.minExecutors": default(str(least)),
        "spark.dynamicAllocation.maxExecutors": default(str(most)),
        "spark.dynamicAllocation.initialExecutors": default(str(context.executors)),
        # There is no shuffle service on Kubernetes: an executor stays while somebody may read what it wrote.
        "spark.dynamicAllocation.shuffleTracking.enabled": default("true"),
    }
