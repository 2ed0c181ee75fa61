"""An application of the JVM as a job: which class is run, what it brings along, and the settings that it is started with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from spark_session.batch.code import digest_of
from spark_session.batch.jar import NOTHING, Along, as_written, bring, check, safe_name, written
from spark_session.batch.request import parse
from spark_session.batch.run_jar import heap, program, settings_of
from spark_session.batch.source import Source
from spark_session.errors import SparkSessionError
from spark_session.jvm import Installation
from spark_session.plan import build
from spark_session.settings import texts

from spark_session import launch
from tests.support.jars import jar

from .conftest import MakeContext

CLASSES = {"com/example/Main.class": b"", "com/example/Main$Inner.class": b"", "com/example/Other.class": b""}
APPLICATION = Source("app.jar", jar(CLASSES, "com.example.Main"), None)
BARE = Source("bare.jar", jar(CLASSES), None)
HELPER = Source("helper.jar", jar({"com/example/Helper.class": b""}), None)


def test_the_class_is_the_one_that_is_named_or_else_the_manifests() -> None:
    assert check(APPLICATION, None, NOTHING) == "com.example.Main"
    assert check(APPLICATION, "com.example.Other", NOTHING) == "com.example.Other"
    assert check(APPLICATION, "com.example.Main$Inner", NOTHING) == "com.example.Main$Inner"
    assert check(APPLICATION, "com.example.Helper", Along((HELPER,))) == "com.example.Helper"


def test_a_manifest_is_read_as_java_reads_it() -> None:
    # A line has 72 bytes at most; what comes after the first empty line is about single files.
    long = "com.example." + "a" * 70
    text = f"Manifest-Version: 1.0\nMAIN-class: {long[:58]}\n {long[58:]}\n\nName: x\nMain-Class: com.example.Wrong\n"
    source = Source("a.jar", jar({f"{long.replace('.', '/')}.class": b""}, manifest=text), None)
    assert check(source, None, NOTHING) == long


def test_a_class_for_newer_javas_is_a_class() -> None:
    source = Source("a.jar", jar({"META-INF/versions/21/com/example/Main.class": b""}), None)
    assert check(source, "com.example.Main", NOTHING) == "com.example.Main"


@pytest.mark.parametrize(
    ("source", "asked", "along", "words"),
    [
        (BARE, None, NOTHING, "It is not known which class of 'bare.jar' is to be run. No class was named"),
        (BARE, "Main", NOTHING, "There is no class 'Main'. It is not in bare.jar. Did you mean com.example.Main?"),
        (BARE, "com.example.Mian", NOTHING, "Did you mean com.example.Main?"),
        (BARE, "org.nowhere.Zzz", Along((HELPER,)), "It is not in bare.jar, helper.jar. Give its full name"),
        (Source("a.jar", jar({}, "com.example.Main"), None), None, NOTHING, "which its manifest names as Main-Class. It is not in a.jar."),
        (Source("a.jar", b"no zip", None), None, NOTHING, "'a.jar' is broken."),
        (APPLICATION, None, Along((Source("app.jar", HELPER.content, None),)), "There are two jars of the name 'app.jar'."),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused(source: Source, asked: str | None, along: Along, words: str) -> None:
    with pytest.raises(SparkSessionError) as caught:
        check(source, asked, along)
    assert words in str(caught.value)


def test_it_brings_along_jars_and_coordinates() -> None:
    asked: list[str] = []

    def find(path: str) -> Source:
        asked.append(path)
        return HELPER

    found = bring(["lib/helper.jar", "s3a://other/x.jar", "org.postgresql:postgresql:42.7.7"], find)
    assert asked == ["lib/helper.jar", "s3://other/x.jar"]
    assert found == Along((HELPER, HELPER), ("org.postgresql:postgresql:42.7.7",))
    assert found.names == "helper.jar, helper.jar, org.postgresql:postgresql:42.7.7"
    with pytest.raises(SparkSessionError, match=r"cannot use 'polars'\. It is a Python package"):
        bring(["polars"], find)


def test_it_is_run_with_its_class_its_arguments_and_what_it_brings_along() -> None:
    along = Along((HELPER,), ("a:b:1",))
    request = parse(APPLICATION, ["--class", "x"], along=along)
    assert (request.runner, request.main_class) == ("spark_session.batch.run_jar", "com.example.Main")
    text, *rest = request.arguments
    assert rest == ["com.example.Main", "--class", "x"]
    assert as_written(text) == ([(digest_of(HELPER.content), "helper.jar")], ["a:b:1"])
    assert json.loads(written(NOTHING, digest_of)) == {"jars": [], "packages": []}


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        (APPLICATION, {"parameters": {"n": 1}}, "It is a jar, and parameters are for notebooks."),
        (Source("x.py", b"", None), {"main_class": "a.B"}, "'x.py' takes no main class."),
        (Source("x.py", b"", None), {"along": Along((), ("a:b:1",))}, "'x.py' takes no packages."),
    ],
)  # fmt: skip
def test_what_is_for_others_is_refused(source: Source, options: dict[str, Any], words: str) -> None:
    with pytest.raises(SparkSessionError) as caught:
        parse(source, **options)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "safe"), [("app-1.0_2.13.jar", "app-1.0_2.13.jar"), ("Flüge, 100% #1.jar", "Fl-ge-100-1.jar"), ("é.jar", "application.jar")]
)  # fmt: skip
def test_a_jar_gets_a_name_that_is_no_address(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize(
    ("memory", "size"), [("3Gi", "2560m"), ("512Mi", "256m"), ("16Gi", "14745m"), ("4096Mi", "3584m"), ("2G", "1395m")]
)
def test_the_heap_is_what_the_pod_has_and_room_beside_it(memory: str, size: str) -> None:
    assert heap(memory) == size


def test_its_settings_are_those_of_a_script_and_what_python_would_see_to(make_context: MakeContext) -> None:
    plan = build(make_context(admin={"executors": 3, "packages": ["s3://tools/x.jar", "c:d:2", "polars"]}, name="app"))
    found = settings_of(plan, [Path("/tmp/job/helper.jar")], ["a:b:1"], "3Gi")
    ours = texts(plan.settings)
    assert ours.items() <= found.items()
    assert {key: found[key] for key in found.keys() - ours.keys()} == {
        "spark.driver.memory": "2560m",
        "spark.jars": "file:///tmp/job/helper.jar,s3://tools/x.jar",
        "spark.jars.packages": "a:b:1,c:d:2",
        "spark.jars.ivySettings": str(plan.context.scratch / "ivysettings.xml"),
    }
    assert found["spark.executor.instances"] == "3"


def test_the_administrators_heap_is_kept(make_context: MakeContext) -> None:
    plan = build(make_context(admin={"conf": {"spark.driver.memory": "1g"}}))
    assert settings_of(plan, [], [], "3Gi")["spark.driver.memory"] == "1g"
    assert "spark.driver.memory" not in settings_of(build(make_context()), [], [], "")


def test_where_spark_has_files_of_its_own_its_script_starts_the_application(
    make_context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Installation(Path("/spark"), Path("/java/bin/java"), "/spark/jars/a.jar")
    monkeypatch.setattr(launch, "known_installation", lambda _: known)
    plan = build(make_context())
    words = ["--class", "com.example.Main", "file:///tmp/app.jar", "a"]
    command, variables = program(plan, {"spark.a": "b"}, words)
    assert command[command.index("org.apache.spark.deploy.SparkSubmit") + 1 :] == ["--conf", "spark.a=b", *words]
    assert command[0] == "/java/bin/java"
    assert variables["SPARK_SESSION_REFUSALS"] == "warn"
    assert variables["LOG4J_CONFIGURATION_FILE"] == plan.variables["LOG4J_CONFIGURATION_FILE"]
    assert "_PYSPARK_DRIVER_CONN_INFO_PATH" not in variables
    monkeypatch.setattr(launch, "known_installation", lambda _: None)
    command, _ = program(plan, {"spark.a": "b"}, words)
    assert Path(command[0]).parts[-2:] == ("bin", "spark-submit")
    assert command[1:] == ["--conf", "spark.a=b", *words]
