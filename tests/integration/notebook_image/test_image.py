"""What a person finds in the image: as uid 1000 on a read-only root, JupyterLab on S3, Spark, and executors of the same image."""

import json

import pytest

from tests.integration.notebook_image.conftest import HOME, NAMESPACE, TOKEN, Kubectl, Python

# What every piece of code that talks to the server in the pod begins with.
CLIENT = f"""
import json, time, uuid, requests, websocket
url, headers = "http://127.0.0.1:8888", {{"Authorization": "token {TOKEN}"}}
def get(path):
    answer = requests.get(url + path, headers=headers, timeout=30)
    answer.raise_for_status()
    return answer.json()
"""

# The byte-compiled package, not the archive of sources that Spark offers its workers.
WORKER = "/opt/venv/lib/python3.13/site-packages/pyspark/__init__.py"

SPARK = """
import os
from pyspark.sql import SparkSession
builder = SparkSession.builder.config("spark.ui.enabled", "false").config("spark.driver.bindAddress", os.environ["POD_IP"])
builder = builder.config("spark.driver.host", os.environ["POD_IP"])
"""


def test_the_user_is_jovyan_on_a_root_that_nobody_can_write(notebook: Python):
    out = notebook("""
import getpass, os, pathlib
print(os.getuid(), os.getgid(), getpass.getuser(), pathlib.Path.home(), pathlib.Path.cwd())
for path in ("/x", "/opt/venv/x", "/opt/spark/jars/x"):
    try:
        open(path, "w")
    except OSError as error:
        print(error.strerror)
""")
    assert out.splitlines() == ["1000 1000 jovyan /home/jovyan /home/jovyan", *["Read-only file system"] * 3]


def test_no_program_has_a_set_uid_bit_and_no_secret_of_the_build_is_left(kubectl: Kubectl, notebook: Python):
    find = (
        "find / -xdev -type f -perm /6000 2>/dev/null; find /run/secrets -maxdepth 1 -type f; ls -A /root 2>&1 || true"
    )
    out = kubectl("exec", "notebook", "--", "sh", "-c", find)
    assert out.splitlines() == ["ls: cannot open directory '/root': Permission denied"]


def test_every_package_has_what_it_needs_and_ours_are_among_them(notebook: Python):
    out = notebook("""
import importlib.metadata, subprocess, sys
for name in ("spark-session", "s3-contents", "spark-notebooks-welcome"):
    print(importlib.metadata.version(name))
import s3_contents, spark_session, welcome
print(subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True).stdout)
""")
    assert "No broken requirements found" in out


def test_the_class_path_is_every_jar_once_and_sorted(notebook: Python):
    out = notebook("""
import pathlib
written = pathlib.Path("/opt/spark-notebooks/class-path").read_text().strip().split(":")
print(written == sorted(str(path) for path in pathlib.Path("/opt/spark/jars").glob("*.jar")), len(written))
""")
    same, count = out.split()
    assert same == "True"
    assert int(count) > 280


def test_pip_installs_into_the_home_folder_and_a_running_kernel_finds_it(notebook: Python):
    out = notebook("""
import pathlib, subprocess, sys, zipfile
wheel = "/tmp/colour_names-1-py3-none-any.whl"
with zipfile.ZipFile(wheel, "w") as archive:
    archive.writestr("colour_names.py", "blue = 7")
    archive.writestr("colour_names-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: colour-names\\nVersion: 1\\n")
    archive.writestr("colour_names-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    archive.writestr("colour_names-1.dist-info/RECORD", "")
subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-index", wheel], check=True)
import colour_names
print(colour_names.blue, colour_names.__file__)
""")
    assert out.split() == ["7", "/home/jovyan/.local/lib/python3.13/site-packages/colour_names.py"]


def test_a_new_person_sees_the_examples_on_s3(notebook: Python):
    out = notebook(
        CLIENT
        + """
deadline = time.monotonic() + 60
while "Welcome" not in [entry["name"] for entry in get("/api/contents")["content"]]:
    assert time.monotonic() < deadline, "no folder Welcome"
    time.sleep(1)
print(json.dumps([entry["name"] for entry in get("/api/contents/Welcome")["content"]]))
"""
    )
    assert "Flights with Spark.ipynb" in json.loads(out)


