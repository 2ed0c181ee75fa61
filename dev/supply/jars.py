"""Jars of an image: each by its own Maven metadata, its manifest, or the table of those that have neither."""

import hashlib
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from dev.supply import known
from dev.supply.licence_texts import recognised
from dev.supply.package import MAVEN, Package, place_of

POM_PROPERTIES = re.compile(r"META-INF/maven/([^/]+)/([^/]+)/pom\.properties")
LICENCE_FILE = re.compile(r"(META-INF/)?(LICEN[SC]E|COPYING)(\.txt|\.md)?", re.IGNORECASE)
# spark-core_2.13-4.3.0.jar, netty-transport-native-epoll-4.2.13.Final-linux-x86_64.jar
FILE_NAME = re.compile(
    r"(?P<artifact>.+?)-(?P<version>\d[^-]*(?:-M\d+|-RC\d+|-alpha-?\d*|-beta-?\d*|-GA)?)(?:-(?P<classifier>.+))?\.jar"
)
RUN_TOGETHER = re.compile(r"(?P<artifact>.*[a-z])(?P<version>\d[\d.]*)\.jar")  # py4j0.10.9.9.jar
CLASS_PATH = "opt/spark-notebooks/class-path"


@dataclass(frozen=True)
class Coordinates:
    """Maven's."""

    group: str
    artifact: str
    version: str


def packages(root: Path, owned: set[str]) -> Iterator[Package]:
    """All jars below `root` but those of Debian's packages (`owned`), with what is shaded into them."""
    listed = root / CLASS_PATH
    class_path = set(listed.read_text().strip().split(":")) if listed.is_file() else set()
    for path in sorted(root.glob("opt/**/*.jar")):
        place = place_of(path, root)
        if place in owned or path.is_symlink():
            continue
        yield package(path, place, on_class_path=_by_spark_home(place, root) in class_path)


def _by_spark_home(place: str, root: Path) -> str:
    """The path that Spark knows a jar by: /opt/spark is a link."""
    link = root / "opt/spark"
    return place.replace(f"/opt/{link.readlink()}", "/opt/spark", 1) if link.is_symlink() else place


def package(path: Path, place: str, *, on_class_path: bool) -> Package:
    """One jar."""
    with zipfile.ZipFile(path) as jar:
        names = jar.namelist()
        manifest = (
            manifest_fields(jar.read("META-INF/MANIFEST.MF").decode(errors="replace"))
            if "META-INF/MANIFEST.MF" in names
            else {}
        )
        found = {}
        for name in names:
            if entry := POM_PROPERTIES.fullmatch(name):
                pom = name.replace("pom.properties", "pom.xml")
                text = jar.read(pom).decode(errors="replace") if pom in names else ""
                found[coordinates(entry[1], entry[2], jar.read(name).decode(errors="replace"))] = pom_licences(text)
        text = next((jar.read(name).decode(errors="replace") for name in names if LICENCE_FILE.fullmatch(name)), "")
    own = own_coordinates(path.name, list(found), manifest)
    stated = (
        licences_of(own, found.pop(own, ())) or manifest_licences(manifest) or tuple(filter(None, [recognised(text)]))
    )
    file_name = FILE_NAME.fullmatch(path.name)
    return Package(
        MAVEN,
        own.artifact,
        own.version,
        own.group,
        stated,
        place,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        {"type": "jar"} | ({"classifier": file_name["classifier"]} if file_name and file_name["classifier"] else {}),
        {"java:class-path": "yes" if on_class_path else "no"},
        tuple(
            Package(
                MAVEN, each.artifact, each.version, each.group, licences_of(each, stated), qualifiers={"type": "jar"}
            )
            for each, stated in sorted(found.items(), key=lambda item: (item[0].group, item[0].artifact))
        ),
    )


def licences_of(own: Coordinates, of_pom: tuple[str, ...]) -> tuple[str, ...]:
    """What the table says of an artifact, else its own pom, else its group's parent."""
    if listed := known.licence(MAVEN, own.artifact):
        return (listed,)
    return of_pom or tuple(filter(None, [known.licence_of_parent(own.group)]))


def coordinates(group: str, artifact: str, properties: str) -> Coordinates:
    """Of a pom.properties and its folder's names."""
    fields = dict(re.findall(r"^(\w+)\s*=\s*(.*?)\s*$", properties, re.MULTILINE))
    return Coordinates(fields.get("groupId", group), fields.get("artifactId", artifact), fields.get("version", ""))


def own_coordinates(file_name: str, found: list[Coordinates], manifest: Mapping[str, str]) -> Coordinates:
    """Which of the Maven coordinates in a jar are its own: those that its file is named after, else what the manifest and the table say."""
    named = [each for each in found if file_name.startswith(f"{each.artifact}-{each.version}")]
    if named:
        return max(named, key=lambda each: len(each.artifact))
    parts = FILE_NAME.fullmatch(file_name) or RUN_TOGETHER.fullmatch(file_name)
    artifact, version = (parts["artifact"], parts["version"]) if parts else (file_name.removesuffix(".jar"), "")
    group = (
        known.maven_group(artifact)
        or manifest.get("Implementation-Vendor-Id")
        or manifest.get("Bundle-SymbolicName", "")
    )
    return Coordinates(group, artifact, version or manifest.get("Implementation-Version", ""))


def manifest_fields(text: str) -> dict[str, str]:
    """A manifest's main section, its long lines joined."""
    lines = re.sub(r"\r?\n ", "", text).splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def manifest_licences(manifest: Mapping[str, str]) -> tuple[str, ...]:
    """What OSGi's header says, without its attributes."""
    return tuple(
        filter(None, (part.split(";")[0].strip().strip('"') for part in manifest.get("Bundle-License", "").split(",")))
    )


def pom_licences(text: str) -> tuple[str, ...]:
    """The names of a pom's licences: several are a choice. What a parent's pom says is not in a jar."""
    try:
        project = ElementTree.fromstring(text)  # noqa: S314 (of jars that are pinned by hash)
    except ElementTree.ParseError:
        return ()
    names = (
        licence.findtext("{*}name") or licence.findtext("{*}url") or ""
        for licence in project.iterfind("{*}licenses/{*}license")
    )
    return tuple(filter(None, (" ".join(name.split()) for name in names)))
