"""Everything a call can get wrong gives one error that names the culprit and the way out."""

from __future__ import annotations

import math
from typing import Any

import pytest
from spark_session.errors import SparkSessionError
from spark_session.plan import build

from .conftest import NOTEBOOK, MakeContext

BAD_ARGUMENTS: list[tuple[dict[str, Any], str]] = [
    ({"executors": 0}, "executors=0 is out of range"),
    ({"executors": -1}, "executors=-1 is out of range"),
    ({"executors": 10_001}, "executors=10001 is out of range"),
    ({"executors": 10**30}, "out of range"),
    ({"executors": 2.0}, "executors=2.0 is not a number of executors"),
    ({"executors": "2"}, "executors='2' is not a number of executors"),
    ({"executors": True}, "executors=True is not a number of executors"),
    ({"executors": [2]}, "executors=[2] is not a number of executors"),
    ({"executors": math.nan}, "executors=nan is not a number of executors"),
    ({"cores": 0}, "cores=0 is out of range"),
    ({"cores": -2}, "cores=-2 is out of range"),
    ({"cores": 0.001}, "cores=0.001 is out of range"),
    ({"cores": 1025}, "cores=1025 is out of range"),
    ({"cores": 10**400}, "is not a number of cores"),
    ({"cores": math.nan}, "cores=nan is not a number of cores"),
    ({"cores": math.inf}, "cores=inf is not a number of cores"),
    ({"cores": "two"}, "cores='two' is not a number of cores"),
    ({"cores": ""}, "cores='' is not a number of cores"),
    ({"cores": "500 m"}, "cores='500 m' is not a number of cores"),
    ({"cores": "0m"}, "cores='0m' is out of range"),
    ({"cores": "2g"}, "cores='2g' is not a number of cores"),
    ({"cores": True}, "cores=True is not a number of cores"),
    ({"cores": b"2"}, "cores=b'2' is not a number of cores"),
    ({"memory": 4}, "memory=4 is not a size"),
    ({"memory": 4.5}, "memory=4.5 is not a size"),
    ({"memory": "4"}, "memory='4' is not a size"),
    ({"memory": ""}, "memory='' is not a size"),
    ({"memory": "g"}, "memory='g' is not a size"),
    ({"memory": "-4g"}, "memory='-4g' is not a size"),
    ({"memory": "4 gigabytes"}, "memory='4 gigabytes' is not a size"),
    ({"memory": "4x"}, "memory='4x' is not a size"),
    ({"memory": "4,5g"}, "memory='4,5g' is not a size"),
    ({"memory": "1e3g"}, "memory='1e3g' is not a size"),
    ({"memory": "٤g"}, "is not a size"),
    ({"memory": "512k"}, "memory='512k' is not a size"),
    ({"memory": "0g"}, "memory='0g' is too small"),
    ({"memory": "100m"}, "memory='100m' is too small"),
    ({"memory": "449m"}, "memory='449m' is too small"),
    ({"memory": "17t"}, "memory='17t' is too large"),
    ({"memory": "9" * 12 + "t"}, "is too large"),
    ({"memory": "9" * 400 + "g"}, "is not a size"),
    ({"memory": True}, "memory=True is not a size"),
    ({"memory": ["4g"]}, "memory=['4g'] is not a size"),
    ({"name": ""}, "name='' is not a name"),
    ({"name": "   "}, "is not a name"),
    ({"name": 7}, "name=7 is not a name"),
    ({"name": "x" * 101}, "is not a name"),
    ({"name": "two\nlines"}, "is not a name"),
    ({"name": "\x1b[31mred"}, "is not a name"),
    ({"conf": "spark.ui.port=1"}, "conf is a str"),
    ({"conf": [("spark.ui.port", 1)]}, "conf is a list"),
    ({"conf": {1: "x"}}, "conf has the key 1"),
    ({"conf": {"": "x"}}, "conf has the key ''"),
    ({"conf": {"executor.memory": "4g"}}, "conf has the key 'executor.memory'"),
    ({"conf": {"spark.": "x"}}, "conf has the key 'spark.'"),
    ({"conf": {"spark.ui.port=1": "x"}}, "conf has the key 'spark.ui.port=1'"),
    ({"conf": {"spark.ui port": "x"}}, "conf has the key 'spark.ui port'"),
    ({"conf": {"spark.ui.port\n": "x"}}, "conf has the key"),
    ({"conf": {"fs.s3a.endpoint": "x"}}, 'write "spark.hadoop.fs.s3a.endpoint"'),
    ({"conf": {"spark.ui.port": None}}, "conf['spark.ui.port'] is a NoneType"),
    ({"conf": {"spark.ui.port": [1]}}, "conf['spark.ui.port'] is a list"),
    ({"conf": {"spark.ui.port": b"1"}}, "conf['spark.ui.port'] is a bytes"),
    ({"conf": {"spark.ui.port": "1\0"}}, "conf['spark.ui.port'] is a str"),
    ({"conf": {"spark.app.name": "x"}}, "Use name="),
    ({"conf": {"spark.master": "local[4]"}}, 'conf sets "spark.master"'),
    ({"conf": {"spark.remote": "sc://host"}}, 'conf sets "spark.remote"'),
    ({"conf": {"spark.submit.deployMode": "cluster"}}, 'conf sets "spark.submit.deployMode"'),
    ({"conf": {"spark.executor.instances": 3}}, "Use executors="),
    ({"conf": {"spark.executor.cores": 3}}, "Use cores="),
    ({"conf": {"spark.executor.memory": "3g"}}, "Use memory="),
    ({"conf": {"spark.dynamicAllocation.maxExecutors": 5}}, "Use min_executors= and max_executors="),
    ({"conf": {"spark.dynamicAllocation.enabled": True}}, "max_executors is missing"),
    ({"min_executors": 2}, "max_executors is missing"),
    ({"min_executors": -1, "max_executors": 2}, "min_executors=-1 is out of range"),
    ({"min_executors": "1", "max_executors": 2}, "min_executors='1' is not a number of executors"),
    ({"max_executors": 0}, "max_executors=0 is out of range"),
    ({"max_executors": True}, "max_executors=True is not a number of executors"),
    ({"max_executors": 10_001}, "max_executors=10001 is out of range"),
    ({"min_executors": 3, "max_executors": 2}, "min_executors=3, max_executors=2 do not fit"),
    ({"executors": 5, "max_executors": 2}, "max_executors=2 and executors=5 do not fit"),
    ({"executors": 1, "min_executors": 2, "max_executors": 3}, "executors=1 do not fit"),
    ({"conf": {"spark.driver.host": "0.0.0.0"}}, 'conf sets "spark.driver.host"'),
    ({"conf": {"spark.driver.bindAddress": "0.0.0.0"}}, 'conf sets "spark.driver.bindAddress"'),
    ({"conf": {"spark.authenticate": False}}, 'conf sets "spark.authenticate"'),
    ({"conf": {"spark.authenticate.secret": "x"}}, "Ask your administrator"),
    ({"conf": {"spark.kubernetes.namespace": "user-eve"}}, 'conf sets "spark.kubernetes.namespace"'),
    ({"conf": {"spark.kubernetes.container.image": "x"}}, 'conf sets "spark.kubernetes.container.image"'),
    ({"conf": {"spark.kubernetes.executor.podTemplateFile": "x"}}, "podTemplateFile"),
    ({"conf": {"spark.kubernetes.executor.secrets.x": "/x"}}, "Ask your administrator"),
    ({"conf": {"spark.hadoop.fs.s3a.secret.key": "hush"}}, "~/.aws/credentials"),
    ({"conf": {"spark.hadoop.fs.s3a.access.key": "hush"}}, "~/.aws/credentials"),
    ({"executors": "all"}, "executors='all' is not a number of executors"),
    ({"executors": {"min": 2}}, "executors={'min': 2} is not a number of executors"),
    ({"executors": complex(2)}, "executors=(2+0j) is not a number of executors"),
    ({"cores": [2]}, "cores=[2] is not a number of cores"),
    ({"cores": "1,5"}, "cores='1,5' is not a number of cores"),
    ({"cores": -math.inf}, "cores=-inf is not a number of cores"),
    ({"cores": "1025"}, "cores='1025' is out of range"),
    ({"cores": {}}, "cores={} is not a number of cores"),
    ({"memory": "4g 512m"}, "memory='4g 512m' is not a size"),
    ({"memory": "0x4g"}, "memory='0x4g' is not a size"),
    ({"memory": b"4g"}, "memory=b'4g' is not a size"),
    ({"memory": "infg"}, "memory='infg' is not a size"),
    ({"memory": "4 p"}, "memory='4 p' is not a size"),
    ({"memory": "0.1g"}, "memory='0.1g' is too small"),
    ({"name": b"flights"}, "name=b'flights' is not a name"),
    ({"name": ["flights"]}, "name=['flights'] is not a name"),
    ({"name": "tab\there"}, "is not a name"),
    ({"name": True}, "name=True is not a name"),
    ({"conf": {"spark.ui.port"}}, "conf is a set"),
    ({"conf": 7}, "conf is a int"),
    ({"conf": {None: "x"}}, "conf has the key None"),
    ({"conf": {"Spark.ui.port": "1"}}, "conf has the key 'Spark.ui.port'"),
    ({"conf": {"spark..": "x"}}, "conf has the key 'spark..'"),
    ({"conf": {"mapreduce.task.timeout": 1}}, 'write "spark.hadoop.mapreduce.task.timeout"'),
    ({"conf": {"spark.ui.port": math.nan}}, "that no setting can have: nan"),
    ({"conf": {"spark.ui.port": math.inf}}, "that no setting can have: inf"),
    ({"conf": {"spark.ui.port": {}}}, "conf['spark.ui.port'] is a dict"),
    ({"conf": {"spark.executor.memroy": "4g"}}, 'Did you mean "spark.executor.memory"?'),
    ({"conf": {"spark.driver.Memory": "4g"}}, 'Did you mean "spark.driver.memory"?'),
    ({"conf": {"spark.executor.isntances": 4}}, 'Did you mean "spark.executor.instances"?'),
    ({"conf": {"spark.ui.showConsoleprogress": True}}, 'Did you mean "spark.ui.showConsoleProgress"?'),
    ({"conf": {"spark.api.mode": "connect"}}, 'conf sets "spark.api.mode"'),
    ({"conf": {"spark.kubernetes.executor.request.cores": "1"}}, "Use cores="),
    ({"conf": {"spark.kubernetes.executor.volumes.hostPath.x.mount.path": "/x"}}, "Ask your administrator"),
    ({"conf": {"spark.kubernetes.authenticate.executor.serviceAccountName": "notebook"}}, "serviceAccountName"),
    ({"conf": {"spark.driver.port": 7077}}, "Ask your administrator"),
    ({"packages": 7}, "packages is a int"),
    ({"packages": b"polars"}, "packages is a bytes"),
    ({"packages": {"polars": "1"}}, "packages is a dict"),
    ({"packages": [7]}, "packages has the entry 7"),
    ({"packages": [["polars"]]}, "packages has the entry ['polars']"),
    ({"packages": ""}, "packages has the entry ''"),
    ({"packages": ["polars", "polars"]}, "packages has 'polars' twice"),
    ({"packages": "polars\nduckdb"}, "packages has the entry 'polars\\nduckdb'"),
    ({"packages": "-r requirements.txt"}, "packages has the entry '-r requirements.txt'"),
    ({"packages": ["--index-url"]}, "packages has the entry '--index-url'"),
    ({"packages": "requirements.txt"}, "which is a list of packages"),
    ({"packages": "environment.yml"}, "which is a list of packages"),
    ({"packages": "polars=1.0"}, 'Did you mean "polars==1.0"?'),
    ({"packages": "polars@1.0"}, 'Did you mean "polars==1.0"?'),
    ({"packages": "polars 1.0"}, 'Did you mean "polars==1.0"?'),
    ({"packages": "polars==1.0,,"}, "which is no package"),
    ({"packages": "https://ada:hush@example.org/x-1.0-py3-none-any.whl"}, "an address with a password in it"),
    ({"packages": "tool @ https://ada:hush@example.org/tool.zip"}, "an address with a password in it"),
    ({"packages": "polars==one two"}, "which is no package"),
    ({"packages": "polars; os"}, "which is no package"),
    ({"packages": "no package"}, "which is no package"),
    ({"packages": "numpy\0"}, "packages has the entry"),
    ({"packages": "helper.py"}, "Write py_files=['helper.py']."),
    ({"packages": "code.zip"}, "Write py_files=['code.zip']."),
    ({"packages": "env.tgz"}, "Write environment='env.tgz'"),
    ({"packages": "org.apache.sedona:sedona-spark"}, "which are no Maven coordinates"),
    ({"packages": "org.apache.sedona:sedona-spark:1.7:shaded"}, "which are no Maven coordinates"),
    ({"packages": "org.apache.sedona::1.7"}, "which are no Maven coordinates"),
    ({"packages": "org apache:sedona:1.7"}, "which are no Maven coordinates"),
    ({"packages": "no-such-folder/tool.jar"}, "'no-such-folder/tool.jar' is not there"),
    ({"packages": "./no-such-folder"}, "'./no-such-folder' is not there"),
    ({"packages": "./x-1.0-py3-none-any.whl"}, "'./x-1.0-py3-none-any.whl' is not there"),
    ({"packages": "tool-1.0.tar.gz"}, "'tool-1.0.tar.gz' is not there"),
    ({"packages": "x.whl"}, "whose name is no wheel's"),
    ({"packages": "x-1.0-cp27-cp27m-win_amd64.whl"}, "It is for cp27-cp27m-win_amd64"),
    ({"packages": "s3://bucket/x-1.0-cp27-cp27m-win_amd64.whl"}, "which does not fit"),
    ({"packages": "https://example.org/x-1.0-cp39-cp39-macosx_11_0_arm64.whl"}, "which does not fit"),
    ({"packages": "s3://bucket/folder"}, "A package on S3 is a wheel"),
    ({"packages": "https://example.org/tool.jar"}, "write its Maven coordinates"),
    ({"packages": "ftp://example.org/x-1.0-py3-none-any.whl"}, "Nothing is fetched from 'ftp' addresses"),
    ({"packages": "git+http://example.org/team/tools"}, "which is no address of a repository"),
    ({"packages": "git+https://ada:hush@example.org/team/tools"}, "an address with a password in it"),
    ({"py_files": 7}, "py_files is a int"),
    ({"py_files": [None]}, "py_files has the entry None"),
    ({"py_files": " "}, "py_files has the entry ' '"),
    ({"py_files": "no_such_module.py"}, "'no_such_module.py' is not there"),
    ({"py_files": "no_such_folder/"}, "'no_such_folder/' is not there"),
    ({"py_files": "tool.jar"}, "Jars go into packages=."),
    ({"py_files": "flights.ipynb"}, "A notebook cannot be imported"),
    ({"py_files": "env.tar.gz"}, "A packed environment goes into environment="),
    ({"py_files": "fast.so"}, "Give the package that it belongs to."),
    ({"py_files": "https://example.org/helper.py"}, "Nothing is fetched from 'https' addresses"),
    ({"py_files": "git+https://example.org"}, "which is no address of a repository"),
    ({"py_files": "git+ftp://example.org/team/tools"}, "which is no address of a repository"),
    ({"environment": ["env.tar.gz"]}, "is not a packed environment"),
    ({"environment": "env"}, "environment='env' is not a packed environment"),
    ({"environment": "env.zip"}, "environment='env.zip' is not a packed environment"),
    ({"environment": "no_such_env.tar.gz"}, "'no_such_env.tar.gz' is not there"),
    ({"environment": "https://example.org/env.tar.gz"}, "Nothing is fetched from 'https' addresses"),
    ({"conf": {"spark.jars": "x.jar"}}, "Use packages="),
    ({"conf": {"spark.jars.packages": "a:b:1"}}, "Use packages="),
    ({"conf": {"spark.submit.pyFiles": "x.py"}}, "Use py_files="),
    ({"conf": {"spark.archives": "env.tar.gz"}}, "Use environment="),
]


