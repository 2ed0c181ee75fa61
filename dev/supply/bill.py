"""A software bill of materials in CycloneDX's JSON, made of an image's packages."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, License, LicenseAcknowledgement, LicenseExpression
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from dev.supply.licences import verdict
from dev.supply.package import DEBIAN, Package

VERSION = SchemaVersion.V1_6
DECLARED, CONCLUDED = LicenseAcknowledgement.DECLARED, LicenseAcknowledgement.CONCLUDED


@dataclass(frozen=True)
class Image:
    """What a bill is of.

    Args:
        name: as in `dev.images`.
        reference: by which a registry or this machine has it.
        identity: a digest over its layers.
        distribution: fields of its /etc/os-release.
    """

    name: str
    reference: str
    identity: str
    distribution: dict[str, str]


def bill(image: Image, packages: Iterable[Package]) -> str:
    """The bill's text. The same image gives the same components and the same serial number."""
    tag = image.reference.rpartition(":")[2]
    made = Bom(
        serial_number=uuid5(NAMESPACE_URL, image.identity),
        metadata=BomMetaData(
            component=Component(
                type=ComponentType.CONTAINER,
                name=f"spark-notebooks/{image.name}",
                version=tag,
                bom_ref="image",
                properties=[Property(name="spark-notebooks:layers", value=image.identity)],
            )
        ),
        components=[_system(image), *_unique(_component(package) for package in packages)],
    )
    assert made.metadata.component
    made.register_dependency(made.metadata.component, made.components)
    return str(make_outputter(made, OutputFormat.JSON, VERSION).output_as_string(indent=1)) + "\n"


def _system(image: Image) -> Component:
    """What scanners know by which of Debian's releases the packages are."""
    release = image.distribution
    return Component(
        type=ComponentType.OPERATING_SYSTEM, name=release["ID"], version=release["VERSION_ID"], bom_ref="system"
    )


def _unique(components: Iterable[Component]) -> Iterable[Component]:
    return {component.bom_ref.value: component for component in components}.values()


def purl(package: Package) -> PackageURL:
    """The package URL."""
    return PackageURL(
        package.kind, package.namespace or None, package.name, package.version or None, dict(package.qualifiers)
    )


def _component(package: Package, within: str = "") -> Component:
    url = purl(package)
    # One package can be in several places, and in several bundles.
    place = package.place or within
    suffix = hashlib.sha256(place.encode()).hexdigest()[:8]
    reference = f"{url}#{suffix}" if place else str(url)
    properties = dict(package.properties) | ({"spark-notebooks:path": package.place} if package.place else {})
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        group=package.namespace or None,
        version=package.version or None,
        purl=url,
        bom_ref=reference,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=package.sha256)] if package.sha256 else [],
        licenses=licences(package),
        properties=[Property(name=name, value=value) for name, value in sorted(properties.items())],
        components=list(_unique(_component(each, reference) for each in package.bundled)),
    )


def licences(package: Package) -> list[License]:
    """As an SPDX expression where it is one, else by the names that the package has for them."""
    if package.kind != DEBIAN and (text := verdict(package).expression):
        return [LicenseExpression(text, acknowledgement=DECLARED if (text,) == package.licences else CONCLUDED)]
    return [DisjunctiveLicense(name=name, acknowledgement=DECLARED) for name in package.licences]
