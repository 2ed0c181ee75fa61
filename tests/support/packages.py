"""Packages made on the spot: wheels, a jar in a Maven repository, a packed environment."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from pathlib import Path


def make_wheel(folder: Path, name: str, version: str, module: str, *requires: str) -> Path:
    """A wheel of one module, `name`."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
    files = {
        f"{name}.py": module,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel, "w") as made:
        for path, text in files.items():
            made.writestr(path, text)
    return wheel


def make_jar(jar: Path, name: str, answer: str) -> Path:
    """A jar with the class `name`, whose static method `greet` answers with a text."""
    jar.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(jar, "w") as made:
        made.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
        made.writestr(f"{name.replace('.', '/')}.class", _class(name.replace(".", "/"), answer))
    return jar


def make_maven_repository(folder: Path, version: str) -> str:
    """A repository with org.example:greeter, whose class org.example.Greeter greets with its version; its address."""
    place = folder / "org" / "example" / "greeter" / version
    make_jar(place / f"greeter-{version}.jar", "org.example.Greeter", f"greeter {version}")
    (place / f"greeter-{version}.pom").write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        f"<groupId>org.example</groupId><artifactId>greeter</artifactId><version>{version}</version></project>"
    )
    return folder.as_uri()


def make_environment(archive: Path, python: str, **modules: str) -> Path:
    """What venv-pack makes of an environment, as far as anybody reads it: modules, and a link to a Python that is elsewhere.

    Args:
        archive: a .tar.gz file.
        python: such as "3.13".
        modules: text of each.
    """
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as made:
        link = tarfile.TarInfo("bin/python")
        link.type, link.linkname = tarfile.SYMTYPE, f"/usr/bin/python{python}"
        made.addfile(link)
        for name, text in modules.items():
            member = tarfile.TarInfo(f"lib/python{python}/site-packages/{name}.py")
            member.size = len(text.encode())
            made.addfile(member, io.BytesIO(text.encode()))
    return archive


def _class(name: str, answer: str) -> bytes:
    """A class file (JVM specification, chapter 4): `public static String greet() { return answer; }`."""

    def text(value: str) -> bytes:
        return struct.pack(">BH", 1, len(value.encode())) + value.encode()

    # 1 this class, 3 its parent, 5 to 7 the method and its code, 8 the answer.
    pool = [struct.pack(">BH", 7, 2), text(name), struct.pack(">BH", 7, 4), text("java/lang/Object")]
    pool += [text("greet"), text("()Ljava/lang/String;"), text("Code"), struct.pack(">BH", 8, 9), text(answer)]
    code = b"\x12\x08\xb0"  # ldc 8, areturn
    body = struct.pack(">HHI", 1, 0, len(code)) + code + struct.pack(">HH", 0, 0)
    method = struct.pack(">HHHH", 0x0009, 5, 6, 1) + struct.pack(">HI", 7, len(body)) + body
    head = struct.pack(">IHHH", 0xCAFEBABE, 0, 52, len(pool) + 1) + b"".join(pool)
    return head + struct.pack(">HHHHHH", 0x0021, 1, 3, 0, 0, 1) + method + struct.pack(">H", 0)
