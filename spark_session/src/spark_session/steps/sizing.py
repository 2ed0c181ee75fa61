"""How many executors, and how large."""

from __future__ import annotations

from spark_session.context import Context
from spark_session.errors import SparkSessionError
from spark_session.settings import Settings, Source, Value
from spark_session.sizes import format_cores, format_memory, parse_memory


def sizing(context: Context) -> Settings:
    """Sizes from the call, else from the administrator, within the administrator's limits.

    On a machine of one's own there are no executors to size; the limits hold there too, so that a script that runs on
    the laptop is not refused later.

    Raises:
        SparkSessionError: the call asks for more than the administrator allows.
    """
    request, defaults = context.request, context.defaults
    memory_mib = request.memory_mib or parse_memory(defaults.executor_memory)
    _check_limits(context, memory_mib)
    if context.environment.workspace is None:
        return {}
    cpu = context.cores * defaults.executor_cpu_request
    return {
        "spark.executor.instances": _sized(context, "executors", "executors", str(context.executors)),
        "spark.executor.cores": _sized(context, "cores", "executor_cores", str(context.task_slots)),
        "spark.executor.memory": _sized(context, "memory_mib", "executor_memory", format_memory(memory_mib)),
        "spark.executor.memoryOverheadFactor": context.configured(
            "executor_memory_overhead_factor", str(defaults.executor_memory_overhead_factor)
        ),
        "spark.kubernetes.executor.request.cores": _sized(
            context, "cores", "executor_cpu_request", format_cores(round(cpu, 3))
        ),
    }


def _sized(context: Context, argument: str, trait: str, text: str) -> Value:
    if getattr(context.request, argument) is not None:
        return Value(text, Source.USER)
    return context.configured(trait, text)


def _check_limits(context: Context, memory_mib: int) -> None:
    defaults = context.defaults
    most = context.most_executors
    if defaults.max_executors is not None and most > defaults.max_executors:
        raise _over("executors" if context.bounds is None else "max_executors", str(most), str(defaults.max_executors))
    if defaults.max_executor_cores is not None and context.cores > defaults.max_executor_cores:
        raise _over("cores", format_cores(context.cores), format_cores(defaults.max_executor_cores))
    if defaults.max_executor_memory is not None and memory_mib > parse_memory(defaults.max_executor_memory):
        raise _over("memory", format_memory(memory_mib), defaults.max_executor_memory)


def _over(argument: str, asked: str, limit: str) -> SparkSessionError:
    return SparkSessionError(
        f"{argument}={asked} is more than you may have.",
        f"Your administrator's limit is {limit}.",
        f"Ask for {limit} or less, or ask your administrator for more.",
    )
