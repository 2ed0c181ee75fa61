"""Every secret of the platform, and every place where somebody reads who may not have it: none is there.

The secrets are real: those that the chart and the hub have made, and what people have typed. A session has run, so that there are a driver, an executor and a job with
their logs, an environment page and an event log.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping

import pytest
import requests

from dev.platform import Platform
from tests.e2e.storage import Store
from tests.support.notebook_pod import Notebook
from tests.support.secret_places import Document, bucket, command_lines, logs, objects
from tests.support.secret_search import search

from .conftest import NAME, Situation

pytestmark = pytest.mark.long
FULLNAME = f"{NAME}-spark-notebooks"
MISTYPED = "planted-mistyped-password-2f6c"
# Keys and tokens that the notebook holds; they are printed to the test, and nowhere else.
HELD = """
import json, os, botocore.session
from pathlib import Path
keys = botocore.session.get_session().get_credentials().get_frozen_credentials()
print(json.dumps({"S3 key": keys.secret_key, "token of the hub": os.environ["JUPYTERHUB_API_TOKEN"],
    "token for the token service": Path(os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]).read_text(),
    "token of the Kubernetes API": Path("/var/run/secrets/kubernetes.io/serviceaccount/token").read_text()}
    | ({"S3 session token": keys.token} if keys.token else {})))
"""
SESSION = """
import base64, json, os, sys, urllib.request
from pathlib import Path
from urllib.parse import urlsplit
# As Jupyter's server tells its kernels and terminals; this is neither.
os.environ["SPARK_SESSION_EVENT_LOGS"] = "/tmp/event-logs"
Path("/tmp/event-logs").mkdir(exist_ok=True)
from spark_session import get_spark_session
spark = get_spark_session(executors=1)
home = os.environ["SPARK_NOTEBOOKS_S3_HOME"]
spark.range(100).write.mode("overwrite").parquet(f"{home}/left-by-a-session")
context = spark.sparkContext
page = f"{context.uiWebUrl}/"
api = f"{page}api/v1/applications/{context.applicationId}/"
address = urlsplit(context.uiWebUrl)
found = {}
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for url in (f"{page}environment/", f"{page}executors/", f"{api}environment", f"{api}allexecutors"):
    with opener.open(f"http://127.0.0.1:{address.port}{urlsplit(url).path}") as answer:
        found[urlsplit(url).path] = answer.read()
logs = Path(urlsplit(context.getConf().get("spark.eventLog.dir")).path)
found |= {str(path): path.read_bytes() for path in logs.rglob("*") if path.is_file()}
found["settings"] = json.dumps(context.getConf().getAll()).encode()
print(json.dumps({name: base64.b64encode(content).decode() for name, content in found.items()}), flush=True)
sys.stdin.readline()
"""
JOB = """
from pathlib import Path
from spark_session.batch.command import main
Path("/tmp/quick.py").write_text("print('a job')")
raise SystemExit(main(["submit", "/tmp/quick.py"]))
"""


def sign_in(url: str, name: str, password: str) -> bool:
    """By the hub's form; whether it lets the person in."""
    session = requests.Session()
    session.trust_env = False
    page = session.get(f"{url}/hub/login", timeout=30)
    xsrf = next((cookie.value for cookie in session.cookies if (cookie.name, cookie.path) == ("_xsrf", "/hub/")), "")
    assert page.ok
    fields = {"_xsrf": xsrf or "", "username": name, "password": password}
    answer = session.post(f"{url}/hub/login", data=fields, timeout=30, allow_redirects=False)
    return answer.status_code == 302


def of_cluster(situation: Situation) -> dict[str, str]:
    """What Secrets hold, by names."""
    wanted = {
        (NAME, f"{FULLNAME}-hub"): ("cookie-secret", "proxy-token", "crypt-key"),
        (NAME, f"{FULLNAME}-s3"): ("secret-key",),
        **{(each.namespace, "spark-authentication"): ("secret",) for each in (situation.eve, situation.bob)},
        **{(each.namespace, "notebook-token"): ("token",) for each in (situation.eve, situation.bob)},
    }
    found = {}
    for (namespace, name), keys in wanted.items():
        data = situation.api.call("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}").content["data"]
        found |= {f"{namespace}/{name} {key}": base64.b64decode(data[key]).decode() for key in keys}
    return found


