"""Every Spark setting that a session manages, declared once: its meaning and who may set it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Source(Enum):
    """Where the value of a setting came from."""

    DEFAULT = "default"
    ADMIN = "admin"
    PROFILE = "profile"
    USER = "user"
    DETECTED = "detected"


@dataclass(frozen=True)
class Value:
    """The value of a setting and where it came from."""

    text: str
    source: Source


Settings = dict[str, Value]


def texts(settings: Settings) -> dict[str, str]:
    """The values alone, as Spark takes them."""
    return {key: value.text for key, value in settings.items()}


def text_of(settings: Settings, key: str, default: str = "") -> str:
    """The value of one setting, or the default where it is not set."""
    value = settings.get(key)
    return default if value is None else value.text


class SetBy(Enum):
    """Who may give a setting another value in `conf`. The administrator may do what a researcher may."""

    SESSION = "only the session"
    ADMIN = "the administrator"
    USER = "anyone"


@dataclass(frozen=True)
class Setting:
    """A Spark setting, or a family of them when the key ends in a dot.

    Args:
        key: the name, or the prefix of the family's names.
        doc: what the session uses it for.
        set_by: who may set it in `conf`.
        instead: what a researcher does instead of setting it.
        at_start: takes effect only when the JVM starts, so not in a second session of one kernel.
    """

    key: str
    doc: str
    set_by: SetBy = SetBy.USER
    instead: str = "Leave it out: the session sets it."
    at_start: bool = False

    @property
    def is_family(self) -> bool:
        """Whether the key is a prefix."""
        return self.key.endswith(".")


_WHERE = "Leave it out: where the session runs is decided by where the code runs (see spark_session.explain())."
_PACKAGES = 'Use packages=, for example packages=["org.postgresql:postgresql:42.7.7", "s3://bucket/tool.jar"].'
_BRING = "Use environment= for a packed environment, packages= for packages, and py_files= for code."
_ADMIN = "Ask your administrator, who can set it for everyone."

SETTINGS = (
    Setting("spark.app.name", "Name of the session in the Spark UI and of its pods.", SetBy.SESSION, "Use name=."),
    Setting(
        "spark.master", "The Kubernetes API of the workspace, or all cores of this machine.", SetBy.SESSION, _WHERE
    ),
    Setting("spark.remote", "Spark Connect; a session here is a classic one.", SetBy.SESSION, _WHERE),
    Setting("spark.api.mode", "Spark Connect; a session here is a classic one.", SetBy.SESSION, _WHERE),
    Setting("spark.submit.deployMode", "The driver is this process: client.", SetBy.SESSION, _WHERE),
    Setting("spark.driver.host", "Address at which executors find the driver.", SetBy.SESSION, _WHERE),
    Setting("spark.driver.bindAddress", "Address the driver listens on.", SetBy.SESSION, _WHERE),
    Setting(
        "spark.driver.port", "Port of the driver; free ports are found anew for each session.", SetBy.ADMIN, _ADMIN
    ),
    Setting("spark.ui.port", "Port of the Spark UI; 0 takes a free one, as a pod may have several sessions."),
    Setting("spark.ui.showConsoleProgress", "Progress bar of characters while a job runs."),
    Setting("spark.notebooks.cellProgress", "Progress of Spark under the running cell of a notebook."),
    Setting("spark.eventLog.enabled", "Keep what the Spark UI shows for the time after the session."),
    Setting(
        "spark.eventLog.dir",
        "Where that is kept until it is collected.",
        SetBy.ADMIN,
        'Leave it out, or turn the log off: conf={"spark.eventLog.enabled": False}.',
    ),
    Setting("spark.eventLog.rolling.enabled", "In pieces: the finished ones are collected while the session runs."),
    Setting("spark.eventLog.compress", "A tenth of the size."),
    Setting("spark.driver.memory", "Heap of the driver JVM.", at_start=True),
    Setting("spark.driver.extraJavaOptions", "Options of the driver JVM.", at_start=True),
    Setting("spark.driver.extraClassPath", "Jars that the driver puts before Spark's own.", at_start=True),
    Setting("spark.driver.extraLibraryPath", "Native libraries of the driver JVM.", at_start=True),
    Setting("spark.executor.instances", "Number of executors.", SetBy.SESSION, "Use executors=."),
    Setting("spark.executor.cores", "Tasks that run in an executor at once.", SetBy.SESSION, "Use cores=."),
    Setting("spark.executor.memory", "Heap of an executor.", SetBy.SESSION, "Use memory=."),
    Setting("spark.executor.memoryOverheadFactor", "Memory of an executor beside its heap, as a share of it."),
    Setting("spark.executor.maxNumFailures", "Refused or failed executors after which Spark ends the driver: never."),
    Setting("spark.default.parallelism", "Partitions of a data set that nothing else decides: one per executor core."),
    Setting(
        "spark.scheduler.minRegisteredResourcesRatio",
        "Share of the executors that the first job waits for: none, it starts with the first executor.",
    ),
    Setting(
        "spark.dynamicAllocation.",
        "How Spark decides, where spark.dynamicAllocation.enabled is set.",
        SetBy.ADMIN,
        "Use min_executors= and max_executors=.",
    ),
    Setting(
        "spark.dynamicAllocation.enabled",
        "Whether Spark decides on the number of executors. Without it the session does, where min_executors or max_executors are given, "
        "and can be told otherwise while it runs.",
    ),
    Setting("spark.authenticate", "Executors and driver prove to each other that they belong together.", SetBy.ADMIN),
    Setting("spark.authenticate.", "Settings of that proof.", SetBy.ADMIN, _ADMIN),
    Setting(
        "spark.authenticate.secret.file",
        "The workspace's secret, as a file in this pod and the executors'.",
        SetBy.SESSION,
        _WHERE,
    ),
    Setting("spark.network.crypto.", "Encryption of what driver and executors send each other.", SetBy.ADMIN, _ADMIN),
    Setting("spark.io.encryption.", "Encryption of shuffle and spill files.", SetBy.ADMIN, _ADMIN),
    Setting(
        "spark.decommission.enabled", "Executors that are sent away finish their tasks and hand on their blocks first."
    ),
    Setting("spark.storage.decommission.enabled", "The blocks that they hand on: shuffle files and cached data."),
    Setting(
        "spark.storage.decommission.replicationReattemptInterval",
        "How often an executor that goes looks for more blocks to hand on: often where nodes go at short notice.",
    ),
    Setting(
        "spark.executor.decommission.killInterval",
        "How long an executor that goes is there, where a profile says so. With spark.speculation its longer tasks begin anew elsewhere.",
    ),
    Setting(
        "spark.storage.decommission.fallbackStorage.path",
        "Where shuffle files go that no other executor has room for.",
        SetBy.ADMIN,
        _ADMIN,
    ),
    Setting(
        "spark.storage.decommission.fallbackStorage.cleanUp",
        "Delete them at the end of the session.",
        SetBy.ADMIN,
        _ADMIN,
    ),
    Setting(
        "spark.kubernetes.decommission.script", "What tells an executor that its pod is about to go.", SetBy.SESSION
    ),
    Setting("spark.kubernetes.", "Everything of Kubernetes that is not named here.", SetBy.ADMIN, _ADMIN),
    Setting("spark.kubernetes.namespace", "The workspace.", SetBy.SESSION, _WHERE),
    Setting(
        "spark.kubernetes.context",
        "In a pod elsewhere: SPARK_SESSION_CONTEXT, of its kubeconfig.",
        SetBy.SESSION,
        _WHERE,
    ),
    Setting("spark.kubernetes.driver.pod.name", "This pod: executors go when it goes.", SetBy.SESSION, _WHERE),
    Setting("spark.kubernetes.container.image", "Image of the executors: the notebook's own.", SetBy.SESSION, _WHERE),
    Setting("spark.kubernetes.container.image.pullPolicy", "As for the notebook.", SetBy.SESSION, _WHERE),
    Setting(
        "spark.kubernetes.authenticate.executor.serviceAccountName",
        "Service account of the executors; it has no rights.",
        SetBy.SESSION,
    ),
    Setting(
        "spark.kubernetes.executor.deleteOnTermination",
        "Off: the session deletes the pods of executors that have ended, and keeps the ends of their logs.",
        SetBy.SESSION,
    ),
    Setting("spark.kubernetes.executor.podNamePrefix", "Names of the executor pods.", SetBy.SESSION, "Use name=."),
    Setting("spark.kubernetes.executor.podTemplateFile", "What every executor pod looks like.", SetBy.SESSION),
    Setting(
        "spark.kubernetes.executor.node.selector.",
        "Labels of the nodes on which executors run.",
        SetBy.ADMIN,
        "Use profile=; spark_session.profiles() lists what your administrator offers.",
    ),
    Setting(
        "spark.kubernetes.executor.terminationGracePeriodSeconds",
        "What an executor's pod has for its end.",
        SetBy.ADMIN,
        _ADMIN,
    ),
    Setting("spark.kubernetes.executor.request.cores", "CPU set aside for an executor.", SetBy.SESSION, "Use cores=."),
    Setting(
        "spark.kubernetes.executor.disableConfigMap", "No ConfigMap: the session may create pods only.", SetBy.SESSION
    ),
    Setting(
        "spark.kubernetes.driver.service.deleteOnTermination",
        "No Service to delete: the session may create pods only.",
        SetBy.SESSION,
    ),
    Setting(
        "spark.kubernetes.driver.ownPersistentVolumeClaim",
        "No volume claims to own: the session may create pods only.",
        SetBy.SESSION,
    ),
    Setting(
        "spark.kubernetes.driver.reusePersistentVolumeClaim",
        "No volume claims to reuse: the session may create pods only.",
        SetBy.SESSION,
    ),
    Setting("spark.kubernetes.allocation.batch.size", "Executor pods created at once.", SetBy.ADMIN, _ADMIN),
    Setting("spark.kubernetes.allocation.batch.delay", "Time between two such batches.", SetBy.ADMIN, _ADMIN),
    Setting("spark.executorEnv.", "Environment variables of the executors."),
    Setting("spark.archives", "What executors unpack before their first task.", SetBy.SESSION, _BRING),
    Setting("spark.submit.pyFiles", "Code of one's own.", SetBy.SESSION, "Use py_files=."),
    Setting("spark.jars", "Jars for the driver and the executors.", SetBy.SESSION, _PACKAGES),
    Setting("spark.jars.packages", "Maven coordinates.", SetBy.SESSION, _PACKAGES),
    Setting("spark.jars.repositories", "Maven repositories besides the administrator's, or Maven Central."),
    Setting("spark.jars.excludes", "group:artifact of what Maven coordinates need and the session is not to have."),
    Setting("spark.jars.ivy", "Where Ivy keeps what it has downloaded: ~/.ivy2."),
    Setting("spark.jars.ivySettings", "Settings of Ivy in place of all repositories."),
    Setting("spark.hadoop.fs.s3.impl", "s3:// is read by S3A, as s3a:// is."),
    Setting("spark.hadoop.fs.s3a.endpoint", "URL of the S3 store."),
    Setting("spark.hadoop.fs.s3a.endpoint.region", "AWS region."),
    Setting("spark.hadoop.fs.s3a.path.style.access", "Bucket in the path rather than in the host name: not on AWS."),
    Setting(
        "spark.hadoop.fs.s3a.aws.credentials.provider", "Class that finds the S3 keys; the keys are in no setting."
    ),
    Setting(
        "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3",
        "What is written to s3:// is committed as what is written to s3a:// is.",
    ),
    Setting(
        "spark.hadoop.fs.s3a.committer.name",
        "How a job's files appear on S3: magic (together, when the job commits) or file (by renaming, which replaces single partitions, too).",
    ),
    Setting(
        "spark.hadoop.fs.s3a.access.key",
        "Never set: settings are shown in the Spark UI.",
        SetBy.SESSION,
        "Put keys in ~/.aws/credentials or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, before the session starts.",
    ),
    Setting(
        "spark.hadoop.fs.s3a.secret.key",
        "Never set: settings are shown in the Spark UI.",
        SetBy.SESSION,
        "Put keys in ~/.aws/credentials or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, before the session starts.",
    ),
)

_EXACT = {setting.key: setting for setting in SETTINGS if not setting.is_family}
_FAMILIES = sorted((setting for setting in SETTINGS if setting.is_family), key=lambda s: len(s.key), reverse=True)


def find(key: str) -> Setting | None:
    """The declaration of a key: its own, else its family's, else None."""
    if key in _EXACT:
        return _EXACT[key]
    return next((family for family in _FAMILIES if key.startswith(family.key)), None)


_LETTERS = {"".join(sorted(key.lower())): key for key in _EXACT}


def misspelt(key: str) -> str | None:
    """The declared key that has the same letters in another case or order; None where there is none, or it is that key."""
    meant = _LETTERS.get("".join(sorted(key.lower())))
    return None if meant == key else meant
