"""Keys of S3 on the platform: researchers have them without a setting, and nobody gets another's."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.notebook_pod import Notebook

from .conftest import AUDIENCE, NAME, Situation

# What is sent from eve's notebook: each by the field that it changes of a good call, answered with HTTP status and text.
CALL = """
import json, os, sys, urllib.error, urllib.parse, urllib.request
URL = os.environ["AWS_ENDPOINT_URL_STS"]
def call(token, **fields):
    form = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": os.environ["AWS_ROLE_ARN"],
            "RoleSessionName": "session", "WebIdentityToken": token} | fields
    body = urllib.parse.urlencode({key: value for key, value in form.items() if value is not None}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(URL, body), timeout=30) as answer:
            return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error:
        return [error.code, error.read().decode()]
    except OSError as error:
        return [0, repr(error)]
OWN = open(os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]).read()
"""


@dataclass(frozen=True)
class Theft:
    """A call that is not to be answered with keys, and the code that refuses it."""

    token: str
    code: str
    fields: Mapping[str, str | None]


def theft(token: str, code: str, **fields: str | None) -> Theft:
    return Theft(token, code, fields)


ELSEWHERE = "a token of another namespace's account notebook"
REPLAYED = "the token of a pod that is gone"
# Tokens by the names that the fixture `tokens` gives them.
THEFTS = {
    "no token": theft("", "MissingParameter"),
    "a word": theft("letmein", "InvalidIdentityToken"),
    "a huge token": theft("huge", "RequestEntityTooLarge"),
    "a long token": theft("long", "ValidationError"),
    "a token of a forged issuer": theft("forged", "InvalidIdentityToken"),
    "a token without a signature": theft("unsigned", "InvalidIdentityToken"),
    "the notebook's token for the Kubernetes API": theft("api", "InvalidIdentityToken"),
    "a token of bob's for another audience": theft("bobs-other-audience", "InvalidIdentityToken"),
    "an ended token": theft("ended", "ExpiredTokenException"),
    REPLAYED: theft("replayed", "InvalidIdentityToken"),
    "a token that is bound to no pod": theft("unbound", "AccessDenied"),
    "a token of another account of the workspace": theft("default-account", "AccessDenied"),
    ELSEWHERE: theft("elsewhere", "AccessDenied"),
    "a wider policy": theft("own", "ValidationError", Policy='{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'),
    "a policy of the administrator's": theft("own", "ValidationError", **{"PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    "keys for ever": theft("own", "ValidationError", DurationSeconds="99999999"),
    "another call of STS": theft("own", "InvalidAction", Action="AssumeRole"),
    "a call without a role": theft("own", "MissingParameter", RoleArn=None),
}  # fmt: skip


@pytest.fixture(scope="module")
def tokens(situation: Situation) -> dict[str, str]:
    """Tokens by what they are; those that name a pod are really made by the API server."""
    eve, bob = situation.eve, situation.bob
    own = made(eve, "notebook", *bound_to(eve.name), f"--audience={AUDIENCE}")
    head, payload, signature = own.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    bobs = claims | {"sub": f"system:serviceaccount:{bob.namespace}:notebook"}
    return {
        "": "",
        "letmein": "letmein",
        "huge": "x" * 200_000,
        "long": own + "x" * 9000,
        "own": own,
        "forged": ".".join([head, encoded(bobs | {"iss": "https://eve.example"}), signature]),
        "unsigned": ".".join([encoded({"alg": "none"}), encoded(bobs), "x"]),
        "api": made(eve, "notebook", *bound_to(eve.name)),
        "bobs-other-audience": made(bob, "notebook", *bound_to(bob.name), "--audience=something-else"),
        "ended": ".".join([head, encoded(claims | {"exp": int(time.time()) - 60}), signature]),
        "unbound": made(bob, "notebook", f"--audience={AUDIENCE}"),
        "default-account": made(eve, "default", f"--audience={AUDIENCE}"),
    }


@pytest.fixture(scope="module")
def answers(situation: Situation, tokens: dict[str, str]) -> dict[str, list[Any]]:
    """What came of all thefts. That of another namespace's account is tried while its pod is there, and again when it is gone.

    API servers know for ten seconds whose a token was, so the last is tried until they have forgotten.
    """
    platform = Notebook(situation.eve.target, NAME, "imitator")
    platform.kubectl("create", "serviceaccount", "notebook")
    container = {"name": "c", "image": situation.words["THE_IMAGE"], "command": ["sleep", "1000"]}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "imitator", "namespace": NAME},
        "spec": {"serviceAccountName": "notebook", "containers": [container]},
    }
    platform.kubectl("create", "--filename", "-", stdin=json.dumps(pod))
    try:
        elsewhere = made(platform, "notebook", *bound_to("imitator"), f"--audience={AUDIENCE}")
        there = send(situation.eve, {ELSEWHERE: THEFTS[ELSEWHERE]}, {"elsewhere": elsewhere})
    finally:
        platform.kubectl("delete", "pod", "imitator", "--grace-period=0", "--force", "--ignore-not-found")
        platform.kubectl("delete", "serviceaccount", "notebook")
    others = {name: each for name, each in THEFTS.items() if name not in {ELSEWHERE, REPLAYED}}
    answered = there | send(situation.eve, others, tokens)
    deadline = time.monotonic() + 30
    while True:
        answered |= send(situation.eve, {REPLAYED: THEFTS[REPLAYED]}, {"replayed": elsewhere})
        if THEFTS[REPLAYED].code in answered[REPLAYED][1] or time.monotonic() > deadline:
            return answered


def made(notebook: Notebook, account: str, *more: str) -> str:
    return notebook.kubectl("create", "token", account, *more).strip()


def bound_to(pod: str) -> tuple[str, str]:
    return "--bound-object-kind=Pod", f"--bound-object-name={pod}"


def encoded(part: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def send(eve: Notebook, thefts: Mapping[str, Theft], tokens: Mapping[str, str]) -> dict[str, list[Any]]:
    text = json.dumps([[tokens[each.token], dict(each.fields)] for each in thefts.values()])
    done = eve.run(f"{CALL}\nprint(json.dumps([call(token, **fields) for token, fields in json.loads({text!r})]))")
    assert done.returncode == 0, done.stderr
    return dict(zip(thefts, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("name", THEFTS)
def test_nobody_gets_keys_by(answers: dict[str, list[Any]], name: str) -> None:
    status, text = answers[name]
    assert 400 <= status < 500
    assert f"<Code>{THEFTS[name].code}</Code>" in text
    assert "AccessKeyId" not in text


def test_the_call_that_the_thefts_are_made_of_is_good(situation: Situation, tokens: dict[str, str]) -> None:
    status, text = send(situation.eve, {"own": theft("own", "")}, tokens)["own"]
    assert (status, "<AccessKeyId>" in text) == (200, True)


# Each is a call of s3fs or boto3 in eve's notebook that ends with PermissionError or AccessDenied.
GRABS = {
    "list everything": 's3.list_objects_v2(Bucket="notebooks")',
    "list everybody": 's3.list_objects_v2(Bucket="notebooks", Prefix="users/", Delimiter="/")',
    "list bob's": 's3.list_objects_v2(Bucket="notebooks", Prefix="users/bob/")',
    "list whoever is called like eve": 's3.list_objects_v2(Bucket="notebooks", Prefix="users/eve", Delimiter="/")',
    "list versions of bob's": 's3.list_object_versions(Bucket="notebooks", Prefix="users/bob/")',
    "list uploads": 's3.list_multipart_uploads(Bucket="notebooks")',
    "read bob's": 's3.get_object(Bucket="notebooks", Key="users/bob/planted.txt")',
    "write to bob's": 's3.put_object(Bucket="notebooks", Key="users/bob/planted.txt", Body=b"eve")',
    "delete bob's": 's3.delete_object(Bucket="notebooks", Key="users/bob/planted.txt")',
    "copy from bob's": 's3.copy_object(Bucket="notebooks", Key="users/eve/x", CopySource="notebooks/users/bob/planted.txt")',
    "an upload in parts to bob's": 's3.create_multipart_upload(Bucket="notebooks", Key="users/bob/x")',
    "go up from one's own": 's3.copy_object(Bucket="notebooks", Key="users/eve/x", CopySource="notebooks/users/eve/../bob/planted.txt")',
    "tags of bob's": 's3.get_object_tagging(Bucket="notebooks", Key="users/bob/planted.txt")',
    "the bucket's policy": 's3.put_bucket_policy(Bucket="notebooks", Policy="{}")',
    "the bucket's versions off": 's3.put_bucket_versioning(Bucket="notebooks", VersioningConfiguration={"Status": "Suspended"})',
    "all buckets": 'assert_none(s3.list_buckets()["Buckets"])',
    "write what is shared for reading": 's3.put_object(Bucket="notebooks", Key="groups/course/planted.txt", Body=b"eve")',
    "add to what is shared for reading": 's3.put_object(Bucket="notebooks", Key="groups/course/x", Body=b"eve")',
    "copy into what is shared for reading": 's3.copy_object(Bucket="notebooks", Key="groups/course/x", CopySource="notebooks/groups/course/planted.txt")',
    "an upload in parts to what is shared for reading": 's3.create_multipart_upload(Bucket="notebooks", Key="groups/course/x")',
    "delete what is shared for reading": 's3.delete_object(Bucket="notebooks", Key="groups/course/planted.txt")',
    "tags of what is shared for reading": 's3.put_object_tagging(Bucket="notebooks", Key="groups/course/planted.txt", Tagging={"TagSet": []})',
    "read what is shared with others": 's3.get_object(Bucket="notebooks", Key="groups/exams/planted.txt")',
    "copy what is shared with others": 's3.copy_object(Bucket="notebooks", Key="groups/commons/x", CopySource="notebooks/groups/exams/planted.txt")',
    "list what is shared with others": 's3.list_objects_v2(Bucket="notebooks", Prefix="groups/exams/")',
    "list all that is shared": 's3.list_objects_v2(Bucket="notebooks", Prefix="groups/", Delimiter="/")',
    "go up from what is shared": 's3.get_object(Bucket="notebooks", Key="groups/commons/../exams/planted.txt")',
    "a bucket of one's own": 's3.create_bucket(Bucket="eves-own")',
}  # fmt: skip


PLANTED = ["users/bob", "groups/course", "groups/exams", "groups/commons"]


@pytest.fixture(scope="module")
def grabs(situation: Situation) -> dict[str, str]:
    done = situation.bob.run(f"""
