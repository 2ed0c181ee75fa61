"""The entrypoint of the notebook image, run as it is with a java that writes down how it was called."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from dev.paths import REPOSITORY

# What Spark sets in an executor's pod.
EXECUTOR = {
    "SPARK_DRIVER_URL": "spark://CoarseGrainedScheduler@10.244.0.9:7078",
    "SPARK_EXECUTOR_ID": "3",
    "SPARK_EXECUTOR_CORES": "2",
    "SPARK_EXECUTOR_MEMORY": "512m",
    "SPARK_APPLICATION_ID": "spark-1",
    "SPARK_EXECUTOR_POD_IP": "10.244.0.10",
    "SPARK_EXECUTOR_POD_NAME": "flights-exec-3",
    "SPARK_RESOURCE_PROFILE_ID": "0",
}
JAVA = """#!/bin/sh
{ pwd; printf '%s\\n' "$HOME"; } > "$TEST_FOLDER/where"
for argument; do printf '%s\\0' "$argument"; done > "$TEST_FOLDER/arguments"
exit 52
"""


# What every executor is started with, whatever its session asks for.
COMPILER = [
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
]


class Image:
    """The parts of the image that the entrypoint uses, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entrypoint = folder / "image" / "bin" / "entrypoint"
        self.entrypoint.parent.mkdir(parents=True)
        shutil.copy(REPOSITORY / "notebook-image" / "entrypoint", self.entrypoint)
        (folder / "image" / "class-path").write_text("/jars/a.jar:/jars/b.jar\n")
        java = folder / "java" / "bin" / "java"
        java.parent.mkdir(parents=True)
        java.write_text(JAVA)
        java.chmod(0o755)
        self.home = folder / "home"
        self.home.mkdir()

    def run(self, *arguments: str, user: int | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        base = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "JAVA_HOME": str(self.folder / "java"),
            "TEST_FOLDER": str(self.folder),
        }
        command = ["sh", str(self.entrypoint), *arguments]
        return subprocess.run(
            command, env=base | environment, cwd=self.home, user=user, capture_output=True, text=True, check=False
        )

    def train(self, java: Path) -> Path:
        """Leaves a cache behind as the build does."""
        folder = self.folder / "image" / "aot"
        folder.mkdir()
        (folder / "java").symlink_to(java)
        (folder / "executor.aot").touch()
        return folder / "executor.aot"

    def java_arguments(self) -> list[str]:
        return (self.folder / "arguments").read_text().split("\0")[:-1]

    def session_arguments(self) -> list[str]:
        """Without the compiler's options, which come first, so that a session's own win."""
        arguments = self.java_arguments()
        assert arguments[: len(COMPILER)] == COMPILER
        return arguments[len(COMPILER) :]

    def java_place(self) -> tuple[str, str]:
        """The working folder and the home folder of the JVM."""
        folder, home = (self.folder / "where").read_text().splitlines()
        return folder, home


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(tmp_path)


def test_any_command_is_run_as_it_is_and_its_exit_code_is_ours(image):
    result = image.run("sh", "-c", 'printf "%s|" "$0" "$@"; exit 7', "a b", "*")
    assert (result.stdout, result.returncode) == ("a b|*|", 7)


def test_a_command_takes_the_place_of_the_entrypoint(image):
    process = subprocess.Popen(["sh", image.entrypoint, "sh", "-c", "echo $$"], stdout=subprocess.PIPE, text=True)
    stdout, _ = process.communicate()
    assert int(stdout) == process.pid