# A kernel beside the files of the folder `mine`, and what a cell prints.
KERNEL = (
    CLIENT
    + f"""
def put(path, content):
    model = {{"type": "file", "format": "text", "content": content}}
    requests.put(url + "/api/contents/" + path, headers=headers, json=model, timeout=30).raise_for_status()
def wait_for(path):
    deadline = time.monotonic() + 30
    while (answer := requests.get(url + "/api/contents/" + path, headers=headers, timeout=30)).status_code != 200:
        assert time.monotonic() < deadline, path
        time.sleep(0.2)
    return answer.json()["content"]
requests.put(url + "/api/contents/mine", headers=headers, json={{"type": "directory"}}, timeout=30).raise_for_status()
put("mine/data.csv", "a,b\\n1,2\\n")
put("mine/helper.py", "NUMBER = 42")
session = requests.post(url + "/api/sessions", headers=headers, timeout=30, json={{
    "path": "mine/new.ipynb", "type": "notebook", "name": "", "kernel": {{"name": "python3"}}}}).json()
kernel = websocket.create_connection(
    f"ws://127.0.0.1:8888/api/kernels/{{session['kernel']['id']}}/channels?token={TOKEN}", timeout=90)
def run(code):
    header = {{"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": "s", "version": "5.3"}}
    kernel.send(json.dumps({{"header": header, "parent_header": {{}}, "metadata": {{}}, "content": {{"code": code}},
        "channel": "shell", "buffers": []}}))
    while True:
        message = json.loads(kernel.recv())
        if message["parent_header"].get("msg_id") != header["msg_id"]:
            continue
        if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
            print(message["content"]["text"], end="")
        if message["msg_type"] == "error":
            print(*message["content"]["traceback"], sep="\\n")
        if message["content"].get("execution_state") == "idle":
            break
"""
)
END = """
requests.delete(f"{url}/api/sessions/{session['id']}", headers=headers, timeout=30)
"""


def test_a_kernel_finds_the_files_beside_its_notebook_and_a_terminal_the_home_folder(notebook: Python):
    out = notebook(
        KERNEL
        + f"""
run("import os, shutil; print(os.getcwd(), shutil.which('python'), os.environ['SPARK_NOTEBOOKS_NOTEBOOK'])")
run("import helper; print(open('data.csv').readlines()[1].strip(), helper.NUMBER, os.path.exists('out.csv'))")
run("open('out.csv', 'w').write('from the kernel'); None")
print(wait_for("mine/out.csv"), [entry["name"] for entry in get("/api/contents/mine")["content"]])
terminal = requests.post(url + "/api/terminals", headers=headers, json={{"cwd": "mine"}}, timeout=30).json()["name"]
shell = websocket.create_connection(f"ws://127.0.0.1:8888/terminals/websocket/{{terminal}}?token={TOKEN}", timeout=30)
shell.send(json.dumps(["stdin", "echo TERMINAL $PWD $(which python) $(which git)\\n"]))
text = ""
while "TERMINAL /" not in text or "\\n" not in text[text.index("TERMINAL /"):]:
    kind, *data = json.loads(shell.recv())
    text += data[0] if kind == "stdout" else ""
print(text[text.index("TERMINAL /"):].splitlines()[0])
requests.delete(f"{{url}}/api/terminals/{{terminal}}", headers=headers, timeout=30)
"""
        + END
    )
    assert out.splitlines() == [
        "/home/jovyan/s3-files/mine /opt/venv/bin/python mine/new.ipynb",
        "1,2 42 False",
        "from the kernel ['data.csv', 'helper.py', 'out.csv']",
        "TERMINAL /home/jovyan /opt/venv/bin/python /usr/bin/git",
    ]


@pytest.mark.long
def test_pandas_and_spark_read_a_file_by_its_s3_address_with_no_settings(notebook: Python):
    code = f"""
import os, pandas as pd
from spark_session import get_spark_session
before = set(os.listdir())
pd.read_csv("data.csv").to_parquet("data.parquet")
while not __import__("s3fs").S3FileSystem(use_listings_cache=False).exists("{HOME}/mine/data.parquet"):
    pass
print(pd.read_csv("{HOME}/mine/data.csv").values.tolist(), pd.read_parquet("{HOME}/mine/data.parquet").values.tolist())
del os.environ["SPARK_NOTEBOOKS_IMAGE"]
with get_spark_session(py_files="helper.py") as spark:
    print([tuple(row) for row in spark.read.csv("{HOME}/mine/data.csv", header=True, inferSchema=True).collect()])
    print([tuple(row) for row in spark.read.parquet("{HOME}/mine/data.parquet").collect()])
    print(spark.sparkContext.parallelize([0], 1).map(lambda _: __import__("helper").NUMBER).collect())
print(sorted(set(os.listdir()) - before - {{"__pycache__"}}))
"""
    out = notebook(KERNEL + f"run({code!r})" + END)
    assert out.splitlines() == [
        "[[1, 2]] [[1, 2]]",
        "[(1, 2)]",
        "[(1, 2)]",
        "[42]",
        "['data.parquet']",
    ], "Spark leaves nothing beside the notebook"


