"""What the images really hold, beside what their lock files say, and under which licences."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from dev.paths import REPOSITORY
from dev.supply import licence_page
from dev.supply.audit import own_packages
from dev.supply.bill import VERSION, bill
from dev.supply.inventory import Inventory, inventories
from dev.supply.licences import refused
from dev.supply.package import DEBIAN, GO, MAVEN, NPM, PYTHON, with_bundled
from dev.toolchain import required_version

# What pip brings into an environment itself, and uv's marker of one.
INSTALLER = {"pip"}
THE_IMAGES = {
    "python_full_version": "3.13.5",
    "python_version": "3.13",
    "sys_platform": "linux",
    "platform_machine": "x86_64",
}


@pytest.fixture(scope="module")
def images() -> Mapping[str, Inventory]:
    return {each.image.name: each for each in inventories()}


def versions(inventory: Inventory, kind: str) -> dict[str, set[str]]:
    """The versions of each package of a kind, by its full name."""
    found: dict[str, set[str]] = {}
    for package in inventory.packages:
        if package.kind == kind:
            found.setdefault(package.full_name, set()).add(package.version)
    return found


def locked(name: str) -> dict[str, set[str]]:
    """What a lock file asks for in an image."""
    lines = re.findall(
        r"^([A-Za-z0-9][^\\#\n]*==[^\\#\n]*)", (REPOSITORY / "requirements" / f"{name}.txt").read_text(), re.MULTILINE
    )
    wanted = (Requirement(line.strip()) for line in lines)
    return {
        each.name: {str(each.specifier).removeprefix("==")}
        for each in wanted
        if each.marker is None or each.marker.evaluate(THE_IMAGES)
    }


@pytest.mark.parametrize("image", ["hub", "notebook"])
def test_the_python_packages_are_those_of_the_lock_file_and_ours(images: Mapping[str, Inventory], image: str) -> None:
    # What lies deeper is the copy that a package has of another one.
    installed = [each for each in images[image].packages if each.place.rpartition("/")[0].endswith("/site-packages")]
    found = versions(replace(images[image], packages=tuple(installed)), PYTHON)
    others = {name: version for name, version in found.items() if name not in {*own_packages(), *INSTALLER}}
    assert others == locked(image)


def test_the_proxy_s_npm_packages_are_those_of_its_lock_file(images: Mapping[str, Inventory]) -> None:
    lock = json.loads((REPOSITORY / "proxy" / "package-lock.json").read_text())["packages"]
    wanted: dict[str, set[str]] = {}
    for path, entry in lock.items():
        if path and not entry.get("dev"):
            wanted.setdefault(path.rpartition("node_modules/")[2], set()).add(entry["version"])
    found = versions(images["proxy"], NPM)
    assert found.pop("spark-notebooks-proxy")
    assert found == wanted


def test_jupyterlab_and_our_extension_say_what_their_scripts_are_made_of(images: Mapping[str, Inventory]) -> None:
    places = {each.place for each in images["notebook"].packages if each.kind == NPM}
    assert any("labextensions/@spark-notebooks/lab" in place for place in places)
    assert "@jupyterlab/application" in versions(images["notebook"], NPM)


def test_the_s3_server_is_made_of_the_go_modules_that_its_sum_file_knows(images: Mapping[str, Inventory]) -> None:
    found = versions(images["s3-server"], GO)
    assert found.pop("stdlib")
    known = {tuple(line.split()[:2]) for line in (REPOSITORY / "s3-server" / "go.sum").read_text().splitlines()}
    assert [name for name, [version] in found.items() if (name, version) not in known] == []
    main = "github.com/versity/versitygw"
    assert found[main] == {required_version((REPOSITORY / "s3-server" / "go.mod").read_text(), main)}
    assert len(found) > 50


def test_every_jar_has_coordinates_and_those_that_spark_loads_are_marked(images: Mapping[str, Inventory]) -> None:
    jars = [each for each in images["notebook"].packages if each.kind == MAVEN]
    assert [each.place for each in jars if not (each.namespace and each.name and each.version)] == []
    loaded = {each.place.rpartition("/")[2] for each in jars if each.properties["java:class-path"] == "yes"}
    connector = {line.split()[1] for line in (REPOSITORY / "notebook-image/jars/SHA256SUMS").read_text().splitlines()}
    assert connector <= loaded
    assert len(loaded) > 280
    hashes = {each.place.rpartition("/")[2]: each.sha256 for each in jars}
    sums = dict(
        reversed(line.split()) for line in (REPOSITORY / "notebook-image/jars/SHA256SUMS").read_text().splitlines()
    )
    assert {name: hashes[name] for name in sums} == sums


# The schema's check of the notebook's bill takes long: a megabyte.
@pytest.mark.parametrize("image", ["hub", "proxy", "s3-server", pytest.param("notebook", marks=pytest.mark.long)])
def test_every_image_is_of_debian_and_its_bill_is_valid(images: Mapping[str, Inventory], image: str) -> None:
    inventory = images[image]
    assert {"debian/base-files", "debian/libc6"} <= versions(inventory, DEBIAN).keys()
    assert JsonStrictValidator(VERSION).validate_str(bill(inventory.image, inventory.packages)) is None


@pytest.mark.parametrize("image", ["hub", "proxy", "s3-server", "notebook"])
def test_every_licence_is_known_and_allowed(images: Mapping[str, Inventory], image: str) -> None:
    """What to do about one that is not: `make licences` says."""
    assert [(each.full_name, each.licences) for each, _ in refused(images[image].packages)] == []


def test_the_page_of_licences_names_every_package(images: Mapping[str, Inventory]) -> None:
    """Else: `make licences`. Debian's are left out, because another base image has others."""
    text = licence_page.PAGE.read_text()
    packages = (each for inventory in images.values() for each in with_bundled(inventory.packages))
    assert (
        sorted({each.full_name for each in packages if each.kind != DEBIAN and f"`{each.full_name}`" not in text}) == []
    )
