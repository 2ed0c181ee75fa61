"""The image that is made without an image builder."""

import hashlib
import io
import json
import tarfile

from cluster.archive import image_archive


def _files(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]


def test_every_blob_is_where_its_digest_says() -> None:
    for name, content in _files(image_archive("localhost/a:1", "a", b"program")).items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"


def test_the_image_runs_its_only_file() -> None:
    files = _files(image_archive("localhost/a:1", "a", b"program"))

    def blob(descriptor: dict[str, str]) -> bytes:
        return files[f"blobs/{descriptor['digest'].replace(':', '/')}"]

    entry = json.loads(files["index.json"])["manifests"][0]
    assert entry["annotations"]["io.containerd.image.name"] == "localhost/a:1"
    manifest = json.loads(blob(entry))
    layer = blob(manifest["layers"][0])
    config = json.loads(blob(manifest["config"]))
    assert config["config"]["Entrypoint"] == ["/a"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        assert [(member.name, member.mode) for member in tar] == [("a", 0o755)]


def test_the_same_program_gives_the_same_image() -> None:
    assert image_archive("a:1", "a", b"x") == image_archive("a:1", "a", b"x")
