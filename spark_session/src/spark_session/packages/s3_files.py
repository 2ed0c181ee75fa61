"""Files of S3, fetched by the driver's JVM: with the session's own settings and credentials, and no other library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spark_session.errors import SparkSessionError, show
from spark_session.settings import Settings, texts


class S3Files:
    """What is at s3:// addresses.

    Args:
        jvm: PySpark's view of the driver's JVM.
        settings: of the session.
    """

    def __init__(self, jvm: Any, settings: Settings) -> None:
        self._jvm = jvm
        conf = jvm.org.apache.spark.SparkConf(False)
        for key, text in texts(settings).items():
            conf.set(key, text)
        self._configuration = jvm.org.apache.spark.deploy.SparkHadoopUtil.get().newConfiguration(conf)

    def look(self, url: str, text: str) -> tuple[int, str]:
        """Size in bytes of a file, or of all files of a folder, and a text that changes when one of them changes.

        Raises:
            SparkSessionError: there is nothing at the address, or it cannot be read.
        """
        files = self._files(url, text)
        return sum(length for _, length, _ in files), " ".join(
            f"{path}:{length}:{time}" for path, length, time in files
        )

    def fetch(self, url: str, text: str, target: Path) -> None:
        """Copy a file or a folder to this machine.

        Args:
            url: its address.
            text: what a person wrote for it.
            target: path of the copy.

        Raises:
            SparkSessionError: there is nothing at the address, or it cannot be read.
        """
        from py4j.protocol import Py4JJavaError

        path = self._jvm.org.apache.hadoop.fs.Path(url)
        try:
            system = path.getFileSystem(self._configuration)
            # As raw local files: without checksum files beside them.
            system.copyToLocalFile(False, path, self._jvm.org.apache.hadoop.fs.Path(target.as_uri()), True)
        except Py4JJavaError as error:
            raise _unreadable(url, text, error) from error

    def _files(self, url: str, text: str) -> list[tuple[str, int, int]]:
        from py4j.protocol import Py4JJavaError

        path = self._jvm.org.apache.hadoop.fs.Path(url)
        found = []
        try:
            files = path.getFileSystem(self._configuration).listFiles(path, True)
            while files.hasNext():
                file = files.next()
                found.append((file.getPath().toString(), int(file.getLen()), int(file.getModificationTime())))
        except Py4JJavaError as error:
            raise _unreadable(url, text, error) from error
        return sorted(found)


def _unreadable(url: str, text: str, error: Any) -> SparkSessionError:
    kind = error.java_exception.getClass().getSimpleName()
    if kind == "FileNotFoundException":
        return SparkSessionError(
            f"{show(text)} is not there.",
            f"There is nothing at {url}.",
            "Check the path; names on S3 have upper and lower case.",
        )
    said = str(error.java_exception.getMessage() or kind).splitlines()[0][:300].rstrip(". ")
    return SparkSessionError(
        f"{show(text)} cannot be read.",
        f"S3 says for {url}: {said}.",
        "Check the address, and whether you may read it.",
    )