def test_lab_asks_nothing_of_the_internet(notebook: Python):
    out = notebook(
        CLIENT
        + """
page = requests.get(url + "/lab", headers=headers, timeout=30).text
config = json.loads(page.split('id="jupyter-config-data" type="application/json">')[1].split("</script>")[0])
print(config["news"], get("/lab/api/update")["notification"])
"""
    )
    assert out.split("\n")[0] == "{'disabled': True} None"


@pytest.mark.long
def test_spark_reads_and_writes_s3_with_every_codec(notebook: Python):
    out = notebook(
        SPARK
        + f"""
settings = {{
    "endpoint": os.environ["AWS_ENDPOINT_URL_S3"], "endpoint.region": "us-east-1", "path.style.access": "true",
    "aws.credentials.provider": "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"}}
for name, value in settings.items():
    builder = builder.config("spark.hadoop.fs.s3a." + name, value)
spark = builder.master("local[2]").config("spark.sql.shuffle.partitions", "2").getOrCreate()
folder = "{HOME.replace("s3:", "s3a:")}/spark"
frame = spark.range(1000).selectExpr("id", "id % 7 as k")
for codec in ("snappy", "zstd", "lz4", "gzip"):
    frame.write.option("compression", codec).parquet(f"{{folder}}/{{codec}}")
    print(codec, spark.read.parquet(f"{{folder}}/{{codec}}").agg({{"id": "sum"}}).collect()[0][0])
# The state store of streams is RocksDB, whose native library is one of those that the build takes out of its jar for other platforms.
spark.conf.set("spark.sql.streaming.stateStore.providerClass",
    "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider")
stream = spark.readStream.schema(frame.schema).parquet(f"{{folder}}/zstd").groupBy("k").count()
query = stream.writeStream.outputMode("complete").format("memory").queryName("counts").trigger(availableNow=True)
query.option("checkpointLocation", "/tmp/checkpoint").start().awaitTermination()
print("rocksdb", spark.table("counts").agg({{"count": "sum"}}).collect()[0][0])
path = spark._jvm.org.apache.hadoop.fs.Path
files = path(folder).getFileSystem(spark._jsc.hadoopConfiguration())
print("rename", files.rename(path(folder + "/gzip"), path(folder + "/renamed")), files.exists(path(folder + "/gzip")))
spark.stop()
"""
    )
    assert out.splitlines()[-6:] == [
        *(f"{codec} 499500" for codec in ("snappy", "zstd", "lz4", "gzip")),
        "rocksdb 1000",
        "rename True False",
    ]


