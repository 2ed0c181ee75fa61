"""What each operation of the contents manager costs: its requests to S3."""

from __future__ import annotations

import shutil

from s3_contents import S3ContentsManager

from dev.s3_server import S3Server
from tests.support.s3_proxy import S3Proxy

from .home import PLAIN_AND_VERSIONED, TEXT, keys, listed, write

pytestmark = PLAIN_AND_VERSIONED


async def test_opening_looking_and_saving_take_one_request_each(manager: S3ContentsManager, proxy: S3Proxy) -> None:
    await manager.new(path="a.ipynb")
    proxy.requests.clear()
    model = await manager.get("a.ipynb", type="notebook", require_hash=True)
    assert proxy.methods() == ["GET"]
    await manager.get("a.ipynb", content=False)
    assert proxy.methods() == ["HEAD"]
    await manager.save(model, "a.ipynb")
    assert proxy.methods() == ["PUT"]
    await manager.file_exists("a.ipynb")
    assert proxy.methods() == [], "a file that was written a moment ago"
    await manager.dir_exists("a")
    assert proxy.methods() == ["GET"]
    assert not await manager.is_hidden("a.ipynb")
    assert proxy.methods() == []


async def test_a_save_whose_version_is_unknown_looks_for_it_first(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str
) -> None:
    s3_server.client.put_object(Bucket=bucket, Key="users/ada/b.txt", Body=b"1")
    await manager.save(TEXT | {"content": "2"}, "b.txt")
    assert proxy.methods() == ["HEAD", "PUT"]


async def test_a_new_file_takes_a_look_for_a_folder_of_its_name(manager: S3ContentsManager, proxy: S3Proxy) -> None:
    await manager.new(TEXT | {"content": "1"}, "b.txt")
    assert [str(request) for request in proxy.requests] == [
        "GET ?list-type=2&prefix=users/ada/b.txt/&max-keys=1&encoding-type=url",
        "PUT users/ada/b.txt",
    ]


async def test_new_untitled_files_take_one_listing(manager: S3ContentsManager, proxy: S3Proxy) -> None:
    for number in range(3):
        await manager.new_untitled(ext=".txt")
        assert proxy.methods() == ["GET", "PUT"], number
    assert await listed(manager) == [("file", "untitled.txt"), ("file", "untitled1.txt"), ("file", "untitled2.txt")]


async def test_a_long_folder_takes_a_request_per_thousand_entries(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str
) -> None:
    names = [f"{number:04}" for number in range(1005)]
    write(s3_server, bucket, *(f"users/ada/many/{name}" for name in names))
    model = await manager.get("many", type="directory")
    assert [entry["name"] for entry in model["content"]] == names
    assert proxy.methods() == ["GET"] * 2
    manager.always_delete_dir = True
    await manager.delete_file("many")
    assert proxy.methods() == ["HEAD", "GET", "GET", "POST", "POST"]
    assert keys(s3_server, bucket) == []


async def test_ten_thousand_entries_take_ten_requests(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str
) -> None:
    write(s3_server, bucket, "users/ada/many/0000")
    first = s3_server.data_dir / "objects" / bucket / "users/ada/many/0000"
    for number in range(1, 10_000):
        shutil.copy2(first, first.with_name(f"{number:04}"))  # as the server keeps it, and far quicker than by its API
    model = await manager.get("many", type="directory")
    assert [entry["name"] for entry in model["content"]] == [f"{number:04}" for number in range(10_000)]
    assert proxy.methods() == ["GET"] * 10


async def test_checkpoints_take_few_requests(manager: S3ContentsManager, proxy: S3Proxy) -> None:
    await manager.new(path="a.ipynb")
    proxy.requests.clear()
    checkpoint = await manager.create_checkpoint("a.ipynb")
    assert proxy.methods() == ["HEAD", "PUT"]
    await manager.list_checkpoints("a.ipynb")
    assert proxy.methods() == ["GET"]
    await manager.restore_checkpoint(checkpoint["id"], "a.ipynb")
    assert proxy.methods() == ["HEAD", "PUT"]
    await manager.delete_checkpoint(checkpoint["id"], "a.ipynb")
    assert proxy.methods() == ["HEAD", "DELETE"]


async def test_renaming_a_small_file(manager: S3ContentsManager, proxy: S3Proxy, versioning: bool) -> None:
    await manager.new(path="a.ipynb")
    proxy.requests.clear()
    await manager.rename_file("a.ipynb", "b.ipynb")
    # Is b.ipynb a folder? A record for the history, if there is one. Read, write unless there is one, delete if it is what was read.
    record = ["PUT"] if versioning else []
    assert proxy.methods() == ["GET", *record, "GET", "PUT", "DELETE"]


async def test_renaming_a_folder_takes_a_copy_per_file(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str, versioning: bool
) -> None:
    write(s3_server, bucket, *(f"users/ada/old/{number}" for number in range(100)))
    await manager.rename_file("old", "new")
    methods = proxy.methods()
    assert methods.count("PUT") == 100 + 1 + versioning, "a mark while it lasts, and a record for the history"
    assert methods.count("POST") == 2, "one delete of many, and one of the mark"
    # Is "new" a folder? Does this bucket keep versions (two, once)? Is "old" a file, is it a folder, is "new" a file? What is in it, and what
    # after the copies?
    assert len(methods) == 100 + 3 + 8 + versioning
    assert [entry["name"] for entry in (await manager.get("new"))["content"]] == sorted(map(str, range(100)))
    assert not await manager.dir_exists("old")