import s3fs
for key in {PLANTED}:
    s3fs.S3FileSystem().pipe(f"notebooks/{{key}}/planted.txt", b"bob")
""")
    assert done.returncode == 0, done.stderr
    code = f"""
import json, botocore.session
from botocore.exceptions import ClientError
s3 = botocore.session.get_session().create_client("s3")
def assert_none(found):
    if not found:
        raise ClientError({{"Error": {{"Code": "AccessDenied"}}}}, "none")
found = {{}}
for name, text in json.loads({json.dumps(GRABS)!r}).items():
    try:
        exec(text)
        found[name] = "done"
    except ClientError as error:
        found[name] = error.response["Error"]["Code"]
print(json.dumps(found))
"""
    done = situation.eve.run(code)
    assert done.returncode == 0, done.stderr
    result: dict[str, str] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("name", GRABS)
def test_a_persons_keys_do_not(grabs: dict[str, str], name: str) -> None:
    assert grabs[name] in {"AccessDenied", "403", "NoSuchKey"}


def test_bobs_files_are_as_bob_wrote_them(situation: Situation, grabs: dict[str, str]) -> None:
    done = situation.bob.run(f"""
import s3fs
print([s3fs.S3FileSystem().cat(f"notebooks/{{key}}/planted.txt") for key in {PLANTED}])
print([name for key in {PLANTED} for name in s3fs.S3FileSystem().ls(f"notebooks/{{key}}") if name.endswith("/x")])
""")
    assert done.stdout.split("\n")[:2] == [str([b"bob"] * len(PLANTED)), "[]"], done.stderr


def test_what_is_shared_is_open_as_it_is_shared(situation: Situation, grabs: dict[str, str]) -> None:
    """What is refused above is refused for its own reason: the same keys do what they may."""
    done = situation.eve.run("""
