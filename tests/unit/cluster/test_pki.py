"""Keys and certificates, checked by the library's own verifier and by a real TLS handshake."""

import ipaddress
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from cluster import pki


@pytest.fixture(scope="module")
def ca() -> pki.KeyPair:
    return pki.authority()


def test_a_client_has_kubernetes_user_and_group(ca: pki.KeyPair) -> None:
    certificate = x509.load_pem_x509_certificate(pki.issue(ca, "kubernetes-admin", "system:masters").certificate)
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "kubernetes-admin"
    assert certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "system:masters"


def test_a_certificate_is_the_authoritys(ca: pki.KeyPair) -> None:
    issuer = x509.load_pem_x509_certificate(ca.certificate)
    x509.load_pem_x509_certificate(pki.issue(ca, "a").certificate).verify_directly_issued_by(issuer)
    with pytest.raises(InvalidSignature):
        x509.load_pem_x509_certificate(pki.issue(pki.authority(), "a").certificate).verify_directly_issued_by(issuer)


def test_names_and_addresses_of_a_server(ca: pki.KeyPair) -> None:
    certificate = x509.load_pem_x509_certificate(pki.issue(ca, "s", hosts=["kubernetes", "10.96.0.1"]).certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["kubernetes"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("10.96.0.1")]


def test_server_and_client_know_each_other(ca: pki.KeyPair, tmp_path: Path) -> None:
    server, client = (
        _context(tmp_path, ca, pki.issue(ca, "server", hosts=["127.0.0.1"]), ssl.PROTOCOL_TLS_SERVER),
        _context(tmp_path, ca, pki.issue(ca, "client", "group"), ssl.PROTOCOL_TLS_CLIENT),
    )
    server.verify_mode = ssl.CERT_REQUIRED
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_greet, args=(listener, server))
        thread.start()
        plain = socket.create_connection(listener.getsockname())
        with client.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            greeting = connection.recv(100)
        thread.join()
    assert greeting == b"client"


def test_the_service_account_key_signs_rs256() -> None:
    private, public = pki.service_account_key()
    key = serialization.load_pem_private_key(private, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert key.public_key() == serialization.load_pem_public_key(public)


def _context(folder: Path, ca: pki.KeyPair, pair: pki.KeyPair, protocol: int) -> ssl.SSLContext:
    file = folder / f"{protocol}.pem"
    file.write_bytes(pair.key + pair.certificate)
    context = ssl.SSLContext(protocol)
    context.load_verify_locations(cadata=ca.certificate.decode())
    context.load_cert_chain(file)
    return context


def _greet(listener: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listener.accept()
    with context.wrap_socket(connection, server_side=True) as secured:
        subject = dict(item[0] for item in secured.getpeercert()["subject"])  # type: ignore[index,misc]
        secured.sendall(subject["commonName"].encode())
