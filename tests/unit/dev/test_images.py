"""The images of the platform: contexts, tags, command lines, the user's settings, the base."""

import os
import resource
import stat
from pathlib import Path

import pytest

from dev import images
from dev.debian import packages_for
from dev.image_base import Mirrors, mirrors, mmdebstrap_command
from dev.image_builder import Build, Builder, find_builder, in_memory, own_limits, plain_http, run
from dev.image_context import EPOCH, ImageError, context_files, copied_sources, digest, stage
from dev.paths import REPOSITORY

BUILDAH = Builder("buildah", ("--root=/r",))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with one image."""
    root = tmp_path / "repository"
    for name, content in {
        "app/Dockerfile": "FROM x\nCOPY app/src /src\nCOPY app/run /run\n",
        "app/run": "#!/bin/sh\n",
        "app/src/a.py": "1\n",
        "app/src/deep/b.py": "2\n",
        "app/src/__pycache__/a.pyc": "x",
        "app/src/.secret": "x",
        "app/unused": "x",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    (root / "app/run").chmod(0o775)
    return root


def files(tree: Path, **extra: Path) -> dict[str, Path]:
    return context_files(tree, tree / "app/Dockerfile", extra)


# --- the context ---


def test_sources_are_what_copy_and_add_name():
    dockerfile = """
