from __future__ import annotations

import json

from spark_session.plan import build
from spark_session.pod_template import executor_pod
from spark_session.settings import Source

from .conftest import NOTEBOOK, MakeContext


def test_user_over_admin_over_default(make_context: MakeContext) -> None:
    admin = {
        "conf": {"spark.default.parallelism": 8, "spark.sql.shuffle.partitions": 16, "spark.eventLog.enabled": True}
    }
    plan = build(make_context(admin=admin, conf={"spark.sql.shuffle.partitions": 32, "spark.ui.enabled": False}))
    found = {key: (value.text, value.source) for key, value in plan.settings.items()}
    assert found["spark.default.parallelism"] == ("8", Source.ADMIN)
    assert found["spark.eventLog.enabled"] == ("true", Source.ADMIN)
    assert found["spark.sql.shuffle.partitions"] == ("32", Source.USER)
    assert found["spark.ui.enabled"] == ("false", Source.USER)
    assert found["spark.executor.memory"] == ("1g", Source.DEFAULT)
    assert found["spark.kubernetes.namespace"] == ("user-ada", Source.DETECTED)


def test_the_administrator_may_set_what_researchers_may_not(make_context: MakeContext) -> None:
    key = "spark.kubernetes.executor.node.selector.pool"
    assert build(make_context(admin={"conf": {key: "spot"}})).settings[key].text == "spot"


def test_null_is_no_setting(make_context: MakeContext) -> None:
    assert (
        "spark.eventLog.enabled" not in build(make_context(admin={"conf": {"spark.eventLog.enabled": None}})).settings
    )


def test_the_pod_template_is_a_file_of_the_plan(make_context: MakeContext) -> None:
    context = make_context()
    plan = build(context)
    path = plan.settings["spark.kubernetes.executor.podTemplateFile"].text
    assert {str(file): json.loads(text) for file, text in plan.files.items()} == {path: executor_pod(context)}


def test_a_laptop_needs_no_file(make_context: MakeContext) -> None:
    assert build(make_context({})).files == {}


def test_variables_of_the_driver(make_context: MakeContext) -> None:
    variables = build(make_context()).variables
    assert variables["PYSPARK_PYTHON"] == "/opt/venv/bin/python"
    assert variables["SPARK_LOCAL_IP"] == "127.0.0.1"
    assert "SPARK_DIST_CLASSPATH" not in variables


def test_the_text_shows_the_environment_and_where_each_value_came_from(make_context: MakeContext) -> None:
    lines = repr(build(make_context(executors=7))).splitlines()
    assert lines[0] == "Environment: notebook pod notebook in the workspace user-ada"
    rows = [line.split(maxsplit=2) for line in lines[1:]]
    assert ["user", "spark.executor.instances", "7"] in rows
    assert ["detected", "spark.kubernetes.namespace", "user-ada"] in rows
    assert ["default", "spark.authenticate", "true"] in rows
    assert ["detected", "$PYSPARK_PYTHON", "/opt/venv/bin/python"] in rows


def test_secrets_of_a_call_are_not_shown(make_context: MakeContext) -> None:
    conf = {"spark.hadoop.fs.s3a.bucket.other.secret.key": "hush", "spark.ssl.keyStorePassword": "hush"}
    plan = build(make_context(NOTEBOOK, conf=conf))
    assert "hush" not in repr(plan)
    assert "hush" not in plan._repr_html_()
    assert "ProfileCredentialsProvider" in repr(plan)


def test_the_html_is_escaped(make_context: MakeContext) -> None:
    page = build(make_context(name="<script>"))._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
