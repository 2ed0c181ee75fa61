from dataclasses import replace
from pathlib import Path

from spark_session.records import Record

from spark_session import records

FIRST = Record("0a1b2c3d", "flights", "spark-1", process=10, jvm=11, ui_port=4040, started=1.0, namespace="user-ada")
SECOND = replace(FIRST, session_id="ffffffff", started=2.0, ui_port=None, namespace=None)


def test_records_come_back_the_oldest_first_until_they_are_removed(tmp_path: Path) -> None:
    where = tmp_path / "records"
    assert records.read(where) == []
    records.write(where, SECOND)
    records.write(where, FIRST)
    assert records.read(where) == [FIRST, SECOND]
    records.remove(where, FIRST.session_id)
    records.remove(where, FIRST.session_id)
    assert records.read(where) == [SECOND]


def test_a_record_is_the_owners_and_replaces_its_elder(tmp_path: Path) -> None:
    where = tmp_path / "records"
    records.write(where, FIRST)
    records.write(where, replace(FIRST, ui_port=4041))
    assert [record.ui_port for record in records.read(where)] == [4041]
    assert [path.name for path in where.iterdir()] == ["0a1b2c3d.json"]
    assert where.stat().st_mode & 0o777 == 0o700
    assert (where / "0a1b2c3d.json").stat().st_mode & 0o777 == 0o600


def test_the_folder_is_private_to_the_user_unless_named() -> None:
    assert records.folder({"SPARK_SESSION_RECORDS": "/srv/records"}) == Path("/srv/records")
    assert records.folder({}).name.startswith("spark-session-records-")
