"""Bills of materials as scanners read them."""

import json

from cyclonedx.validation.json import JsonStrictValidator

from dev.supply.bill import VERSION, Image, bill
from dev.supply.package import DEBIAN, MAVEN, PYTHON, Package

IMAGE = Image("hub", "registry.example/spark-notebooks/hub:abc", "sha256:1", {"ID": "debian", "VERSION_ID": "13"})
INNER = Package(MAVEN, "guava", "33", "com.google.guava", ("Apache-2.0",), qualifiers={"type": "jar"})
PACKAGES = [
    Package(
        DEBIAN, "bash", "5.2", "debian", ("GPL-3+", "as it is"), qualifiers={"arch": "amd64", "distro": "debian-13"}
    ),
    Package(PYTHON, "numpy", "2.0", licences=("BSD-3-Clause",), place="/opt/a"),
    Package(PYTHON, "numpy", "2.0", licences=("BSD-3-Clause",), place="/opt/b"),
    Package(PYTHON, "odd", "1", licences=("BSD License",)),
    Package(MAVEN, "one", "1", "org.x", ("The MIT License",), "/one.jar", "0" * 64, bundled=(INNER, INNER)),
    Package(MAVEN, "two", "1", "org.x", (), "/two.jar", bundled=(INNER,)),
]


def test_a_bill_is_valid_and_names_every_package_where_it_is() -> None:
    text = bill(IMAGE, PACKAGES)
    assert JsonStrictValidator(VERSION).validate_str(text) is None
    made = json.loads(text)
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    assert made["metadata"]["component"]["name"] == "spark-notebooks/hub"
    assert made["metadata"]["component"]["version"] == "abc"
    found = {each["bom-ref"]: each for each in made["components"]}
    assert found.pop("system")["name"] == "debian"
    assert sorted(each["purl"] for each in found.values()) == [
        "pkg:deb/debian/bash@5.2?arch=amd64&distro=debian-13",
        "pkg:maven/org.x/one@1",
        "pkg:maven/org.x/two@1",
        "pkg:pypi/numpy@2.0",
        "pkg:pypi/numpy@2.0",
        "pkg:pypi/odd@1",
    ]


def test_licences_are_expressions_where_spdx_knows_them_and_names_elsewhere() -> None:
    found = {each["name"]: each.get("licenses") for each in json.loads(bill(IMAGE, PACKAGES))["components"]}
    assert found["numpy"] == [{"expression": "BSD-3-Clause", "acknowledgement": "declared"}]
    assert found["one"] == [{"expression": "MIT", "acknowledgement": "concluded"}]
    assert [each["license"]["name"] for each in found["bash"]] == ["GPL-3+", "as it is"]
    assert [each["license"]["name"] for each in found["odd"]] == ["BSD License"]
    assert found["two"] is None


def test_what_is_shaded_into_a_jar_is_within_it() -> None:
    found = {each["name"]: each for each in json.loads(bill(IMAGE, PACKAGES))["components"]}
    assert [each["purl"] for each in found["one"]["components"]] == ["pkg:maven/com.google.guava/guava@33?type=jar"]
    assert len(found["two"]["components"]) == 1
    assert found["one"]["hashes"] == [{"alg": "SHA-256", "content": "0" * 64}]


def test_the_same_image_has_the_same_serial_number() -> None:
    first, second = (json.loads(bill(IMAGE, PACKAGES)) for _ in range(2))
    other = json.loads(bill(Image("hub", IMAGE.reference, "sha256:2", IMAGE.distribution), PACKAGES))
    assert first["serialNumber"] == second["serialNumber"] != other["serialNumber"]
    assert first["components"] == second["components"]
