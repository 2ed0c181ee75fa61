"""Code, repositories, packed environments, jars and Maven's answers, on files made here."""

from __future__ import annotations

import io
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from spark_session.errors import SparkSessionError
from spark_session.packages import archive, code, jars, maven, workplace
from spark_session.packages.items import Item, Kind
from spark_session.settings import Source, Value

HERE = f"python{sys.version_info.major}.{sys.version_info.minor}"


def write(folder: Path, *names: str, text: str = "") -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def gather(source: Path, target: Path) -> list[str]:
    target.mkdir(exist_ok=True)
    return code.gather(Item(Kind.CODE, source.name, str(source)), source, target)


def test_modules_packages_folders_and_archives_become_importable(tmp_path: Path) -> None:
    target = tmp_path / "work" / "code"
    target.mkdir(parents=True)
    write(tmp_path / "a", "helper.py")
    write(tmp_path / "b" / "pack", "__init__.py", "inner/x.py", "data.csv", "__pycache__/x.pyc")
    write(tmp_path / "c", "one.py", "more/two.py", "a script.py", "notes.txt", ".git/x.py", "data/x.csv")
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as packed:
        packed.writestr("zipped/__init__.py", "")
        packed.writestr("EGG-INFO/x.py", "")
    assert gather(tmp_path / "a" / "helper.py", target) == ["helper"]
    assert gather(tmp_path / "b" / "pack", target) == ["pack"]
    assert gather(tmp_path / "c", target) == ["more", "one"]
    assert gather(tmp_path / "d.zip", target) == ["zipped"]
    files = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert files == [
        "helper.py",
        "more/two.py",
        "one.py",
        "pack/__init__.py",
        "pack/data.csv",
        "pack/inner/x.py",
        "zipped/__init__.py",
    ]


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a/helper.py", "b/helper.py")
    gather(tmp_path / "a", tmp_path / "target")
    with pytest.raises(SparkSessionError, match=r"Two entries of py_files bring 'helper.py'"):
        gather(tmp_path / "b", tmp_path / "target")


@pytest.mark.parametrize(
    ("name", "words"), [("my-helper.py", "Call it my_helper.py."), ("notes/n.txt", "nothing to import")]
)
def test_what_nobody_can_import_is_refused(tmp_path: Path, name: str, words: str) -> None:
    write(tmp_path, name)
    with pytest.raises(SparkSessionError, match=words):
        gather(tmp_path / name.partition("/")[0], tmp_path / "target")


def test_data_is_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "MOST_BYTES", 10)
    with pytest.raises(SparkSessionError, match="too large for code"):
        gather(write(tmp_path / "big", "x.py", text="x" * 11), tmp_path / "target")


