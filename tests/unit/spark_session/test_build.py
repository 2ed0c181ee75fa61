"""The image of a project: what is read of its files, the Dockerfile, names and labels, and the builders' command lines."""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from spark_session.batch.command import main
from spark_session.build import builders, dockerfile, image, naming, project, tree
from spark_session.build.builders import Builder, own_limits
from spark_session.build.naming import State
from spark_session.build.project import NOTHING, Lock, Project
from spark_session.errors import SparkSessionError

PYPROJECT = """
[project]
name = "Flight_Delays"
version = "1.2+local"
requires-python = ">=3.11"
dependencies = ["polars"]
"""
HASH = f"--hash=sha256:{'0' * 64}"
LOCKED = f"# by uv\npolars==1.2 \\\n    {HASH} \\\n    {HASH}\n    # via flights\n--index-url https://example\n"
BASE = f"registry.example:5000/team/notebook@sha256:{'1' * 64}"
STATE = State("0123456789abcdef", 1700000000, False, "ab" * 32)
FOUND = Project("flight-delays", "1.2+local", ">=3.11", ("polars",))


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project that is committed."""
    made = tmp_path / "flights"
    (made / "src" / "flights").mkdir(parents=True)
    for name, text in {
        "pyproject.toml": PYPROJECT, "requirements.txt": LOCKED, "src/flights/__init__.py": "x = 1\n", ".gitignore": "*.csv\n",
    }.items():  # fmt: skip
        (made / name).write_text(text)
    (made / "run").write_text("#!/bin/sh\n")
    (made / "run").chmod(0o755)
    git(made, "init", "--quiet")
    git(made, "add", ".")
    git(made, "commit", "--quiet", "--message=all", "--date=2026-11-20T10:00:00Z")
    return made


def test_a_project_is_what_its_pyproject_says() -> None:
    assert project.parse(PYPROJECT, "folder") == FOUND
    assert project.parse(None, "My Flights") == Project("my-flights")
    assert project.parse("[tool.ruff]", "___") == Project("project")
    for wrong in ("[project", 'project = "x"', '[project]\nrequires-python = "three"'):
        with pytest.raises(SparkSessionError, match="cannot be read"):
            project.parse(wrong, "x")


def test_what_is_installed_is_locked() -> None:
    assert project.source_of(FOUND, ["requirements.txt", "uv.lock"]) == "requirements.txt"
    assert project.source_of(FOUND, ["uv.lock"]) == "uv.lock"
    assert project.source_of(Project("x"), []) is None
    with pytest.raises(SparkSessionError, match="is not locked"):
        project.source_of(FOUND, ["pyproject.toml"])
    assert project.check_lock(Lock("requirements.txt", LOCKED)).content == LOCKED
    for wrong, said in (
        ("polars==1.2", "has no hash"), (f"{LOCKED}\npolars", "has no hash"), ("-r other.txt", "leads elsewhere"), ("--requirement=o", "leads elsewhere")
    ):  # fmt: skip
        with pytest.raises(SparkSessionError, match=said):
            project.check_lock(Lock("requirements.txt", wrong))
    with pytest.raises(SparkSessionError, match="is no project"):
        project.check_files(["README.md"])


def test_the_dockerfile_installs_what_is_locked_and_says_where_all_of_it_is_from() -> None:
    lock = Lock("requirements.txt", LOCKED)
    labels = naming.labels(FOUND, lock, STATE, BASE)
    text = dockerfile.dockerfile(BASE, FOUND, lock, ["src/flights/__init__.py"], labels)
    lines = text.splitlines()
    assert lines[1:3] == [f"FROM {BASE}", "USER 0"]
    assert "--no-deps" in text
    assert "--require-hashes" in text
    assert "COPY code/ /opt/project/" in lines
    assert any(line.startswith("RUN printf '%s\\n' /opt/project/src /opt/project > ") for line in lines)
    assert text.index("USER 0") < text.index("pip install") < text.index("COPY") < text.index("USER 1000")
    assert labels == {
        "org.opencontainers.image.title": "flight-delays", "org.opencontainers.image.version": "1.2+local",
        "org.opencontainers.image.created": "2023-11-14T22:13:20Z", "org.opencontainers.image.revision": STATE.commit,
        "org.opencontainers.image.base.name": "registry.example:5000/team/notebook",
        "org.opencontainers.image.base.digest": f"sha256:{'1' * 64}",
        "spark-notebooks.io/project-sha256": STATE.digest, "spark-notebooks.io/lock-sha256": lock.digest,
    }  # fmt: skip
    bare = dockerfile.dockerfile(BASE, FOUND, NOTHING, ["flights.py"], {"a": 'with "quotes"'})
    assert "pip install" not in bare
    assert "printf '%s\\n' /opt/project >" in bare
    assert bare.endswith('LABEL a="with \\"quotes\\""\n')


def test_what_is_mounted_for_a_step_is_in_its_text() -> None:
    """buildah else takes the step as done, with what was mounted then."""

    def steps(found: Project, lock: Lock) -> list[str]:
        return [line for line in dockerfile.dockerfile(BASE, found, lock, [], {}).splitlines() if "--mount" in line]

    first, lock = steps(FOUND, Lock("requirements.txt", LOCKED)), Lock("requirements.txt", f"{LOCKED}# more\n")
    assert len(first) == 2
    assert all(one != other for one, other in zip(first, steps(FOUND, lock), strict=True))
    other_python = steps(replace(FOUND, requires_python="<3"), Lock("requirements.txt", LOCKED))
    assert (other_python[0] == first[0], other_python[1] == first[1]) == (False, True)


@pytest.mark.parametrize(
    ("wanted", "requirements", "said"),
    [
        (">=3.11", LOCKED, ""),
        (None, "", ""),
        ("<3", LOCKED, "The project needs Python <3, and the image has"),
        (None, f"Py_Spark==1.0\npyspark==1.0 {HASH}", "The project is locked to pyspark 1.0, and the image has"),
    ],
)
def test_the_image_is_checked_from_within(tmp_path: Path, wanted: str | None, requirements: str, said: str) -> None:
    (tmp_path / "requirements.txt").write_text(requirements)
    program = dockerfile.check(Project("x", requires_python=wanted)).replace("/tmp/", f"{tmp_path}/")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert bool(done.returncode) == bool(said), done.stderr
    assert done.stderr.startswith(f"{dockerfile.MARK}{said}" if said else "")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, "flight-delays:1.2-local-0123456789ab"),
        ("registry.example:5000/team/flights", "registry.example:5000/team/flights:1.2-local-0123456789ab"),
        ("flights:7", "flights:7"),
        ("localhost:5000/flights:7", "localhost:5000/flights:7"),
    ],
)
def test_an_image_is_named_by_version_and_commit(asked: str | None, expected: str) -> None:
    assert naming.reference(asked, FOUND, STATE) == expected


@pytest.mark.parametrize("asked", ["Flights", "flights:", "a b", "flights@sha256:0", "https://registry/flights", "-x"])
def test_what_is_no_name_is_refused(asked: str) -> None:
    with pytest.raises(SparkSessionError, match="is no name of an image"):
        naming.reference(asked, FOUND, STATE)


def test_what_is_not_committed_is_refused_or_marked(folder: Path) -> None:
    clean = image.plan(folder, None, dirty=False, variables={})
    assert clean.files == (".gitignore", "pyproject.toml", "requirements.txt", "run", "src/flights/__init__.py")
    assert clean.image == f"flight-delays:1.2-local-{clean.state.commit[:12]}"
    (folder / "data.csv").write_text("ignored")
    assert image.plan(folder, None, dirty=False, variables={}) == clean
    (folder / "src" / "flights" / "new.py").write_text("")
    with pytest.raises(SparkSessionError, match=r"Changed or new: src/flights/new\.py\. Commit it"):
        image.plan(folder, None, dirty=False, variables={})
    marked = image.plan(folder, None, dirty=True, variables={})
    assert marked.image == f"{clean.image}-dirty-{marked.state.digest[:8]}"
    labels = naming.labels(marked.project, marked.lock, marked.state, BASE)
    assert labels["org.opencontainers.image.revision"].endswith("-dirty")
    assert image.plan(folder, None, dirty=True, variables={"SOURCE_DATE_EPOCH": "7"}).state.time == 7


def test_a_folder_that_git_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SparkSessionError, match="is in no git repository"):
        image.plan(tmp_path, None, dirty=True)
    with pytest.raises(SparkSessionError, match="is not there"):
        image.plan(tmp_path / "none", None, dirty=True)
    git(tmp_path, "init", "--quiet")
    (tmp_path / "requirements.txt").write_text("")
    with pytest.raises(SparkSessionError, match="Nothing was committed yet"):
        image.plan(tmp_path, None, dirty=False)
    assert image.plan(tmp_path, "x", dirty=True).image.startswith("x:0-dirty-")


def test_the_same_project_is_the_same_context_on_each_machine(folder: Path, tmp_path: Path) -> None:
    (folder / "link").symlink_to("run")
    files = tree.files_of(folder)
    (folder / "pyproject.toml").chmod(0o600)
    tree.stage(folder, files, tmp_path / "staged")
    tree.settle(tmp_path / "staged", 1700000000)
    staged = {
        path.relative_to(tmp_path / "staged").as_posix(): path.lstat() for path in (tmp_path / "staged").rglob("*")
    }
    assert {round(status.st_mtime) for status in staged.values()} == {1700000000}
    assert {name: oct(staged[name].st_mode & 0o777) for name in ("pyproject.toml", "run", "src")} == {
        "pyproject.toml": "0o644", "run": "0o755", "src": "0o755"
    }  # fmt: skip
    assert (tmp_path / "staged" / "link").is_symlink()
    assert tree.digest_of(tmp_path / "staged", files) == tree.digest_of(folder, files)
    (folder / "run").chmod(0o644)
    assert tree.digest_of(tmp_path / "staged", files) != tree.digest_of(folder, files)


@pytest.mark.parametrize(("hard", "said"), [(resource.RLIM_INFINITY, 32768), (96551, 32768), (3000, 3000)])
def test_processes_are_limited_as_the_builder_limits_itself(
    hard: int, said: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("spark_session.build.builders.resource.getrlimit", lambda _which: (1024, hard))
    highest = tmp_path / "pid_max"
    assert own_limits(highest) == {"nofile": hard, "nproc": hard}
    highest.write_text("32768\n")
    assert own_limits(highest) == {"nofile": hard, "nproc": said}


def test_the_builders_differ_in_little(tmp_path: Path) -> None:
    given = (tmp_path, "x:1", 7, {"pip": Path("/pip.conf")}, {"https_proxy": "http://p"})
    limits = {"nofile": 20000, "nproc": -1}
    assert Builder("buildah").build(*given, limits=limits) == [
        "buildah", "build", "--layers", "--timestamp=7", "--ulimit=nofile=20000:20000", "--ulimit=nproc=-1:-1",
        "--build-arg=https_proxy=http://p", "--secret=id=pip,src=/pip.conf",
        f"--file={tmp_path}/Dockerfile", "--tag=x:1", str(tmp_path),
    ]  # fmt: skip
    assert Builder("docker").build(*given, limits=limits)[2:4] == [
        "--build-arg=SOURCE_DATE_EPOCH=7",
        "--build-arg=https_proxy=http://p",
    ]
    assert Builder("podman").push("r/x:1", Path("/d")) == [
        "podman",
        "push",
        "--digestfile=/d",
        "r/x:1",
        "docker://r/x:1",
    ]
    assert Builder("docker").push("r/x:1", Path("/d")) == ["docker", "push", "r/x:1"]
    assert builders.find(lambda name: name if name != "buildah" else None).program == "podman"
    with pytest.raises(SparkSessionError, match="nothing here that builds images"):
        builders.find(lambda _: None)


def test_settings_of_the_network_are_the_persons_own(tmp_path: Path) -> None:
    pip, ca = tmp_path / "pip.conf", tmp_path / "ca.pem"
    pip.touch()
    ca.touch()
    given = {"PIP_CONFIG_FILE": str(pip), "SSL_CERT_FILE": str(tmp_path / "none"), "PIP_CERT": str(ca)}
    assert builders.secrets(given, tmp_path) == {"pip": pip, "ca": ca}
    assert builders.proxies({"https_proxy": "http://p", "PATH": "/"}) == {"https_proxy": "http://p"}


def fake(folder: Path, text: str) -> Builder:
    """A program in the place of a builder."""
    program = folder / "builder"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return Builder(str(program))


def test_the_base_is_named_by_its_digest(tmp_path: Path) -> None:
    assert image.by_digest(Builder("none"), "r:5000/x:1@sha256:0") == "r:5000/x@sha256:0"
    assert image.by_digest(fake(tmp_path, "echo r:5000/x@sha256:1"), "r:5000/x:1") == "r:5000/x@sha256:1"
    with pytest.raises(SparkSessionError, match="has no digest"):
        image.by_digest(fake(tmp_path, "echo"), "x")
    with pytest.raises(SparkSessionError, match=r"The base x cannot be had.*exit code 3"):
        image.by_digest(fake(tmp_path, "exit 3"), "x")
    with pytest.raises(SparkSessionError, match="Nobody says which image"):
        image.base_of(None, {})
    assert image.base_of(None, {"SPARK_NOTEBOOKS_IMAGE": "n"}) == "n"


def test_a_build_that_fails_says_why(folder: Path, tmp_path: Path) -> None:
    what, lines = image.plan(folder, None, dirty=False), list[str]()
    image.build(what, fake(tmp_path, 'for word; do :; done; ls "$word" "$word/code"'), BASE, lines.append)
    assert {"Dockerfile", "check.py", "requirements.txt", "pyproject.toml", "run", "src"} <= set(lines)
    with pytest.raises(SparkSessionError, match=r"was not built\. The project needs Python <3, and"):
        image.build(
            what,
            fake(tmp_path, f"echo '#7 0.3 {dockerfile.MARK}The project needs Python <3, and'; exit 1"),
            BASE,
            print,
        )
    with pytest.raises(SparkSessionError, match="no such package"):
        image.build(what, fake(tmp_path, "echo no such package; exit 1"), BASE, print)


def test_the_command_prints_the_dockerfile_or_why_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", str(folder), "--base", BASE, "--print"]) == 0
    assert f"FROM {BASE}\n" in capsys.readouterr().out
    (folder / "new.py").write_text("")
    assert main(["build", str(folder), "--base", BASE, "--print"]) == 2
    assert "The project is not as it was committed." in capsys.readouterr().err
