"""What a call of get_spark_session asks for, checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from spark_session.errors import SparkSessionError, show
from spark_session.packages.items import parse_environment, parse_packages, parse_py_files
from spark_session.sizes import parse_cores, parse_memory

LONGEST_NAME = 100
MOST_EXECUTORS = 10_000
_KEY = re.compile(r"spark\.[A-Za-z0-9_.\-/]*[A-Za-z0-9_\-]", re.ASCII)


@dataclass(frozen=True)
class Request:
    """The arguments of a call; None where the call leaves the choice to the defaults.

    Args:
        executors: number of executors.
        cores: cores of each executor.
        memory_mib: heap of each executor in MiB.
        name: name of the session.
        conf: Spark settings.
        min_executors: executors that a session has at least, where their number follows the work.
        max_executors: executors that it has at most then.
        packages: Python packages, jars and Maven coordinates.
        py_files: code of one's own.
        environment: a packed environment.
        profile: name of the profile of executors.
    """

    executors: int | None = None
    cores: float | None = None
    memory_mib: int | None = None
    name: str | None = None
    conf: Mapping[str, str] = field(default_factory=dict)
    min_executors: int | None = None
    max_executors: int | None = None
    packages: tuple[str, ...] = ()
    py_files: tuple[str, ...] = ()
    environment: str | None = None
    profile: str | None = None

    @classmethod
    def parse(
        cls,
        executors: object = None,
        cores: object = None,
        memory: object = None,
        name: object = None,
        conf: object = None,
        *,
        min_executors: object = None,
        max_executors: object = None,
        packages: object = None,
        py_files: object = None,
        environment: object = None,
        profile: object = None,
    ) -> Request:
        """Check the arguments as a person wrote them.

        Raises:
            SparkSessionError: the first argument that makes no sense.
        """
        return cls(
            executors=None if executors is None else _parse_executors(executors),
            cores=None if cores is None else parse_cores(cores),
            memory_mib=None if memory is None else parse_memory(memory),
            name=None if name is None else _parse_name(name),
            conf={} if conf is None else _parse_conf(conf),
            min_executors=None if min_executors is None else _parse_executors(min_executors, "min_executors", least=0),
            max_executors=None if max_executors is None else _parse_executors(max_executors, "max_executors"),
            packages=() if packages is None else parse_packages(packages),
            py_files=() if py_files is None else parse_py_files(py_files),
            environment=None if environment is None else parse_environment(environment),
            profile=None if profile is None else parse_profile(profile),
        )

    def differences(self, other: Request) -> list[str]:
        """Names of the arguments in which two calls differ."""
        return [f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name)]


def _parse_executors(value: object, argument: str = "executors", least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SparkSessionError(
            f"{argument}={show(value)} is not a number of executors.",
            "It must be a whole number.",
            f"Write a number without quotes, for example {argument}=2.",
        )
    if not least <= value <= MOST_EXECUTORS:
        raise SparkSessionError(
            f"{argument}={show(value)} is out of range.",
            f"A session has between {least} and {MOST_EXECUTORS} executors.",
            "Leave the argument out for your administrator's default.",
        )
    return value


def parse_profile(value: object, argument: str = "profile") -> str:
    """The name of a profile.

    Raises:
        SparkSessionError: it is no name at all.
    """
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise SparkSessionError(
        f"{argument}={show(value)} is not the name of a profile.",
        "It is text.",
        "spark_session.profiles() lists those that your administrator offers.",
    )


def _parse_name(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_NAME or not value.isprintable():
        raise SparkSessionError(
            f"name={show(value)} is not a name.",
            f"It must be text of 1 to {LONGEST_NAME} printable characters.",
            'For example name="flight delays".',
        )
    return value.strip()


def _parse_conf(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise SparkSessionError(
            f"conf is a {type(value).__name__}.",
            "It must be a dictionary of Spark settings.",
            'For example conf={"spark.sql.shuffle.partitions": 64}.',
        )
    return {_parse_key(key): _parse_setting(key, setting) for key, setting in value.items()}


def _parse_key(key: object) -> str:
    if isinstance(key, str) and _KEY.fullmatch(key):
        return key
    fix = "See the Spark configuration page for the names."
    if isinstance(key, str) and key.startswith(("fs.", "mapreduce.", "dfs.", "parquet.")):
        fix = f'Settings of Hadoop take a prefix: write "spark.hadoop.{key}".'
    raise SparkSessionError(f"conf has the key {show(key)}.", 'Names of Spark settings begin with "spark.".', fix)


def _parse_setting(key: object, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and math.isfinite(value):
        return str(value)
    if isinstance(value, str) and "\0" not in value:
        return value
    raise SparkSessionError(
        f"conf[{key!r}] is a {type(value).__name__} that no setting can have: {show(value)}.",
        "The value of a setting must be text, a finite number, True or False.",
        "Leave a key out to keep its default.",
    )