def held_by(notebook: Notebook, person: str) -> dict[str, str]:
    done = notebook.run(HELD)
    assert done.returncode == 0, done.stderr
    return {f"{person}'s {name}": value for name, value in json.loads(done.stdout).items()}


@pytest.fixture(scope="module")
def secrets(situation: Situation) -> dict[str, str]:
    """All of them, by the names that a failure tells."""
    assert not sign_in(situation.hub.url, "eve", MISTYPED)
    assert sign_in(situation.hub.url, "eve", situation.planted["the password of users"])
    typed = {"a mistyped password": MISTYPED, "the administrator's token": situation.hub.token}
    held = held_by(situation.eve, "eve") | held_by(situation.bob, "bob")
    own = {"eve's own token": situation.words["EVES_TOKEN"]}
    return typed | situation.planted | of_cluster(situation) | held | own


@pytest.fixture(scope="module")
def documents(situation: Situation, secrets: Mapping[str, str]) -> list[Document]:
    return list(_documents(situation))


def _documents(situation: Situation) -> Iterator[Document]:
    eve = situation.eve
    eve.wait_until_executors_are_gone()
    job = eve.run(JOB)
    assert job.returncode == 0, job.stderr
    yield "what a job says", (job.stdout + job.stderr).encode()
    process = eve.open(SESSION)
    assert process.stdin
    assert process.stdout
    try:
        line = process.stdout.readline()
        assert line, "eve's session does not start"
        yield from ((name, base64.b64decode(content)) for name, content in json.loads(line).items())
        [executor] = [name.removeprefix("pod/") for name in eve.executors()]
        yield command_lines(eve.target, eve.namespace, eve.name)
        yield command_lines(eve.target, eve.namespace, executor)
        yield from objects(eve.target)
        yield from logs(eve.target)
    finally:
        process.stdin.close()
        process.wait(60)
    # The chart's full name, by which its S3 server is called.
    with Store.of(Platform(eve.target, release=FULLNAME, namespace=NAME)) as store:
        yield from bucket(store.client, store.bucket)


def test_no_secret_is_where_others_read(secrets: Mapping[str, str], documents: list[Document]) -> None:
    assert search(secrets, documents) == []


@pytest.mark.parametrize(
    "place",
    [
        r"Pod attacks/attacks-spark-notebooks-hub-.*",
        r"Pod attacked-eve/notebook",
        r"Pod attacked-eve/.*exec.*",
        r"Job attacked-eve/.*",
        r"Namespace /attacked-eve",
        r"ConfigMap kube-system/.*",
        r"Event attacked-eve/.*",
        r"Secret attacks/attacks-spark-notebooks-hub",
        r"log of attacks/attacks-spark-notebooks-hub-.*",
        r"log of attacks/attacks-spark-notebooks-proxy-.*",
        r"log of attacks/attacks-spark-notebooks-tokens-.*",
        r"log of attacked-eve/notebook/notebook",
        r"log of attacked-eve/.*exec.*",
        r"commands in attacked-eve/.*exec.*",
        r"/environment/",
        r".*events_.*",
        r"s3://notebooks/users/eve/left-by-a-session/.*",
    ],
)
def test_all_these_places_were_searched(documents: list[Document], place: str) -> None:
    names = sorted(name for name, content in documents if content)
    assert [name for name in names if re.fullmatch(place, name)], names


def test_each_of_them_would_be_found(secrets: Mapping[str, str]) -> None:
    """In a pod's spec, say; what else the search finds is in its own tests."""
    specs = [(name, json.dumps({"env": [{"value": secret}]}).encode()) for name, secret in secrets.items()]
    assert {(hit.secret, hit.place) for hit in search(secrets, specs)} >= {(name, name) for name in secrets}