def test_an_executor_is_started_by_the_contract_of_spark(image):
    assert image.run("executor", **EXECUTOR).returncode == 52
    assert image.session_arguments() == [
        "-Dspark.master=k8s://", "-Xms512m", "-Xmx512m",
        "-classpath", "/jars/a.jar:/jars/b.jar",
        "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend",
        "--driver-url", "spark://CoarseGrainedScheduler@10.244.0.9:7078",
        "--executor-id", "3",
        "--cores", "2",
        "--app-id", "spark-1",
        "--hostname", "10.244.0.10",
        "--resourceProfileId", "0",
        "--podName", "flights-exec-3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("executor", "cores", "patience", "waits"),
    [("3", "0", "1", True), ("1", "0", "1", False), ("3", "100000", "1", False), ("3", "0", "", False)],
    ids=["a crowded node", "the first executor", "cores for all", "cores of its own"],
)
def test_an_executor_lets_others_start_on_a_crowded_node(image, executor, cores, patience, waits):
    programs = image.folder / "programs"
    programs.mkdir()
    for name, line in {
        "getconf": f"echo {cores}",
        "sleep": f"echo slept >>{image.folder}/slept; exec /bin/sleep $1",
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    environment = EXECUTOR | {"SPARK_EXECUTOR_ID": executor, "SPARK_NOTEBOOKS_START_PATIENCE": patience}
    assert image.run("executor", **environment, PATH=f"{programs}:{os.environ['PATH']}").returncode == 52
    assert (image.folder / "slept").exists() == waits


def test_java_options_keep_their_order_and_their_spaces(image):
    options = {f"SPARK_JAVA_OPT_{number}": f"-Dn={number} *" for number in range(12)}
    image.run("executor", **EXECUTOR, **options)
    assert image.session_arguments()[:12] == [f"-Dn={number} *" for number in range(12)]


def test_an_empty_java_option_does_not_hide_those_after_it(image):
    image.run("executor", **EXECUTOR, SPARK_JAVA_OPT_0="", SPARK_JAVA_OPT_1="-Da=1")
    assert image.session_arguments()[0] == "-Da=1"


def test_the_cache_goes_to_the_java_that_made_it(image):
    cache = image.train(image.folder / "java" / "bin" / "java")
    image.run("executor", **EXECUTOR)
    assert image.java_arguments()[:4] == [f"-XX:AOTCache={cache}", "-Xlog:aot*=off", "-Xlog:cds*=off", COMPILER[0]]


def test_another_java_gets_no_cache_and_none_of_its_options(image):
    image.train(Path("/bin/sh"))
    image.run("executor", **EXECUTOR)
    assert image.session_arguments()[0] == "-Dspark.master=k8s://"


@pytest.mark.parametrize("option", ["-XX:AOTCache=/mine", "-XX:AOTCacheOutput=/mine", "-Xshare:off"])
def test_a_cache_of_the_sessions_own_takes_the_place_of_ours(image, option):
    image.train(image.folder / "java" / "bin" / "java")
    image.run("executor", **EXECUTOR, SPARK_JAVA_OPT_0=option)
    assert image.session_arguments()[0] == option


def test_extra_class_path_comes_first_and_folders_of_settings_last(image, tmp_path):
    settings = tmp_path / "conf"
    settings.mkdir()
    image.run(
        "executor", **EXECUTOR, SPARK_CLASSPATH="/extra.jar", SPARK_CONF_DIR=str(settings), HADOOP_CONF_DIR="/none"
    )
    arguments = image.java_arguments()
    class_path = arguments[arguments.index("-classpath") + 1]
    assert class_path == f"/extra.jar:/jars/a.jar:/jars/b.jar:{settings}"


@pytest.mark.parametrize(
    "missing", [name for name in EXECUTOR if name not in ("SPARK_EXECUTOR_POD_NAME", "SPARK_RESOURCE_PROFILE_ID")]
)
def test_an_executor_without_its_settings_says_which_one_is_missing(image, missing):
    result = image.run("executor", **{name: value for name, value in EXECUTOR.items() if name != missing})
    assert result.returncode == 64
    assert missing in result.stderr
    assert not (image.folder / "arguments").exists()


def test_an_executor_works_in_its_home_where_it_may_write(image):
    image.run("executor", **EXECUTOR)
    assert image.java_place() == (str(image.home), str(image.home))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_an_executor_without_a_writable_home_works_in_the_scratch_volume():
    # Not in pytest's own folder, which other users may not enter.
    with tempfile.TemporaryDirectory() as temporary:
        image = Image(Path(temporary))
        image.folder.chmod(0o777)
        scratch = image.folder / "scratch"
        scratch.mkdir()
        scratch.chmod(0o777)
        environment = EXECUTOR | {"SPARK_LOCAL_DIRS": f"{scratch},/other", "TMPDIR": str(scratch)}
        assert image.run("executor", user=1000, **environment).returncode == 52
        working_folder, home = image.java_place()
    assert working_folder.startswith(f"{scratch}/work.")
    assert home.startswith(f"{scratch}/home.")