# COPY not/this /
COPY --chmod=755 a/b /x
COPY c \\
    # a comment between
    d/*.txt /y/
COPY --from=build /opt /opt
ADD ["with space", "/z"]
RUN --mount=type=cache,target=/c cp e f
copy a/b /again
"""
    assert copied_sources(dockerfile) == ["a/b", "c", "d/*.txt", "with space"]


def test_a_context_holds_the_dockerfile_and_what_it_copies_only(tree):
    assert sorted(files(tree)) == ["app/Dockerfile", "app/run", "app/src/a.py", "app/src/deep/b.py"]


def test_a_copy_of_what_is_not_there_is_an_error_that_names_it(tree):
    (tree / "app/run").unlink()
    with pytest.raises(ImageError, match="app/run"):
        files(tree)


def test_an_extra_file_stands_for_one_that_the_repository_has_not(tree, tmp_path):
    (tree / "app/run").unlink()
    made = tmp_path / "made"
    made.write_text("elf")
    assert context_files(tree, tree / "app/Dockerfile", {"app/run": made})["app/run"] == made


@pytest.mark.parametrize("name", images.IMAGES)
def test_the_dockerfiles_of_the_repository_copy_what_exists(name):
    image = images.IMAGES[name]
    made = dict.fromkeys(image.extra, REPOSITORY / "Makefile")
    context = context_files(REPOSITORY, REPOSITORY / image.folder / "Dockerfile", made)
    assert set(made) < set(context)


def test_staged_files_do_not_depend_on_the_checkout(tree, tmp_path):
    (tree / "app/src/a.py").chmod(0o600)
    target = tmp_path / "context"
    target.mkdir()
    staged = stage(files(tree), target)
    assert digest(staged, {}) == digest(files(tree), {})
    modes = {path.relative_to(target).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in target.rglob("*")}
    assert modes["app/src/a.py"] == 0o644
    assert modes["app/run"] == 0o755
    assert modes["app/src"] == 0o755
    assert {path.stat().st_mtime for path in target.rglob("*")} == {EPOCH}


# --- the tag ---


def test_the_tag_changes_with_a_byte_a_name_a_mode_the_dockerfile_and_the_base(tree):
    tags = [digest(files(tree), {"BASE": "1"}), digest(files(tree), {"BASE": "2"})]
    changes = [
        lambda: (tree / "app/src/a.py").write_text("3\n"),
        lambda: (tree / "app/src/a.py").rename(tree / "app/src/c.py"),
        lambda: (tree / "app/src/c.py").chmod(0o755),
        lambda: (tree / "app/Dockerfile").write_text("FROM y\nCOPY app/src /src\nCOPY app/run /run\n"),
    ]
    for change in changes:
        change()
        tags.append(digest(files(tree), {"BASE": "1"}))
    assert len(set(tags)) == len(tags)


def test_the_tag_does_not_change_with_times_umask_and_what_is_not_copied(tree):
    before = digest(files(tree), {})
    os.utime(tree / "app/src/a.py", (1, 1))
    (tree / "app/src/a.py").chmod(0o600)
    (tree / "app/unused").write_text("y")
    (tree / "app/src/.secret").write_text("y")
    assert digest(files(tree), {}) == before


# --- command lines ---


@pytest.mark.parametrize(("program", "layers"), [("buildah", True), ("podman", True), ("docker", False)])
def test_a_build_passes_arguments_and_secrets_to_every_builder(program, layers):
    build = Build(Path("/c"), "hub/Dockerfile", "localhost/hub:1", {"BASE_IMAGE": "b"}, {"ca": Path("/ca.pem")})
    command = Builder(program).build(build)
    assert command[:2] == [program, "build"]
    assert command[-1] == "/c"
    assert {
        "--build-arg=BASE_IMAGE=b",
        "--secret=id=ca,src=/ca.pem",
        "--file=/c/hub/Dockerfile",
        "--tag=localhost/hub:1",
    } <= {*command}
    assert ("--layers" in command) == layers


@pytest.mark.parametrize(("program", "limited"), [("buildah", True), ("podman", True), ("docker", False)])
def test_a_build_keeps_this_process_limits_where_the_builder_would_raise_them(program, limited, monkeypatch):
    hard = {resource.RLIMIT_NOFILE: 20_000, resource.RLIMIT_NPROC: 3_000}
    monkeypatch.setattr("dev.image_builder.resource.getrlimit", lambda which: (1024, hard[which]))
    command = Builder(program).build(Build(Path("/c"), "Dockerfile", "localhost/x:1"))
    found = [word for word in command if word.startswith("--ulimit")]
    assert found == (["--ulimit=nofile=20000:20000", "--ulimit=nproc=3000:3000"] if limited else [])


@pytest.mark.parametrize(("hard", "said"), [(resource.RLIM_INFINITY, 32768), (96551, 32768), (3000, 3000)])
def test_processes_are_limited_as_the_builder_limits_itself(hard, said, monkeypatch, tmp_path):
    monkeypatch.setattr("dev.image_builder.resource.getrlimit", lambda _which: (1024, hard))
    highest = tmp_path / "pid_max"
    highest.write_text("32768\n")
    assert own_limits(highest) == [f"--ulimit=nofile={hard}:{hard}", f"--ulimit=nproc={said}:{said}"]


def test_temporary_files_are_in_memory_where_that_is_plentiful_and_mounts_are_ours(monkeypatch):
    monkeypatch.setattr("dev.image_builder.os.geteuid", lambda: 0)
    assert in_memory(9 * 2**30) == []
    command = in_memory(20 * 2**30)
    assert command[:2] == ["sh", "-euc"]
    assert command[3:] == ["sh", str(10 * 2**30)]
    monkeypatch.setattr("dev.image_builder.os.geteuid", lambda: 1000)
    assert in_memory(20 * 2**30) == []


def test_options_of_the_storage_come_before_the_verb():
    assert BUILDAH.command("images") == ["buildah", "--root=/r", "images"]


def test_only_registries_of_this_machine_are_spoken_to_without_tls():
    assert plain_http("10.89.3.2:5000/spark-notebooks/hub:1")
    assert plain_http("localhost:5000/x:1")
    assert plain_http("127.0.0.1:5000/x")
    assert plain_http("[::1]:5000/x")
    for reference in ("10.90.0.2:5000/x:1", "registry.example.org/x:1", "registry.example.org:443/10.89.0.2/x:1"):
        assert not plain_http(reference)


def test_a_push_to_a_node_skips_tls_and_one_elsewhere_does_not():
    ((*to_node,),) = BUILDAH.push("localhost/x:1", "10.89.0.2:5000/x:1")
    ((*elsewhere,),) = BUILDAH.push("localhost/x:1", "registry.example.org/x:1")
    assert "--tls-verify=false" in to_node
    assert "--tls-verify=false" not in elsewhere
    assert to_node[-2:] == ["localhost/x:1", "docker://10.89.0.2:5000/x:1"]


def test_docker_tags_before_it_pushes():
    assert Builder("docker").push("localhost/x:1", "r/x:1") == [
        ["docker", "tag", "localhost/x:1", "r/x:1"],
        ["docker", "push", "r/x:1"],
    ]


def test_the_first_builder_of_the_machine_is_taken():
    assert find_builder({"podman": "/usr/bin/podman", "docker": "/usr/bin/docker"}.get).program == "podman"
    assert find_builder({"docker": "/usr/bin/docker", "buildah": "/usr/bin/buildah"}.get).program == "buildah"
    assert find_builder({"docker": "/usr/bin/docker"}.get, lambda _: "").program == "docker"


@pytest.mark.parametrize("missing", ["version", "buildx"])
def test_docker_without_an_engine_or_without_secrets_is_none(monkeypatch, missing):
    monkeypatch.setattr("dev.image_builder.ensure_programs", lambda *_: None)
    assert (
        find_builder({"docker": "/usr/bin/docker"}.get, lambda command: None if missing in command else "").program
        == "buildah"
    )


def test_where_there_is_no_builder_buildah_comes_with_the_network_program_that_it_wants(monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr("dev.image_builder.ensure_programs", lambda *programs: asked.extend(programs))
    assert find_builder({}.get).program == "buildah"
    assert packages_for(asked) == ["buildah", "netavark"]


def test_buildah_keeps_to_its_own_storage(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert f"--root={tmp_path}/spark-notebooks/containers" in find_builder({"buildah": "/b"}.get).options


def test_a_failed_command_shows_its_last_lines_and_where_the_rest_is(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    log = tmp_path / "logs" / "image-hub.log"
    seen: list[str] = []
    with pytest.raises(ImageError) as caught:
        run(["sh", "-c", "seq 1 100; echo no route to host >&2; exit 3"], log, seen.append)
    text = str(caught.value)
    assert "no route to host" in text
    assert "\n72\n" in text
    assert "\n71\n" not in text
    assert "exit code 3" in text
    assert str(log) in text
    assert log.read_text().startswith("1\n2\n")
    assert seen[0] == "1"


# --- the user's settings ---


def test_secrets_are_the_files_that_exist(tmp_path):
    assert not {"maven", "npm"} & {*images.secrets({}, tmp_path)}
    for name in ("pip/pip.conf", ".m2/settings.xml", ".npmrc", "ca.pem"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "SSL_CERT_FILE": str(tmp_path / "ca.pem")}
    assert images.secrets(environ, tmp_path) == {
        "ca": tmp_path / "ca.pem",
        "pip": tmp_path / "pip/pip.conf",
        "maven": tmp_path / ".m2/settings.xml",
        "npm": tmp_path / ".npmrc",
    }


def test_the_certificates_of_the_argument_come_before_those_of_the_environment_and_of_pip(tmp_path):
    pip = tmp_path / "pip.conf"
    pip.write_text("[global]\ncert = /pip.pem\n")
    assert images.certificates({"CA_BUNDLE": "/own.pem", "SSL_CERT_FILE": "/env.pem"}, pip) == Path("/own.pem")
    assert images.certificates({"REQUESTS_CA_BUNDLE": "/env.pem"}, pip) == Path("/env.pem")
    assert images.certificates({}, pip) == Path("/pip.pem")
    assert images.certificates({}, None) is None


def test_an_unknown_image_is_refused_before_anything_is_built(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ImageError, match=r"no image nootebook\. There are: base, hub"):
        images.build(["nootebook"])
    assert list(tmp_path.iterdir()) == []


def test_a_registry_that_does_not_answer_is_said_so():
    with pytest.raises(ImageError, match=r"127\.0\.0\.1:9 does not answer"):
        images.in_registry("127.0.0.1:9/spark-notebooks/hub:1")


def test_only_the_newest_builds_of_an_image_are_kept(monkeypatch):
    commands: list[list[str]] = []

    def output(command: list[str]) -> str:
        commands.append(command)
        return "e\nd\nc\nb\na\n"

    monkeypatch.setattr(images, "output", output)
    images.forget_older(BUILDAH, "hub")
    assert commands[-1] == [
        "buildah",
        "--root=/r",
        "rmi",
        "localhost/spark-notebooks/hub:b",
        "localhost/spark-notebooks/hub:a",
    ]


# --- the base ---


def test_mirrors_are_those_of_apt():
    lines = [
        "DEP-11|Debian|bookworm|main|http://mirror.example/debian/",
        "Packages|Debian|bookworm-updates|main|http://mirror.example/debian/",
        "Packages|Debian|bookworm|main|http://mirror.example/debian/",
        "Packages|Debian-Security|bookworm-security|main|http://mirror.example/security/",
        "Packages|nodistro|nodistro|main|http://other.example/",
        "Packages||kubernetes-stable|main|http://other.example/",
    ]
    assert mirrors(lines) == Mirrors("http://mirror.example/debian/", "http://mirror.example/security/")


def test_mirrors_are_found_before_apt_fetched_any_list():
    assert mirrors(["Packages||trixie|main|http://m/d/"]) == Mirrors("http://m/d/", None)


def test_a_machine_of_another_distribution_has_no_mirror():
    assert mirrors(["Packages|Ubuntu|noble|main|http://m/ubuntu/"]) is None


def test_the_base_has_the_security_updates():
    command = mmdebstrap_command(Path("/t.tar"), Mirrors("http://m/debian/", "http://m/security/"))
    assert command[-4:] == [
        "/t.tar",
        "deb http://m/debian/ trixie main",
        "deb http://m/debian/ trixie-updates main",
        "deb http://m/security/ trixie-security main",
    ]