@pytest.mark.long
@pytest.mark.parametrize("executors", [2])
def test_executors_of_the_same_image_compute_and_go(kubectl: Kubectl, notebook: Python, executors: int):
    out = notebook(
        SPARK
        + f"""
import pathlib, socket, time
pathlib.Path("/tmp/template.yaml").write_text('''
spec:
  automountServiceAccountToken: false
  securityContext: {{runAsNonRoot: true, runAsUser: 1000, seccompProfile: {{type: RuntimeDefault}}}}
  containers:
  - name: executor
    securityContext: {{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {{drop: [ALL]}}}}
    volumeMounts: [{{name: tmp, mountPath: /tmp}}]
  volumes: [{{name: tmp, emptyDir: {{}}}}]
''')
pathlib.Path("/tmp/added.txt").write_text("from the driver")
settings = {{
    "spark.kubernetes.namespace": "{NAMESPACE}", "spark.kubernetes.driver.pod.name": "notebook",
    "spark.kubernetes.container.image": os.environ["SPARK_NOTEBOOKS_IMAGE"],
    "spark.kubernetes.authenticate.executor.serviceAccountName": "executor",
    "spark.kubernetes.executor.podTemplateFile": "/tmp/template.yaml", "spark.kubernetes.executor.disableConfigMap": "true",
    "spark.kubernetes.driver.service.deleteOnTermination": "false", "spark.kubernetes.driver.ownPersistentVolumeClaim": "false",
    "spark.kubernetes.driver.reusePersistentVolumeClaim": "false", "spark.kubernetes.executor.request.cores": "50m",
    "spark.executor.instances": "{executors}", "spark.executor.memory": "512m",
    "spark.executor.extraJavaOptions": "-Dtest.words='two words'"}}
for name, value in settings.items():
    builder = builder.config(name, value)
host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
spark = builder.master(f"k8s://https://{{host}}:{{port}}").getOrCreate()
context = spark.sparkContext
deadline = time.monotonic() + 240
while context._jsc.sc().getExecutorMemoryStatus().size() < {executors} + 1:
    assert time.monotonic() < deadline, "the executors did not register"
    time.sleep(0.5)
context.addFile("/tmp/added.txt")
def look(_):
    from pyspark import SparkFiles
    time.sleep(0.2)
    import pyspark
    return socket.gethostname(), pyspark.__file__, os.getuid(), os.access(os.getcwd(), os.W_OK), pathlib.Path(SparkFiles.get("added.txt")).read_text()
seen = set(context.parallelize(range(40), 8).map(look).collect())
print("EXECUTORS", len({{host for host, *_ in seen}}), sorted({{tuple(rest) for _, *rest in seen}}))
spark.stop()
"""
    )
    assert out.splitlines()[-1] == f"EXECUTORS {executors} [({WORKER!r}, 1000, True, 'from the driver')]"
    kubectl("wait", "--for=delete", "pod", "--selector=spark-role=executor", "--timeout=60s")


# A JVM that cannot use its cache does not start.
CACHE_OR_NOTHING = "-XX:AOTMode=on -XX:TieredStopAtLevel=1"


def test_the_driver_starts_from_its_cache(notebook: Python):
    out = notebook(f"""
import os
os.environ["JDK_JAVA_OPTIONS"] = "{CACHE_OR_NOTHING}"
del os.environ["SPARK_NOTEBOOKS_IMAGE"]
from pathlib import Path
from pyspark import SparkContext
from spark_session import get_spark_session
with get_spark_session() as spark:
    print(spark.range(10).count())
    print("-XX:AOTCache=/opt/spark-notebooks/aot/driver.aot" in Path(f"/proc/{{SparkContext._gateway.proc.pid}}/cmdline").read_text().split("\\0"))
""")
    assert out.splitlines() == ["10", "True"]


def test_an_executor_starts_from_its_cache(notebook: Python):
    out = notebook(f"""
import os, subprocess
from spark_session.jvm import MODULE_OPTIONS
settings = {{
    "SPARK_DRIVER_URL": "spark://CoarseGrainedScheduler@127.0.0.1:1", "SPARK_EXECUTOR_ID": "1", "SPARK_EXECUTOR_CORES": "1",
    "SPARK_EXECUTOR_MEMORY": "512m", "SPARK_APPLICATION_ID": "spark-1", "SPARK_EXECUTOR_POD_IP": "127.0.0.1",
    "JDK_JAVA_OPTIONS": "{CACHE_OR_NOTHING}"}}
options = [option for option in MODULE_OPTIONS if not option.startswith("-Dderby")]
settings |= {{f"SPARK_JAVA_OPT_{{number}}": option for number, option in enumerate(options)}}
command = ["/opt/spark-notebooks/bin/entrypoint", "executor"]
result = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)
log = result.stdout + result.stderr
print("Started daemon" in log, "-XX:AOTCache" in log, "[aot]" in log)
""")
    assert out.split() == ["True", "False", "False"]


@pytest.mark.long
def test_a_cache_that_does_not_fit_is_passed_over_in_silence(notebook: Python):
    out = notebook("""
import os, subprocess, sys, zipfile
with zipfile.ZipFile("/tmp/mine.jar", "w") as jar:
    jar.writestr("mine.txt", "mine")
del os.environ["SPARK_NOTEBOOKS_IMAGE"]
code = "from spark_session import get_spark_session as get; print(get(conf={'spark.driver.extraClassPath': '/tmp/mine.jar'}).range(7).count())"
result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
print(result.stdout.strip(), "aot" in result.stderr.lower(), "shared" in result.stderr.lower())
""")
    assert out.split() == ["7", "False", "False"]
