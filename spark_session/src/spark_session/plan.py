"""The builder: all settings of a session, merged, each with where it came from."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from spark_session.context import Context
from spark_session.errors import SparkSessionError
from spark_session.packages.bring import Brought, rows
from spark_session.packages.items import Item
from spark_session.packages.look import look
from spark_session.pod_template import executor_pod
from spark_session.settings import SetBy, Settings, Source, Value, find, misspelt
from spark_session.steps import STEPS
from spark_session.steps.network import LOOPBACK

LOG_CONFIGURATION = Path(__file__).with_name("log4j2.properties")
_SECRET = re.compile(r"secret\.key|access\.key|session\.token|password|secret$|token$", re.IGNORECASE)


@dataclass(frozen=True)
class Plan:
    """A session before it is started. Shows itself as a table, in a notebook and in a terminal.

    Args:
        context: what the plan was made from.
        settings: Spark settings, by key.
        variables: environment variables of the driver, Python and JVM.
        files: text of the files the session needs, by path.
        items: packages and code that it brings along.
        brought: what came of them; None before the session starts, and where there are none.
    """

    context: Context
    settings: Settings
    variables: Mapping[str, str]
    files: Mapping[Path, str]
    items: tuple[Item, ...] = ()
    brought: Brought | None = None

    def with_brought(self, brought: Brought) -> Plan:
        """The plan with the settings of what was brought along."""
        return replace(self, settings=self.settings | brought.settings, brought=brought)

    def rows(self) -> list[tuple[str, str, str]]:
        """Source, name and value of the profile, of all that is brought along, of every setting and of every variable, the latter sorted by name; secrets are masked."""
        along = rows(self.items) if self.brought is None else self.brought.rows
        settings = [
            (value.source.value, key, "(hidden)" if _SECRET.search(key) else value.text)
            for key, value in sorted(self.settings.items())
        ]
        return (
            self._profile_rows()
            + along
            + settings
            + [(Source.DETECTED.value, f"${name}", text) for name, text in sorted(self.variables.items())]
        )

    def _profile_rows(self) -> list[tuple[str, str, str]]:
        profile = self.context.profile
        if profile is None:
            return []
        chosen_by = Source.ADMIN if self.context.request.profile is None else Source.USER
        named = (chosen_by.value, "profile", f"{profile.name}: {profile.description}")
        return [named, *((Source.PROFILE.value, name, text) for name, text in profile.rows())]

    def __repr__(self) -> str:
        rows = self.rows()
        width = max(len(name) for _, name, _ in rows)
        lines = [f"  {source:<8}  {name:<{width}}  {text}" for source, name, text in rows]
        return "\n".join([f"Environment: {self.context.environment.description}", *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows()
        )
        return (
            f"<p>Environment: {html.escape(self.context.environment.description)}</p>"
            f"<table><thead><tr><th>from</th><th>setting</th><th>value</th></tr></thead><tbody>{rows}</tbody></table>"
        )


def build(context: Context) -> Plan:
    """Plan a session: the steps' settings, under the administrator's `conf`, under the profile's, under the call's `conf`.

    Raises:
        SparkSessionError: a limit is passed, or `conf` sets what is not its to set.
    """
    made: Settings = {}
    for step in STEPS:
        made |= step(context)
    # What a profile says is more particular than what holds for every session.
    of_profile = {key: value for key, value in made.items() if value.source is Source.PROFILE}
    settings = made | _admin_conf(context.defaults.conf) | of_profile | _user_conf(context.request.conf)
    workspace = context.environment.workspace
    template = {} if workspace is None else {context.pod_template: json.dumps(executor_pod(context), indent=2)}
    return Plan(context, settings, driver_variables(context), template, look(context))


def driver_variables(context: Context) -> dict[str, str]:
    """Environment variables of the driver.

    The executors' Python is the notebook's; the Spark UI does not listen to the network; jars that come on top of PySpark's
    stand after them, so that a folder with other versions of Spark's own jars does no harm.
    """
    variables = {
        "PYSPARK_PYTHON": context.environment.python,
        "SPARK_LOCAL_IP": LOOPBACK,
        "LOG4J_CONFIGURATION_FILE": str(LOG_CONFIGURATION),
    }
    if context.environment.jars is not None:
        variables["SPARK_DIST_CLASSPATH"] = str(context.environment.jars / "*")
    return variables


def _user_conf(conf: Mapping[str, str]) -> Settings:
    for key in conf:
        setting = find(key)
        if setting is not None and setting.set_by is not SetBy.USER:
            raise SparkSessionError(f'conf sets "{key}".', "That one is not yours to set.", setting.instead)
        if setting is None and (meant := misspelt(key)) is not None:
            raise SparkSessionError(
                f'conf sets "{key}".', "There is no such setting in Spark.", f'Did you mean "{meant}"?'
            )
    return {key: Value(text, Source.USER) for key, text in conf.items()}


def _admin_conf(conf: Mapping[str, object]) -> Settings:
    for key in conf:
        setting = find(key)
        if setting is not None and setting.set_by is SetBy.SESSION:
            raise SparkSessionError(
                f'The administrator\'s conf sets "{key}".',
                "Every session works that one out for itself.",
                "Your administrator can take it out of the chart's values.",
            )
    return {key: Value(_text(value), Source.ADMIN) for key, value in conf.items() if value is not None}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