import json, os, s3fs
shares = json.loads(os.environ["S3_CONTENTS_CONFIG"])["S3ContentsManager"]["shares"]
s3 = s3fs.S3FileSystem()
s3.pipe("notebooks/groups/commons/eves.txt", b"eve")
texts = [s3.cat(f"notebooks/groups/{name}/planted.txt").decode() for name in ("course", "commons")]
print(json.dumps([[[share["name"], share["writable"]] for share in shares], texts, s3.ls("notebooks/groups/course/")]))
""")
    assert done.returncode == 0, done.stderr
    shares, texts, listed = json.loads(done.stdout)
    assert shares == [["course", False], ["commons", True]]
    assert texts == ["bob", "bob"]
    assert "notebooks/groups/course/planted.txt" in listed
    bob = situation.bob.run('import s3fs; print(s3fs.S3FileSystem().cat("notebooks/groups/commons/eves.txt"))')
    assert bob.stdout.strip() == "b'eve'", bob.stderr


def test_the_workspace_says_what_is_shared_with_its_person(situation: Situation) -> None:
    notes = situation.api.call("GET", f"/api/v1/namespaces/{situation.eve.namespace}").content["metadata"][
        "annotations"
    ]
    assert notes["spark-notebooks.io/s3-prefixes"] == "users/eve"
    assert notes["spark-notebooks.io/s3-shared-read"] == "groups/course"
    assert notes["spark-notebooks.io/s3-shared-write"] == "groups/commons"


@pytest.mark.long
def test_pandas_s3fs_and_spark_work_without_a_setting(situation: Situation) -> None:
    done = situation.eve.run("""
