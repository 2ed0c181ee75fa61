from __future__ import annotations

from s3_contents.objects import Object, now
from s3_contents.versions import SeenVersions


def item(etag: str) -> Object:
    return Object("key", 1, etag, now())


def seen(*paths: str, capacity: int = 100) -> SeenVersions:
    versions = SeenVersions(capacity)
    for path in paths:
        versions.set(path, item(path))
    return versions


def etags(versions: SeenVersions, *paths: str) -> list[str | None]:
    return [found.etag if (found := versions.get(path)) else None for path in paths]


def test_the_last_version_counts() -> None:
    versions = seen("a")
    versions.set("a", item("2"))
    assert etags(versions, "a", "b") == ["2", None]
    assert versions.is_fresh("a", 60)
    assert not versions.is_fresh("a", 0)
    assert not versions.is_fresh("b", 60)


def test_a_folder_takes_its_files_along() -> None:
    versions = seen("f/a", "f/g/b", "f", "fa", "h/f/a")
    versions.rename("f", "x/y")
    assert etags(versions, "x/y/a", "x/y/g/b", "x/y") == ["f/a", "f/g/b", "f"]
    assert etags(versions, "f/a", "fa", "h/f/a") == [None, "fa", "h/f/a"]
    versions.forget("x/y")
    assert etags(versions, "x/y/a", "x/y", "fa") == [None, None, "fa"]


def test_the_longest_unseen_are_forgotten() -> None:
    versions = seen("a", "b", "c", capacity=3)
    versions.set("a", item("again"))
    versions.set("d", item("d"))
    assert etags(versions, "a", "b", "c", "d") == ["again", None, "c", "d"]
