"""Packages of every kind, out of a file system made like an image's."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from dev.supply import debian, distributions, go_modules, jars, node_modules
from dev.supply.package import GO, Package, with_bundled

JARS = "opt/venv/lib/python3.13/site-packages/pyspark/jars"
POM = """<?xml version="1.0"?>
<project xmlns="http://maven.apache.org/POM/4.0.0"><licenses>
<license><name>{}</name></license></licenses></project>"""
STATUS = """\
Package: libssl3t64
Status: install ok installed
Architecture: amd64
Source: openssl
Section: libs
Version: 3.5.1-1
Description: secure sockets
 more about it

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: libgcc-s1
Status: install ok installed
Architecture: amd64
Source: gcc-14 (14.2.0-19)
Section: non-free/libs
Version: 14.2.0-19+b1
"""


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def jar(path: Path, files: Mapping[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def maven(group: str, artifact: str, version: str, licence: str = "") -> dict[str, str]:
    folder = f"META-INF/maven/{group}/{artifact}"
    properties = {f"{folder}/pom.properties": f"#made\ngroupId={group}\nartifactId={artifact}\nversion={version}\n"}
    return properties | ({f"{folder}/pom.xml": POM.format(licence)} if licence else {})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(
        tmp_path,
        {
            "usr/lib/os-release": 'ID=debian\nVERSION_ID="13"\n',
            "var/lib/dpkg/status": STATUS,
            "usr/share/doc/libssl3t64/copyright": "Format: https://www.debian.org/\n\nLicense: Apache-2.0\n text\n\nLicense: GPL-1+\n\nLicense: Apache-2.0\n",
            "usr/share/doc/libgcc-s1/copyright": "It is under the GPL, see /usr/share/common-licenses/GPL-3.\n",
        },
    )
    return tmp_path


def test_debian_packages_that_are_installed_are_listed_with_their_sources_and_licences(root: Path) -> None:
    ssl, gcc = debian.packages(root)
    assert (ssl.full_name, ssl.version) == ("debian/libssl3t64", "3.5.1-1")
    assert ssl.qualifiers == {"arch": "amd64", "distro": "debian-13", "upstream": "openssl"}
    assert ssl.licences == ("Apache-2.0", "GPL-1+")
    assert gcc.qualifiers["upstream"] == "gcc-14@14.2.0-19"
    assert gcc.licences == ("GPL-3",)
    assert (ssl.properties["debian:area"], gcc.properties["debian:area"]) == ("main", "non-free")


def test_a_copyright_file_in_prose_is_named_and_a_missing_one_is_not_made_up(root: Path) -> None:
    file = root / "usr/share/doc/libgcc-s1/copyright"
    file.write_text("You may do with it what you like.")
    assert list(debian.packages(root))[1].licences == ("as in /usr/share/doc/libgcc-s1/copyright",)
    file.unlink()
    assert list(debian.packages(root))[1].licences == ()


@pytest.mark.parametrize(
    ("metadata", "text", "expected"),
    [
        ("License-Expression: MIT OR Apache-2.0", "", ("MIT OR Apache-2.0",)),
        ("Classifier: License :: OSI Approved :: MIT License", "", ("MIT",)),
        (
            "Classifier: License :: OSI Approved :: MIT License\nClassifier: License :: OSI Approved :: Apache Software License",
            "",
            ("Apache-2.0 OR MIT",),
        ),
        ("License: Apache 2.0", "", ("Apache 2.0",)),
        (
            "Classifier: License :: OSI Approved :: BSD License",
            "Redistribution and use in source and binary forms, in binary form must reproduce",
            ("BSD-2-Clause",),
        ),
        ("Classifier: License :: OSI Approved :: BSD License", "", ("BSD License",)),
        ("License: UNKNOWN", "", ()),
        ("", "", ()),
    ],
)
def test_python_distributions_say_their_licence_in_one_of_four_ways(
    root: Path, metadata: str, text: str, expected: tuple[str, ...]
) -> None:
    folder = "opt/venv/lib/python3.13/site-packages/Some_Package-1.2.dist-info"
    write(
        root,
        {
            f"{folder}/METADATA": f"Metadata-Version: 2.4\nName: Some_Package\nVersion: 1.2\n{metadata}\n\nLicense: no field"
        },
    )
    if text:
        write(root, {f"{folder}/licenses/LICENSE.txt": text})
    [package] = distributions.packages(root)
    assert (package.name, package.version, package.licences) == ("some-package", "1.2", expected)
    assert package.place == f"/{folder}"


def test_python_packages_of_debian_are_debians(root: Path) -> None:
    write(root, {"usr/lib/python3/dist-packages/pip-1.dist-info/METADATA": "Name: pip\nVersion: 1\n"})
    assert list(distributions.packages(root)) == []


def test_a_jar_is_what_its_own_pom_says_and_bundles_what_other_poms_say(root: Path) -> None:
    path = jar(
        root / JARS / "spark-core_2.13-4.3.0.jar",
        maven("org.apache.spark", "spark-core_2.13", "4.3.0")
        | maven("org.eclipse.jetty", "jetty-http", "12.0.1", "EPL 2.0")
        | maven("com.google.guava", "guava", "33.0.0-jre"),
    )
    found = jars.package(path, "/jars/spark-core.jar", on_class_path=True)
    assert (found.full_name, found.version, found.licences) == (
        "org.apache.spark:spark-core_2.13",
        "4.3.0",
        ("Apache-2.0",),
    )
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [(each.full_name, each.version, each.licences) for each in found.bundled] == [
        ("com.google.guava:guava", "33.0.0-jre", ("Apache-2.0",)),
        ("org.eclipse.jetty:jetty-http", "12.0.1", ("EPL 2.0",)),
    ]


def test_a_jar_without_maven_s_metadata_is_what_its_name_manifest_and_text_say(root: Path) -> None:
    manifest = "Manifest-Version: 1.0\r\nImplementation-Vendor-Id: org.exam\r\n ple\r\nBundle-License: https://www.apache.org/licenses/LICENSE-2.0.txt;description=x\r\n"
    one = jars.package(jar(root / "thing_2.13-2.8.0.jar", {"META-INF/MANIFEST.MF": manifest}), "", on_class_path=False)
    assert (one.full_name, one.version) == ("org.example:thing_2.13", "2.8.0")
    assert one.licences == ("https://www.apache.org/licenses/LICENSE-2.0.txt",)
    text = "Apache License Version 2.0, January 2004 Grant of Patent License"
    two = jars.package(jar(root / "fansi_2.13-0.5.1.jar", {"META-INF/LICENSE": text}), "", on_class_path=False)
    assert (two.full_name, two.licences) == ("com.lihaoyi:fansi_2.13", ("MIT",))


@pytest.mark.parametrize(
    ("file", "artifact", "version"),
    [
        ("log4j-1.2-api-2.25.0.jar", "log4j-1.2-api", "2.25.0"),
        ("py4j0.10.9.9.jar", "py4j", "0.10.9.9"),
        ("javassist-3.30.2-GA.jar", "javassist", "3.30.2-GA"),
        ("netty-codec-4.2.1.Final-linux-x86_64.jar", "netty-codec", "4.2.1.Final"),
        ("oddity.jar", "oddity", ""),
    ],
)
def test_names_of_jar_files(file: str, artifact: str, version: str) -> None:
    own = jars.own_coordinates(file, [jars.Coordinates("org.x", "log4j-1.2-api", "2.25.0")], {})
    assert (own.artifact, own.version) == (artifact, version)


def test_jars_say_whether_they_are_on_spark_s_class_path_and_debian_s_are_left_out(root: Path) -> None:
    jar(root / JARS / "a-1.jar", {})
    jar(root / JARS / "connect-repl/b-1.jar", {})
    jar(root / "opt/debians-1.jar", {})
    (root / "opt/spark").symlink_to("venv/lib/python3.13/site-packages/pyspark")
    write(root, {"opt/spark-notebooks/class-path": "/opt/spark/jars/a-1.jar\n"})
    found = jars.packages(root, {"/opt/debians-1.jar"})
    assert {each.name: each.properties["java:class-path"] for each in found} == {"a": "yes", "b": "no"}


def test_npm_packages_are_those_that_are_installed_and_those_in_bundles(root: Path) -> None:
    modules = "opt/proxy/node_modules"
    write(
        root,
        {
            "opt/proxy/package.json": json.dumps({"name": "proxy", "version": "0.1.0", "license": "Apache-2.0"}),
            f"{modules}/@so/kit/package.json": json.dumps({"name": "@so/kit", "version": "1.0.0", "license": "MIT"}),
            f"{modules}/old/package.json": json.dumps({"name": "old", "version": "2", "licenses": [{"type": "BSD"}]}),
            f"{modules}/old/esm/package.json": json.dumps({"type": "module"}),
            "opt/venv/share/jupyter/lab/static/third-party-licenses.json": json.dumps(
                {
                    "packages": [
                        {"name": "d3", "versionInfo": "7.0.0", "licenseId": "ISC"},
                        {"name": "local", "versionInfo": ""},
                    ]
                }
            ),
        },
    )
    found = {each.full_name: (each.version, each.licences) for each in node_modules.packages(root)}
    assert found == {
        "proxy": ("0.1.0", ("Apache-2.0",)),
        "@so/kit": ("1.0.0", ("MIT",)),
        "old": ("2", ("BSD",)),
        "d3": ("7.0.0", ("ISC",)),
    }


def test_go_modules_are_what_the_compiler_wrote_with_licences_of_the_module_cache(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "github.com/!azure/sdk@v1.0.0/LICENSE.txt": "Mozilla Public License Version 2.0 Covered Software",
            "example.org/mine@v2.0.0/LICENSE": "nobody knows it",
        },
    )
    build = {
        "GoVersion": "go1.26.8",
        "Main": {"Path": "example.org/mine", "Version": "v2.0.0"},
        "Deps": [
            {"Path": "github.com/Azure/sdk", "Version": "v1.0.0"},
            {"Path": "old", "Version": "v0", "Replace": {"Path": "github.com/Azure/sdk", "Version": "v1.0.0"}},
        ],
    }
    found = list(go_modules.of_program(build, "/usr/local/bin/mine", tmp_path))
    assert [(each.kind, each.full_name, each.version, each.licences) for each in found] == [
        (GO, "stdlib", "1.26.8", ("BSD-3-Clause",)),
        (GO, "example.org/mine", "v2.0.0", ()),
        (GO, "github.com/Azure/sdk", "v1.0.0", ("MPL-2.0",)),
        (GO, "github.com/Azure/sdk", "v1.0.0", ("MPL-2.0",)),
    ]


def test_what_is_bundled_comes_after_its_bundle() -> None:
    inner = Package("maven", "b", "1")
    assert [each.name for each in with_bundled([Package("maven", "a", "1", bundled=(inner,))])] == ["a", "b"]
