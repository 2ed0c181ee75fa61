"""The command line of the driver JVM, without Spark's launcher, which is a JVM of its own.

PySpark starts `bin/spark-submit`, a shell script that runs a Java program to print the command line of the driver JVM. This module
writes that command line itself, for installations it knows: PySpark as pip installs it, configured by settings and variables alone.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

IMAGE = Path("/opt/spark-notebooks")
"""Where the notebook image keeps its class path and its ahead-of-time caches."""

DEFAULT_MEMORY = "1g"
MAIN_CLASS = "org.apache.spark.deploy.SparkSubmit"
PYSPARK = ("pyspark-shell",)
"""What a JVM runs that waits for PySpark."""

# JavaModuleOptions of Spark 4.3, as its launcher gives them to every driver.
MODULE_OPTIONS = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    "--add-modules=jdk.incubator.vector",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.lang.invoke=ALL-UNNAMED",
    "--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/java.net=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.cs=ALL-UNNAMED",
    "--add-opens=java.base/sun.security.action=ALL-UNNAMED",
    "--add-opens=java.base/sun.util.calendar=ALL-UNNAMED",
    "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dio.netty.allocator.type=pooled",
    "-Dio.netty.handler.ssl.defaultEndpointVerificationAlgorithm=NONE",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Dderby.connection.requireAuthentication=false",
)

# The optimizing compiler is the greatest user of CPU while a session starts, most of it for code that runs in the start only. It takes
# what runs ten times longer than by default: hot loops still reach it within milliseconds.
COMPILER_OPTIONS = (
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
)

# A driver that has the default heap and leaves the work to executors waits most of the time, and one that works itself on two processors has none
# for a collector that works beside the program. Such collectors would also keep tens of megabytes for themselves.
COLLECTOR_OF_SMALL_DRIVERS = "-XX:+UseSerialGC"
FEW_PROCESSORS = 2
_OWN_COLLECTOR = re.compile(r"-XX:[+-]Use\w+GC")

# What the C library has freed goes back to the system, looked for every 5 s. JVMs that don't know it are told above to pass it over.
MEMORY_OPTIONS = ("-XX:TrimNativeHeapInterval=5000",)

# A cache that does not fit the JVM is passed over; this keeps the JVM from talking about it.
CACHE_OPTIONS = ("-Xlog:aot*=off", "-Xlog:cds*=off")
_OWN_CACHE = ("-XX:AOT", "-XX:SharedArchiveFile", "-Xshare")

# Variables of spark-submit's scripts that are for other installations, or that its launcher reads as options.
_UNKNOWN_VARIABLES = (
    "PYSPARK_GATEWAY_PORT",
    "PYSPARK_SUBMIT_ARGS",
    "SPARK_LAUNCHER_OPTS",
    "SPARK_PREPEND_CLASSES",
    "SPARK_SUBMIT_OPTS",
    "SPARK_TESTING",
    "SPARK_SQL_TESTING",
    "SPARK_MEM",
)
_UNKNOWN_FILES = ("spark-env.sh", "spark-defaults.conf", "java-opts")


@dataclass(frozen=True)
class Installation:
    """A PySpark that this module knows how to start.

    Args:
        home: SPARK_HOME.
        java: the `java` program.
        class_path: what every driver has, without `spark.driver.extraClassPath`.
        cache: ahead-of-time cache made for this `java` and class path; None where there is none.
        processors: of the machine; 0 where that is not known.
    """

    home: Path
    java: Path
    class_path: str
    cache: Path | None = None
    processors: int = 0


def find_installation(variables: Mapping[str, str], home: Path, image: Path = IMAGE) -> Installation | None:
    """The installation that PySpark would start; None when it is not known well enough to be started without its scripts.

    Args:
        variables: environment variables.
        home: SPARK_HOME, as PySpark finds it.
        image: folder of the notebook image's own files.
    """
    conf = Path(variables.get("SPARK_CONF_DIR") or home / "conf")
    if os.name != "posix" or any(variables.get(name) for name in _UNKNOWN_VARIABLES):
        return None
    if not (home / "jars").is_dir() or any((conf / name).exists() for name in _UNKNOWN_FILES):
        return None
    if (java := _java(variables)) is None:
        return None
    processors = os.cpu_count() or 0
    after = [variables.get(name) for name in ("HADOOP_CONF_DIR", "YARN_CONF_DIR", "SPARK_DIST_CLASSPATH")]
    written = image / "class-path"
    if not written.is_file() or home.resolve() != _home_of(written):
        before = [str(conf), *map(str, (home / "jars").glob("slf4j-api-*.jar")), f"{home}/jars/*"]
        return Installation(home, java, ":".join(filter(None, [*before, *after])), processors=processors)
    # After the jars: a folder ahead of them would keep the JVM from using the cache.
    class_path = ":".join(filter(None, [written.read_text().strip(), str(conf) if conf.is_dir() else "", *after]))
    cache = image / "aot" / "driver.aot"
    fits = cache.is_file() and (image / "aot" / "java").resolve() == java.resolve()
    return Installation(home, java, class_path, cache if fits else None, processors)


def _java(variables: Mapping[str, str]) -> Path | None:
    if java_home := variables.get("JAVA_HOME"):
        java = Path(java_home) / "bin" / "java"
        return java if os.access(java, os.X_OK) else None
    found = shutil.which("java", path=variables.get("PATH"))
    return None if found is None else Path(found)


def _home_of(class_path: Path) -> Path:
    return Path(class_path.read_text().split(":", 1)[0]).parent.parent.resolve()


def command(installation: Installation, settings: Mapping[str, str], program: Sequence[str] = PYSPARK) -> list[str]:
    """The command line of a driver JVM.

    Args:
        installation: what is started.
        settings: Spark settings of the first session; those that take effect when a JVM starts are turned into its options.
        program: what it runs, as words of spark-submit after its settings.
    """
    own = [
        word
        for key in ("spark.driver.defaultJavaOptions", "spark.driver.extraJavaOptions")
        for word in shlex.split(settings.get(key, ""))
    ]
    cached = installation.cache is not None and not any(word.startswith(_OWN_CACHE) for word in own)
    small = _is_small(installation, settings) and not any(_OWN_COLLECTOR.fullmatch(word) for word in own)
    return [
        str(installation.java),
        *([f"-XX:AOTCache={installation.cache}", *CACHE_OPTIONS] if cached else []),
        *COMPILER_OPTIONS,
        *([COLLECTOR_OF_SMALL_DRIVERS] if small else []),
        *("-cp", ":".join(filter(None, [settings.get("spark.driver.extraClassPath", ""), installation.class_path]))),
        f"-Xmx{settings.get('spark.driver.memory') or DEFAULT_MEMORY}",
        *MODULE_OPTIONS,
        *MEMORY_OPTIONS,
        *own,
        MAIN_CLASS,
        *as_options(settings),
        *program,
    ]


def _is_small(installation: Installation, settings: Mapping[str, str]) -> bool:
    """Whether a driver has the default heap, and executors that work for it or few processors of its own."""
    master = settings.get("spark.master", "")
    few = master.startswith("local") and 0 < installation.processors <= FEW_PROCESSORS
    return (few or master.startswith("k8s://")) and not settings.get("spark.driver.memory")


def as_options(settings: Mapping[str, str]) -> list[str]:
    """Settings as words of spark-submit."""
    return [word for key, value in sorted(settings.items()) for word in ("--conf", f"{key}={value}")]


def environment(
    installation: Installation,
    settings: Mapping[str, str],
    variables: Mapping[str, str],
    connection: Path | None = None,
) -> dict[str, str]:
    """The environment variables of a driver JVM; one that waits for PySpark writes its port and its secret to the file `connection`."""
    result = {
        **variables,
        "SPARK_HOME": str(installation.home),
        "SPARK_CONNECT_MODE": "0",
    }
    if connection is not None:
        result["_PYSPARK_DRIVER_CONN_INFO_PATH"] = str(connection)
    if libraries := settings.get("spark.driver.extraLibraryPath"):
        result["LD_LIBRARY_PATH"] = ":".join(filter(None, [libraries, variables.get("LD_LIBRARY_PATH", "")]))
    return result