def test_there_are_at_least_a_hundred_different_ones() -> None:
    assert len({repr(arguments) for arguments, _ in BAD_ARGUMENTS}) == len(BAD_ARGUMENTS) >= 100


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS, ids=lambda value: str(value)[:60])
@pytest.mark.parametrize("variables", [NOTEBOOK, {}], ids=["notebook", "laptop"])
def test_bad_argument(
    make_context: MakeContext, variables: dict[str, str], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(SparkSessionError) as caught:
        build(make_context(variables, **arguments))
    error = caught.value
    assert message in str(error)
    assert all(part.endswith((".", "?")) for part in (error.what, error.why, error.fix))
    assert "hush" not in str(error)


@pytest.mark.parametrize(
    ("admin", "arguments", "message"),
    [
        (
            {"max_executors": 5},
            {"executors": 6},
            "executors=6 is more than you may have. Your administrator's limit is 5.",
        ),
        ({"max_executor_cores": 2}, {"cores": 2.5}, "cores=2500m is more than you may have"),
        ({"max_executor_memory": "8g"}, {"memory": "9g"}, "memory=9g is more than you may have"),
        ({"max_executors": 1}, {}, "executors=2 is more than you may have"),
        ({"max_executors": 5}, {"max_executors": 6}, "max_executors=6 is more than you may have"),
    ],
)
def test_more_than_the_administrator_allows(
    make_context: MakeContext, admin: dict[str, Any], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(SparkSessionError, match=message):
        build(make_context(admin=admin, **arguments))


@pytest.mark.parametrize("key", ["spark.kubernetes.namespace", "spark.master", "spark.executor.memory"])
def test_even_the_administrator_does_not_set_what_a_session_works_out(make_context: MakeContext, key: str) -> None:
    with pytest.raises(SparkSessionError, match="administrator's conf sets"):
        build(make_context(admin={"conf": {key: "x"}}))
