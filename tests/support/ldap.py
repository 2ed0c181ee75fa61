"""A real OpenLDAP for tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import ldap3

from cluster.pki import KeyPair, issue
from dev.ports import free_port
from dev.toolchain import binary
from tests.support.answering import wait_until_it_listens

ROOT = "cn=root,dc=example,dc=org"
ROOT_PASSWORD = "password-of-the-directory"
READER_PASSWORD = "password-of-the-reader"

CONFIGURATION = """\
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/nis.schema
include {schema}/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/certificate.pem
TLSCertificateKeyFile {folder}/key.pem
# No password goes over a connection that is not encrypted.
security simple_bind=128
database mdb
suffix dc=example,dc=org
rootdn {root}
rootpw {password}
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
"""

TREE = """\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: cn=reader,dc=example,dc=org
objectClass: person
cn: reader
sn: reader
userPassword: {reader}
"""


@dataclass(frozen=True)
class Ldap:
    """A directory that runs: dc=example,dc=org with people below ou=people and groups below ou=groups."""

    port: int

    def set_members(self, group: str, names: Collection[str]) -> None:
        """Who is in this group from now on. OpenLDAP's groups are never empty: the directory's own root stays in."""
        with self._connection() as connection:
            members = [ROOT, *(person(name) for name in names)]
            assert connection.modify(
                f"cn={group},ou=groups,dc=example,dc=org", {"member": [("MODIFY_REPLACE", members)]}
            )

    def add_person(self, name: str, password: str) -> None:
        entry = {"cn": name, "sn": name, "uid": name, "userPassword": password}
        with self._connection() as connection:
            assert connection.add(person(name), "inetOrgPerson", entry), connection.result

    def add_group(self, name: str) -> None:
        with self._connection() as connection:
            dn = f"cn={name},ou=groups,dc=example,dc=org"
            assert connection.add(dn, "groupOfNames", {"member": ROOT}), connection.result

    def _connection(self) -> ldap3.Connection:
        server = ldap3.Server("127.0.0.1", self.port)
        return ldap3.Connection(server, ROOT, ROOT_PASSWORD, auto_bind=ldap3.AUTO_BIND_TLS_BEFORE_BIND)


def person(name: str) -> str:
    return f"uid={name},ou=people,dc=example,dc=org"


@contextmanager
def ldap_server(folder: Path, ca: KeyPair) -> Iterator[Ldap]:
    """OpenLDAP on a free port of the loopback interface, with a certificate of this authority for 127.0.0.1 and localhost."""
    slapd = binary("slapd")
    tree = slapd.parents[2]
    pair = issue(ca, "ldap", hosts=["127.0.0.1", "localhost"])
    for name, content in (("ca.pem", ca.certificate), ("certificate.pem", pair.certificate), ("key.pem", pair.key)):
        (folder / name).write_bytes(content)
    (folder / "data").mkdir()
    configuration = folder / "slapd.conf"
    configuration.write_text(
        CONFIGURATION.format(
            schema=tree / "etc/ldap/schema",
            modules=tree / "usr/lib/ldap",
            folder=folder,
            root=ROOT,
            password=ROOT_PASSWORD,
        )
    )
    libraries = ":".join(str(path) for path in tree.glob("usr/lib/*-linux-gnu"))
    environment = os.environ | {"LD_LIBRARY_PATH": libraries, "LDAPNOINIT": "1"}
    # slapadd is slapd by another name.
    subprocess.run(
        [slapd, "-Tadd", "-f", configuration],
        input=TREE.format(reader=READER_PASSWORD),
        env=environment, text=True, check=True, capture_output=True,
    )  # fmt: skip
    port = free_port()
    command = [slapd, "-f", configuration, "-h", f"ldap://127.0.0.1:{port}", "-d", "0"]
    with (
        (folder / "slapd.log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            wait_until_it_listens(port, process)
            yield Ldap(port)
        finally:
            process.terminate()