import os, pandas as pd, s3fs
assert not [name for name in os.environ if name in ("AWS_SECRET_ACCESS_KEY", "AWS_SHARED_CREDENTIALS_FILE")]
home = os.environ["SPARK_NOTEBOOKS_S3_HOME"]
pd.DataFrame({"a": [1, 2, 3]}).to_csv(f"{home}/frame.csv", index=False)
assert pd.read_csv(f"{home}/frame.csv").a.sum() == 6
# By the SDK for C++.
pd.DataFrame({"a": [1, 2, 3]}).to_parquet(f"{home}/frame.parquet")
assert any(name.endswith("frame.csv") for name in s3fs.S3FileSystem().ls(home))
from spark_session import get_spark_session
spark = get_spark_session(executors=1)
spark.range(1000).write.mode("overwrite").parquet(f"{home}/numbers")
assert spark.read.parquet(f"{home}/numbers").count() == 1000
def who(_):
    import botocore.session, pandas as pd
    assert pd.read_parquet(f"{home}/frame.parquet").a.sum() == 6
    return [botocore.session.get_session().create_client("sts").get_caller_identity()["Arn"]]
[arn] = spark.sparkContext.parallelize([0], 1).mapPartitions(who).collect()
assert arn.endswith("eve"), arn
try:
    spark.read.text("s3://notebooks/users/bob/planted.txt").count()
except Exception as error:
    assert "AccessDenied" in str(error) or "Forbidden" in str(error), error
else:
    raise SystemExit("Spark read another's file")
spark.stop()
print("all of it")
""")
    assert done.stdout.strip().endswith("all of it"), done.stderr


@pytest.mark.long
def test_a_job_has_keys_as_its_notebook_has(situation: Situation) -> None:
    done = situation.eve.run("""
from pathlib import Path
from spark_session.batch.command import main
Path("/tmp/job.py").write_text('''
import os, pandas as pd
from spark_session import get_spark_session
home = os.environ["SPARK_NOTEBOOKS_S3_HOME"]
assert "AWS_SECRET_ACCESS_KEY" not in os.environ
pd.DataFrame({"a": [1, 2]}).to_parquet(f"{home}/of-a-job.parquet")
print("sum", get_spark_session(executors=1).read.parquet(f"{home}/of-a-job.parquet").groupBy().sum("a").first()[0])
''')
raise SystemExit(main(["submit", "/tmp/job.py"]))
""")
    assert done.returncode == 0, done.stderr
    assert "sum 3" in done.stdout, done.stderr


def test_a_flood_is_slowed_and_harms_nobody_else(situation: Situation, tokens: dict[str, str]) -> None:
    """After the rest, because eve has to wait now."""
    text = json.dumps([tokens["own"], tokens["forged"]])
    done = situation.eve.run(f"""{CALL}
from concurrent.futures import ThreadPoolExecutor
own, forged = json.loads({text!r})
with ThreadPoolExecutor(20) as pool:
    answers = list(pool.map(call, [own] * 200 + [forged] * 800))
print(json.dumps([sum("Throttling" in text for _, text in answers), sum(status == 0 for status, _ in answers)]))
""")
    slowed, broken = json.loads(done.stdout)
    assert slowed > 100, done.stderr
    assert broken == 0
    bob = situation.bob.run(
        'import botocore.session; print(botocore.session.get_session().create_client("sts").get_caller_identity()["Arn"])'
    )
    assert bob.stdout.strip().endswith("bob"), bob.stderr
