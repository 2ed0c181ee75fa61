"""The reference page of a session's settings, made from their declarations in spark_session."""

import json
import sys
from pathlib import Path

from dev.markdown import table
from dev.paths import REPOSITORY

# The library's own source, whatever Python runs this.
sys.path.insert(0, str(REPOSITORY / "spark_session" / "src"))

from spark_session.context import Context
from spark_session.defaults import SparkSessionDefaults
from spark_session.environment import S3, Credentials, Environment, Workspace
from spark_session.plan import build
from spark_session.request import Request
from spark_session.settings import SETTINGS, SetBy, Setting, Settings, Source

PAGE = REPOSITORY / "docs" / "researchers" / "settings.md"

INTRODUCTION = """\
# Every setting of a session

<!-- Made by `python -m dev.schema` from spark_session/src/spark_session/settings.py and defaults.py: change those. -->

`spark_session.explain()` shows the values that a session has, and where each came from. Here is what they are for, and who may set them:
*anyone* in `get_spark_session(conf={...})`, *the administrator* in the chart's value `spark.conf`; those of *the session* follow from where it runs and from the
arguments of the call. Settings of Spark that are not listed here are anyone's to set.

A key that ends in a dot stands for all that begin with it. *At the start* means: it takes effect when the Java process of the kernel starts, so a
second session of one kernel cannot change it.

## Settings of Spark

"""

FOR_ADMINISTRATORS = """
## What administrators decide

The chart's values below `spark` ([Values](../admins/values.md)) arrive in a notebook as `SparkSessionDefaults`. Elsewhere the variable `SPARK_SESSION_CONFIG` says them, as
JSON: `{"SparkSessionDefaults": {"executor_memory": "4g"}}`.

"""

WHO = {SetBy.SESSION: "the session", SetBy.ADMIN: "the administrator", SetBy.USER: "anyone"}


def page() -> str:
    """The page in Markdown."""
    usual = usual_settings()
    settings = [row(setting, usual) for setting in sorted(SETTINGS, key=lambda each: each.key)]
    defaults = SparkSessionDefaults()
    traits = [
        (f"`{name}`", f"`{json.dumps(getattr(defaults, name))}`", trait.help)
        for name, trait in sorted(SparkSessionDefaults.class_traits(config=True).items())
    ]
    return (
        INTRODUCTION
        + table(("setting", "usual value", "set by", "what it is for"), settings)
        + FOR_ADMINISTRATORS
        + table(("name", "default", "what it decides"), traits)
    )


def row(setting: Setting, usual: Settings) -> tuple[str, ...]:
    """What is usual is the value of a session in a notebook, where it is the same in all of them."""
    value = usual.get(setting.key)
    text = f"`{value.text}`" if value is not None and value.source is Source.DEFAULT else ""
    return f"`{setting.key}`", text, WHO[setting.set_by], setting.doc + (" *At the start.*" if setting.at_start else "")


def usual_settings() -> Settings:
    """Settings of a session in a notebook that asks for nothing, in a workspace where nothing is configured."""
    workspace = Workspace("user-ada", "jupyter-ada", "10.0.0.7", "https://10.0.0.1:443", "image", "IfNotPresent")
    s3 = S3("s3://notebooks/users/ada", "https://s3.example", "eu-central-1", Credentials.PROFILE)
    environment = Environment(workspace, s3, "/opt/venv/bin/python", "flights")
    return build(Context(environment, Request(), SparkSessionDefaults(), "0123abcd", Path("scratch"))).settings
