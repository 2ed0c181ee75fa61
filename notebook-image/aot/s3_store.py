"""A stand-in for an S3 server, in memory, without authentication: as much of it as reading and writing a table with S3A takes."""

import itertools
import re
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

MODIFIED = "Sat, 01 Jan 2000 00:00:00 GMT"


def server() -> ThreadingHTTPServer:
    """The server, on a free port of 127.0.0.1."""
    objects: dict[str, bytes] = {}  # by "bucket/key"
    uploads: dict[str, dict[int, bytes]] = {}  # parts by number, by the number of the upload
    numbers = itertools.count(1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            pass

        @property
        def path_of_object(self) -> str:
            return unquote(urlsplit(self.path).path).removeprefix("/")

        @property
        def query(self) -> dict[str, list[str]]:
            return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            query = self.query
            if "uploads" in query:
                self.answer(
                    200, b"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"
                )
                return
            if "list-type" in query:
                self.list(query.get("prefix", [""])[0], query.get("delimiter", [""])[0])
                return
            content = objects.get(self.path_of_object)
            if content is None:
                self.answer(404, b"" if self.command == "HEAD" else b"<Error><Code>NoSuchKey</Code></Error>")
                return
            status = 200
            headers = {"ETag": etag(content), "Last-Modified": MODIFIED}
            if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
                first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
                headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
                status, content = 206, content[first : last + 1]
            self.answer(status, content, headers)

        def list(self, prefix: str, delimiter: str) -> None:
            bucket = self.path_of_object.rstrip("/")
            keys = sorted(path.removeprefix(f"{bucket}/") for path in objects if path.startswith(f"{bucket}/{prefix}"))
            folders = {}
            found = ""
            for key in keys:
                name, slash, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else (key, "", "")
                if slash:
                    folders[prefix + name + slash] = None
                else:
                    content = objects[f"{bucket}/{key}"]
                    found += (
                        f"<Contents><Key>{escape(key)}</Key><LastModified>2000-01-01T00:00:00.000Z</LastModified>"
                        f"<ETag>{escape(etag(content))}</ETag><Size>{len(content)}</Size></Contents>"
                    )
            found += "".join(f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in folders)
            count = f"<KeyCount>{len(keys)}</KeyCount><IsTruncated>false</IsTruncated>"
            self.answer(200, f"<ListBucketResult>{count}{found}</ListBucketResult>".encode())

        def do_PUT(self) -> None:
            content, query = self.body(), self.query
            if "uploadId" in query:
                uploads[query["uploadId"][0]][int(query["partNumber"][0])] = content
                self.answer(200, b"", {"ETag": etag(content)})
            elif source := self.headers.get("x-amz-copy-source"):
                content = objects[self.path_of_object] = objects[unquote(source).removeprefix("/")]
                self.answer(200, f"<CopyObjectResult><ETag>{etag(content)}</ETag></CopyObjectResult>".encode())
            else:
                objects[self.path_of_object] = content
                self.answer(200, b"", {"ETag": etag(content)})

        def do_POST(self) -> None:
            path, query, body = self.path_of_object, self.query, self.body().decode()
            bucket, _, key = path.partition("/")
            if "uploads" in query:
                number = str(next(numbers))
                uploads[number] = {}
                names = f"<Bucket>{bucket}</Bucket><Key>{escape(key)}</Key><UploadId>{number}</UploadId>"
                self.answer(200, f"<InitiateMultipartUploadResult>{names}</InitiateMultipartUploadResult>".encode())
            elif "uploadId" in query:
                parts = uploads.pop(query["uploadId"][0])
                content = objects[path] = b"".join(parts[number] for number in sorted(parts))
                names = f"<Bucket>{bucket}</Bucket><Key>{escape(key)}</Key><ETag>{escape(etag(content))}</ETag>"
                self.answer(200, f"<CompleteMultipartUploadResult>{names}</CompleteMultipartUploadResult>".encode())
            else:
                for gone in re.findall(r"<Key>(.*?)</Key>", body):
                    objects.pop(f"{bucket}/{gone}", None)
                self.answer(200, b"<DeleteResult></DeleteResult>")

        def do_DELETE(self) -> None:
            if "uploadId" in self.query:
                uploads.pop(self.query["uploadId"][0], None)
            else:
                objects.pop(self.path_of_object, None)
            self.answer(204, b"")

        def body(self) -> bytes:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
                return content
            found = b""
            while content:
                size, _, rest = content.partition(b"\r\n")
                length = int(size.partition(b";")[0], 16)
                if length == 0:
                    break
                found += rest[:length]
                content = rest[length + 2 :]
            return found

        def answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def etag(content: bytes) -> str:
    return f'"{md5(content, usedforsecurity=False).hexdigest()}"'