def test_a_change_changes_the_stamp(tmp_path: Path) -> None:
    folder = write(tmp_path / "pack", "a.py")
    before = code.stamp(str(folder))
    write(folder, "__pycache__/a.pyc")
    assert code.stamp(str(folder)) == before
    write(folder, "a.py", text="x = 1")
    assert code.stamp(str(folder)) != before


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with two commits and a tag on the first."""
    folder = tmp_path / "tools"

    def git(*words: str) -> None:
        identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, "-C", str(folder), *words], check=True, capture_output=True)

    write(folder, "src/team.py", text="VERSION = 1")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    git("add", ".")
    git("commit", "--message=one")
    git("tag", "v1")
    write(folder, "src/team.py", text="VERSION = 2")
    git("commit", "--all", "--message=two")
    return folder


@pytest.mark.parametrize(("revision", "text"), [("", "VERSION = 2"), ("@v1", "VERSION = 1"), ("@short", "VERSION = 1")])
def test_a_repository_at_a_revision(origin: Path, tmp_path: Path, revision: str, text: str) -> None:
    if revision == "@short":
        said = subprocess.run(
            ["git", "-C", origin, "rev-parse", "--short", "v1"], capture_output=True, text=True, check=True
        )
        revision = f"@{said.stdout.strip()}"
    item = Item(Kind.REPOSITORY, f"git+{origin.as_uri()}{revision}#subdirectory=src", None)
    folder, commit = code.clone(item, tmp_path / "clone")
    assert (folder / "team.py").read_text() == text
    assert len(commit) == 40


@pytest.mark.parametrize(
    ("end", "words"), [("@v9", "git says: .*v9"), ("#subdirectory=lib", "has no folder 'lib'"), ("x", "git says: ")]
)
def test_a_repository_that_is_not_there(origin: Path, tmp_path: Path, end: str, words: str) -> None:
    with pytest.raises(SparkSessionError, match=words):
        code.clone(Item(Kind.REPOSITORY, f"git+{origin.as_uri()}{end}", None), tmp_path / "clone")


def packed(path: Path, *names: str, link: str = "/usr/bin/python3") -> Path:
    with tarfile.open(path, "w:gz") as made:
        python = tarfile.TarInfo("bin/python")
        python.type, python.linkname = tarfile.SYMTYPE, link
        made.addfile(python)
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 1
            made.addfile(member, io.BytesIO(b"\n"))
    return path


def test_an_environment_is_unpacked(tmp_path: Path) -> None:
    site = f"lib/{HERE}/site-packages"
    ending = sysconfig.get_config_var("EXT_SUFFIX")
    file = packed(tmp_path / "env.tar.gz", f"{site}/tool/__init__.py", f"{site}/tool/fast{ending}", "lib/libx.so.1")
    folder = archive.unpack("env.tar.gz", file, tmp_path / "target")
    assert folder == tmp_path / "target" / site
    assert (folder / "tool" / "__init__.py").is_file()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("tool-1.0/PKG-INFO",), "is not a packed environment"),
        (("lib/python3.6/site-packages/tool.py",), "It holds packages of python3.6"),
        ((f"lib/{HERE}/site-packages/tool/fast.cpython-27-arm-linux.so",), "another Python or platform"),
        ((f"lib/{HERE}/site-packages/../../../../../x.py",), "is broken"),
    ],
)
def test_a_bad_environment(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    with pytest.raises(SparkSessionError, match=words):
        archive.unpack("env.tar.gz", packed(tmp_path / "env.tar.gz", *names), tmp_path / "target")


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00half"])
def test_a_broken_environment(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "env.tar.gz").write_bytes(content)
    with pytest.raises(SparkSessionError, match=r"is broken|is not a packed environment"):
        archive.unpack("env.tar.gz", tmp_path / "env.tar.gz", tmp_path / "target")


def test_packages_of_an_environment_that_are_not_used() -> None:
    assert archive.hidden({"numpy": "1.26", "pip": "1", "tool": "1", "py4j": "0.10"}, {"numpy": "2.3", "pip": "2", "py4j": "0.10"}) == [
        "numpy (1.26 there, 2.3 here)"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "artifact"),
    [
        ("postgresql-42.7.7.jar", "postgresql"),
        ("org.apache.sedona_sedona-spark-4.0_2.13-1.8.0.jar", "org.apache.sedona_sedona-spark"),
        ("tool.jar", "tool"),
        ("commons-csv-1.10.0-SNAPSHOT.jar", "commons-csv"),
    ],
)
def test_what_a_jar_is(name: str, artifact: str) -> None:
    assert jars.artifact(name) == artifact


def test_maven_repositories_are_the_administrators_then_the_calls() -> None:
    more = {"spark.jars.repositories": Value("https://b/,file:///c", Source.USER)}
    assert maven.repositories([], {}) == [maven.CENTRAL]
    assert maven.repositories(["https://a"], more) == ["https://a", "https://b/", "file:///c"]


def test_ivy_asks_these_repositories_and_gives_up_on_silent_ones() -> None:
    root = ElementTree.fromstring(maven.ivy_settings(["https://a", "file:///b/", maven.CENTRAL], Path("/cache")))
    resolvers = root.findall("resolvers/chain/ibiblio")
    assert [one.get("root") for one in resolvers] == ["https://a/", "file:///b/", None]
    assert {one.get("timeoutConstraint") for one in resolvers} == {"patience"}
    constraint = root.find("timeout-constraints/timeout-constraint")
    assert constraint is not None
    assert constraint.get("name") == "patience"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("[unresolved dependency: org.nope#nope;1.0: not found]", "There is no org.nope:nope:1.0. https://a has none"),
        ("[unresolved dependency: org.x#y;2: not found]", "There is no org.x:y:2. https://a has none of that name and version, which org.nope:nope:1.0 needs."),
        ("java.net.UnknownHostException: a", "https://a does not answer from here"),
        ("something new", "Ivy says: something new."),
    ],
)  # fmt: skip
def test_what_ivy_says_is_explained(said: str, words: str) -> None:
    assert words in str(maven.failure(said, ["org.nope:nope:1.0"], ["https://a"]))


def test_code_of_the_next_session_is_imported_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = list(sys.path)
    for number in (1, 2):
        folder = write(tmp_path / str(number) / "session-code", "sample_code.py", text=f"NUMBER = {number}")
        workplace.activate([folder], [tmp_path / "last"], anew="session-code")
        assert number == __import__("sample_code").NUMBER
        assert sys.path == [str(folder), *before, str(tmp_path / "last")]
    workplace.activate([], [], anew="session-code")
    assert sys.path == before
    assert "sample_code" not in sys.modules


def test_folders_of_killed_processes_are_removed(tmp_path: Path) -> None:
    script = "from spark_session.packages import workplace; print(workplace.folder(), flush=True); {}"

    def run(end: str) -> Path:
        done = subprocess.run(
            [sys.executable, "-c", script.format(end)], env={"TMPDIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Path(done.stdout.strip())

    killed = run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert killed.is_dir()
    assert killed.stat().st_mode & 0o777 == 0o700
    ended = run("")
    assert not killed.exists()
    assert not ended.exists()
