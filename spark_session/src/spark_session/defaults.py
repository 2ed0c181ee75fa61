"""The administrator's configuration of sessions."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

from traitlets import Bool, Dict, Enum, Float, Integer, List, TraitError, Unicode, validate
from traitlets.config import Config, Configurable

from spark_session.errors import SparkSessionError, SparkSessionWarning
from spark_session.placement import DRIVERS, EXECUTORS, Offered, parse_profiles
from spark_session.sizes import parse_cores, parse_memory

CONFIG_VARIABLE = "SPARK_SESSION_CONFIG"
CHOICES = ("always", "failure", "never")
"""Of which ends of a job its person is told. The service that tells reads them from the job (spark_notebooks_hub.notices)."""


class SparkSessionDefaults(Configurable):
    """Sizes and limits of every session, set by the administrator.

    Configured by traitlets configuration as JSON in the variable SPARK_SESSION_CONFIG, for example
    `{"SparkSessionDefaults": {"executor_memory": "4g", "max_executors": 50}}`.
    """

    executors = Integer(2, min=1, help="Executors of a session whose call names no number.").tag(config=True)
    executor_cores = Float(
        1.0, help="Cores of each executor when the call names none: that many tasks run in it at once."
    ).tag(config=True)
    executor_cpu_request = Float(
        1.0,
        help="CPU that Kubernetes sets aside for each core of an executor. Below 1, executors share cores: "
        "right for trying out on a small machine, slow under load.",
    ).tag(config=True)
    executor_memory = Unicode("1g", help='Heap of each executor when the call names none, such as "4g".').tag(
        config=True
    )
    executor_memory_overhead_factor = Float(
        0.4,
        min=0.0,
        max=10.0,
        help="Memory on top of the heap, as a share of it (at least 384 MiB): Python workers and the JVM's own needs.",
    ).tag(config=True)
    max_executors = Integer(None, allow_none=True, min=1, help="Most executors of one session; null for no limit.").tag(
        config=True
    )
    max_executor_cores = Float(None, allow_none=True, help="Most cores of one executor; null for no limit.").tag(
        config=True
    )
    max_executor_memory = Unicode(
        None, allow_none=True, help='Largest heap of one executor, such as "32g"; null for no limit.'
    ).tag(config=True)
    profiles = Dict(
        help="Kinds of nodes that may be named, by their names: the chart's `workspace.profiles`, as far as the person may use them."
    ).tag(config=True)
    executor_profile = Unicode(
        None,
        allow_none=True,
        help="The profile of executors whose session names none; null lets Kubernetes choose the nodes.",
    ).tag(config=True)
    driver_profile = Unicode(
        None,
        allow_none=True,
        help="The profile of jobs that name none, for the script's own pod; null lets Kubernetes choose the node.",
    ).tag(config=True)
    priority_class = Unicode(
        None,
        allow_none=True,
        help="Kubernetes' PriorityClass of executors and jobs, by the person's groups; null for none.",
    ).tag(config=True)
    cell_progress = Bool(
        True,
        help='Show stages and tasks under the running cell of a notebook. A call turns it off with conf={"spark.notebooks.cellProgress": False}.',
    ).tag(config=True)
    event_log = Bool(
        True,
        help="Keep what the Spark UI shows, so that past sessions can be looked at: on S3, in the hidden folder .spark-history of each person.",
    ).tag(config=True)
    fallback_storage = Bool(
        False,
        help="Put shuffle files of executors that go on S3, below the person's own place, where no other executor has room for them. "
        "Costs a look at S3 at the end of every session.",
    ).tag(config=True)
    network_encryption = Bool(
        False,
        help="Encrypt what driver and executors send each other. They always prove to each other who they are.",
    ).tag(config=True)
    spill_encryption = Bool(
        False,
        help="Encrypt shuffle and spill files on the disks of executors, with a key that only the session has. The key "
        "travels over the network, so set network_encryption, too.",
    ).tag(config=True)
    notices = Enum(
        list(CHOICES),
        None,
        allow_none=True,
        help="Which ends of jobs are told, by mail or otherwise, where a job does not say (`--notify`); null where nobody is told of any.",
    ).tag(config=True)
    executor_progress = Bool(
        True, help="Whether a session tells how far its executors are, and why they don't come: false for silence."
    ).tag(config=True)
    warm_jvm = Bool(
        True,
        help="Start the Java process of a session with the kernel, for a first session that comes seconds sooner. One that nobody uses "
        "takes about 350 MB of the notebook's memory, in one kernel at a time, and is ended after 10 minutes.",
    ).tag(config=True)
    first_executor_timeout = Float(
        600.0,
        min=0.0,
        help="Seconds that a script which runs unattended waits for its first executor, before it ends with the reason why there is none.",
    ).tag(config=True)
    packages = List(
        Unicode(),
        help="Python packages, jars and Maven coordinates of every session, before those of the call, as for its `packages=`.",
    ).tag(config=True)
    py_files = List(
        Unicode(),
        help="Code of every session, as for `py_files=`: folders of the image, s3:// addresses, repositories "
        "(git+https://host/repository@revision#subdirectory=src).",
    ).tag(config=True)
    maven_repositories = List(
        Unicode(),
        help="Where Maven coordinates are looked up, in this order; none is Maven Central. pip has its own settings.",
    ).tag(config=True)
    conf = Dict(help="Spark settings of every session. A call's own conf wins where researchers may set the key.").tag(
        config=True
    )

    @validate("executor_cores", "executor_cpu_request", "max_executor_cores")
    def _check_cores(self, proposal: dict[str, object]) -> float | None:
        value = proposal["value"]
        return None if value is None else parse_cores(value, _trait_name(proposal))

    @validate("executor_memory", "max_executor_memory")
    def _check_memory(self, proposal: dict[str, object]) -> object:
        value = proposal["value"]
        if value is not None:
            parse_memory(value, _trait_name(proposal))
        return value

    @validate("profiles")
    def _check_profiles(self, proposal: dict[str, Any]) -> object:
        parse_profiles(proposal["value"])
        return proposal["value"]

    @property
    def offered(self) -> Offered:
        """The profiles, and which are the defaults."""
        names = {EXECUTORS: self.executor_profile, DRIVERS: self.driver_profile}
        defaults = {role: name for role, name in names.items() if name is not None}
        return Offered(parse_profiles(self.profiles), defaults)

    def is_configured(self, trait: str) -> bool:
        """Whether the administrator set this trait."""
        return trait in self.config.get(type(self).__name__, {})


def _trait_name(proposal: dict[str, object]) -> str:
    return str(getattr(proposal["trait"], "name", "size"))


def load_defaults(variables: Mapping[str, str]) -> SparkSessionDefaults:
    """Read the administrator's configuration from the environment variables.

    Raises:
        SparkSessionError: SPARK_SESSION_CONFIG is not JSON, or a value does not fit its trait.
    """
    name = SparkSessionDefaults.__name__
    what = f"The configuration in {CONFIG_VARIABLE} is not valid."
    fix = "Your administrator sets it (`spark` in the chart's values). On your own machine, unset the variable."
    text = variables.get(CONFIG_VARIABLE, "").strip()
    try:
        content = json.loads(text) if text else {}
    except ValueError as error:
        raise SparkSessionError(what, f"It is not JSON: {error}.", fix) from error
    if not isinstance(content, dict) or not isinstance(content.get(name, {}), dict):
        raise SparkSessionError(what, f'It must be an object like {{"{name}": {{"executor_memory": "4g"}}}}.', fix)
    known = set(SparkSessionDefaults.class_trait_names(config=True))
    given = content.get(name, {})
    if unknown := sorted(set(given) - known):
        # A newer chart may know settings that an older image does not: worth a word, not worth the session.
        warnings.warn(f"{CONFIG_VARIABLE}: unknown {', '.join(unknown)}.", SparkSessionWarning, stacklevel=2)
    try:
        return SparkSessionDefaults(config=Config({name: {key: given[key] for key in given if key in known}}))
    except SparkSessionError as error:
        raise SparkSessionError(what, f"{error.what} {error.why}", fix) from error
    except TraitError as error:
        raise SparkSessionError(what, f"{error}", fix) from error
