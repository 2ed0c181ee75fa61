"""What runs on this machine: a small file for each Spark session, for those who look after sessions from outside their process.

Executors and their state are Kubernetes' to tell. A record holds what only this machine knows: the processes and the port of the Spark UI.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER_VARIABLE = "SPARK_SESSION_RECORDS"


@dataclass(frozen=True)
class Record:
    """A session that is starting or running, or was when its process ended without a goodbye.

    A session has its record before it has its first executor, so that an executor without one belongs to nobody.

    Args:
        session_id: 8 hexadecimal digits; the label `spark-notebooks.io/session` of its executor pods.
        name: what the session is called.
        application_id: what Spark calls it; empty while it starts.
        process: process id of the Python that started it: a kernel or a script.
        jvm: process id of its driver JVM; None while it starts.
        ui_port: port of the Spark UI on 127.0.0.1; None where it is off.
        started: seconds since 1970.
        namespace: the workspace; None for local Spark.
        process_started: start time of the process, see spark_session.processes; None where it is not known.
        jvm_started: start time of the JVM, likewise.
        asked: executors that it asks for now; None for local Spark.
    """

    session_id: str
    name: str
    application_id: str
    process: int
    jvm: int | None
    ui_port: int | None
    started: float
    namespace: str | None
    process_started: int | None = None
    jvm_started: int | None = None
    asked: int | None = None


def folder(variables: Mapping[str, str]) -> Path:
    """Where the records of this user are: $SPARK_SESSION_RECORDS, else a private folder under the temporary one."""
    return Path(variables.get(FOLDER_VARIABLE) or Path(tempfile.gettempdir()) / f"spark-session-records-{os.getuid()}")


def write(where: Path, record: Record) -> None:
    """Write a record, whole or not at all, readable by its owner only."""
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=where, suffix=".tmp", delete=False, encoding="utf-8") as file:
        json.dump(asdict(record), file)
    Path(file.name).replace(where / f"{record.session_id}.json")


def remove(where: Path, session_id: str) -> None:
    """Remove a record; it may be gone already."""
    (where / f"{session_id}.json").unlink(missing_ok=True)


def read(where: Path) -> list[Record]:
    """All records, the oldest session first; whoever reads them checks whether their processes live."""
    found = []
    for path in where.glob("*.json"):
        try:
            found.append(Record(**json.loads(path.read_text(encoding="utf-8"))))
        except FileNotFoundError:
            continue  # the session has just ended
    return sorted(found, key=lambda record: record.started)
