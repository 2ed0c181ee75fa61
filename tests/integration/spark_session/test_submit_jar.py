"""Applications of the JVM as jobs on a real node: compiled in the notebook, run on executors, their exit codes the jobs'."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster import Cluster
from tests.support.jars import APPLICATION, COMPILER, HELPER
from tests.support.notebook_pod import Notebook, notebook_with_s3

from .test_submit import jobs, run, wait_until_nothing_is_left

pytestmark = pytest.mark.long

BUILD = f"""
import zipfile

def jar(name, source, manifest):
    Path("java", name).mkdir(parents=True)
    file = Path("java", f"{{source}}.java")
    file.write_text({{"Main": {APPLICATION!r}, "Helper": {HELPER!r}}}[source])
    class_path = Path("/opt/spark-notebooks/class-path").read_text().strip()
    subprocess.run(["java", "-m", "{COMPILER}", "-cp", class_path, "-d", f"java/{{name}}", str(file)], check=True)
    with zipfile.ZipFile(name, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", manifest)
        for path in Path("java", name).rglob("*.class"):
            archive.write(path, path.relative_to(Path("java", name)))

jar("app.jar", "Main", "Manifest-Version: 1.0\\r\\nMain-Class: com.example.Main\\r\\n\\r\\n")
jar("helper.jar", "Helper", "Manifest-Version: 1.0\\r\\n\\r\\n")
"""


@pytest.fixture(scope="module")
def notebook(node: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    with notebook_with_s3(
        node, tmp_path_factory.mktemp("s3"), "test-submit-jar", {"pods": 12}, {"max_executors": 4}
    ) as made:
        yield made


def test_an_application_runs_on_executors_and_every_end_has_its_code(notebook: Notebook) -> None:
    found = run(
        notebook,
        f"""{BUILD}
counting = subprocess.Popen(["spark-session", "submit", "app.jar", "--executors", "1", "--jars", "helper.jar", "--", "helper"],
    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
started = {{what: submit("app.jar", what.split(), main_class="com.example.Main", driver_memory="512m") for what in ("exit 3", "throw", "hold")}}
ends = {{}}
for what, job in started.items():
    lines = []
    end = job.wait(lines.append)
    ends[what] = [end.code, end.message, b"".join(lines).decode()]
out, err = counting.communicate(timeout=180)
job = err.split()[1]
executors = [command("logs", job, "--executor").stdout, command("logs", job, "--executor", "1").stdout]
answer(code=counting.returncode, out=out, err=err, ends=ends, shown=command("show", job).stdout, executors=executors)
""",
    )
    assert found["code"] == 0
    assert "counted 1000 [helper]\nof another jar\n" in found["out"]
    shown = dict(line.split(maxsplit=1) for line in found["shown"].splitlines())
    assert (shown["script"], shown["class"], shown["packages"]) == ("app.jar", "com.example.Main", "helper.jar")
    listed, log = found["executors"]
    assert listed.splitlines()[1].split()[:2] == ["1", "gone"]
    assert "Running task" in log
    assert found["ends"]["exit 3"][0] == 3
    assert found["ends"]["throw"][0] == 1
    assert "IllegalStateException: no such day" in found["ends"]["throw"][2]
    code, message, out = found["ends"]["hold"]
    assert code == 137, out
    assert "more memory than the job has (512Mi)" in message
    wait_until_nothing_is_left(notebook)


def test_a_jar_that_cannot_run_is_refused_before_anything_starts(notebook: Notebook) -> None:
    before = jobs(notebook)
    found = run(
        notebook,
        """
with zipfile.ZipFile("bare.jar", "w") as archive:
    archive.writestr("com/example/Main.class", b"")
asked = (["bare.jar"], ["bare.jar", "--class", "Main"], ["bare.jar", "--class", "com.example.Main", "--packages", "polars"])
done = [command("submit", *words) for words in asked]
answer(codes=[each.returncode for each in done], said=[each.stderr for each in done])
""".replace("with zipfile", "import zipfile\nwith zipfile", 1),
    )
    assert found["codes"] == [2] * 3
    words = ("which class of 'bare.jar' is to be run", "Did you mean com.example.Main?", "It is a Python package")
    assert all(word in said for word, said in zip(words, found["said"], strict=True))
    assert jobs(notebook) == before
