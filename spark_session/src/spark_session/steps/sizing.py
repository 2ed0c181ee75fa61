"""How many executors, and how large."""

from __future__ import annotations

from spark_session.context import Context
from spark_session.errors import SparkSessionError
from spark_session.settings import Settings, Source, Value
from spark_session.sizes import format_cores, format_memory, parse_memory


def sizing(context: Context) -> Settings:
    """Sizes from the call, else from the profile, else from the administrator, within the administrator's limits.

    On a machine of one's own there are no executors to size; the limits hold there too, so that a script that runs on
    the laptop is not refused later.

    Raises:
        SparkSessionError: the call asks for more than the administrator allows.
    """
    request, defaults = context.request, context.defaults
    share = context.share
    by_default = parse_memory(defaults.executor_memory) if share is None else share.heap_mib
    memory_mib = request.memory_mib or by_default
    _check_limits(context, memory_mib)
    if context.environment.workspace is None:
        return {}
    return {
        "spark.executor.instances": _sized(context, "executors", "executors", str(context.executors)),
        "spark.executor.cores": _sized(context, "cores", "executor_cores", str(context.task_slots), share is not None),
        "spark.executor.memory": _sized(
            context, "memory_mib", "executor_memory", format_memory(memory_mib), share is not None
        ),
        "spark.executor.memoryOverheadFactor": context.configured(
            "executor_memory_overhead_factor", str(defaults.executor_memory_overhead_factor)
        ),
        "spark.kubernetes.executor.request.cores": _sized(
            context, "cores", "executor_cpu_request", format_cores(context.cpu_request), share is not None
        ),
    }


def _sized(context: Context, argument: str, trait: str, text: str, by_profile: bool = False) -> Value:
    if getattr(context.request, argument) is not None:
        return Value(text, Source.USER)
    if by_profile:
        return Value(text, Source.PROFILE)
    return context.configured(trait, text)


def _check_limits(context: Context, memory_mib: int) -> None:
    defaults, request = context.defaults, context.request
    most, limit = context.most_executors, context.max_executors
    if limit is not None and most > limit:
        of_profile = context.profile if context.profile is not None and context.profile.max_executors else None
        raise _over(
            "executors" if context.bounds is None else "max_executors",
            str(most),
            str(limit),
            "" if of_profile is None else f' of the profile "{of_profile.name}"',
        )
    # What a profile makes of its nodes is the administrator's own.
    cores_of_profile = context.share is not None and request.cores is None
    if defaults.max_executor_cores is not None and context.cores > defaults.max_executor_cores and not cores_of_profile:
        raise _over("cores", format_cores(context.cores), format_cores(defaults.max_executor_cores))
    memory_of_profile = context.share is not None and request.memory_mib is None
    most_memory = defaults.max_executor_memory
    if most_memory is not None and memory_mib > parse_memory(most_memory) and not memory_of_profile:
        raise _over("memory", format_memory(memory_mib), most_memory)


def _over(argument: str, asked: str, limit: str, of: str = "") -> SparkSessionError:
    return SparkSessionError(
        f"{argument}={asked} is more than you may have.",
        f"Your administrator's limit{of} is {limit}.",
        f"Ask for {limit} or less, or ask your administrator for more.",
    )
