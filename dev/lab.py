"""`make lab`: JupyterLab with the platform's contents manager on a local S3 server, and Spark in this process's own JVM."""

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from dev.lab_extension import lab_extension
from dev.paths import REPOSITORY, cache_folder, data_folder
from dev.progress import say, step
from dev.relay import RelayError, chosen_port, require_free
from dev.s3_server import S3Server, S3ServerError
from dev.toolchain import ToolchainError, ensure_programs

PACKAGES = (
    "spark_session/src",
    "notebook-image/s3_contents/src",
    "notebook-image/welcome/src",
    "notebook-image/spark_ui/src",
    "notebook-image/lab_jobs/src",
)
BUCKET = "notebooks"


def jars() -> Path:
    """The S3 connector's jars, downloaded once for each content of the lock file."""
    sources = REPOSITORY / "notebook-image" / "jars"
    key = hashlib.sha256((sources / "SHA256SUMS").read_bytes()).hexdigest()[:12]
    folder = cache_folder() / "downloads" / f"jars-{key}"
    if not folder.exists():
        ensure_programs("mvn")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with step("Downloading the S3 connector"), tempfile.TemporaryDirectory(dir=folder.parent) as partial:
            subprocess.run([sources / "fetch", f"{partial}/jars"], check=True)
            Path(partial, "jars").rename(folder)
    return folder


def environment(server: S3Server, jars: Path, extension: Path, home: Path) -> dict[str, str]:
    """What a notebook pod's environment says, for this machine."""
    return {
        **os.environ,
        **server.environment(),
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / package) for package in PACKAGES),
        "JUPYTER_CONFIG_PATH": str(REPOSITORY / "notebook-image" / "etc" / "jupyter"),
        "JUPYTER_PATH": str(extension),
        "SPARK_NOTEBOOKS_S3_HOME": f"s3://{BUCKET}/users/{os.environ.get('USER', 'me')}",
        "SPARK_SESSION_JARS": str(jars),
        "HOME": str(home),
    }


def command(port: int, home: Path) -> list[str]:
    """JupyterLab as the image configures it; what differs on a machine of one's own comes as arguments."""
    return [
        *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"),
        *("--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        f"--ServerApp.root_dir={home}",
        *(
            f"--ServerApp.jpserver_extensions={name}=True"
            for name in ("s3_contents", "spark_ui", "lab_jobs", "welcome")
        ),
        f"--Welcome.examples={REPOSITORY / 'notebook-image' / 'examples'}",
        "--ServerApp.answer_yes=True",  # one Ctrl-C ends it
    ]


def main() -> int:
    folder = data_folder() / "lab"
    home = folder / "home"
    try:
        home.mkdir(parents=True, exist_ok=True)
        port = chosen_port(os.environ)
        require_free(folder, port)
        ensure_programs("java")
        connector, extension = jars(), lab_extension()
        with S3Server(folder / "s3") as server:
            server.create_bucket(BUCKET)
            say(f"Notebooks are kept in {folder / 's3'}. Ctrl-C ends JupyterLab and the S3 server.")
            lab = subprocess.Popen(command(port, home), env=environment(server, connector, extension, home), cwd=home)
            try:
                return lab.wait()
            except KeyboardInterrupt:
                lab.send_signal(signal.SIGTERM)
                return lab.wait(timeout=20)
    except KeyboardInterrupt:
        return 130
    except (S3ServerError, RelayError, ToolchainError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
