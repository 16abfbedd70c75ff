"""Certificates made for one test: an authority, and what it signs.

Imports nothing of wsapp.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Authority"]

DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority that lives as long as a test.

    :param folder: Where its files are written.
    :param above: Who signs its own certificate; itself where there is none.
    """

    def __init__(self, folder: Path, above: Authority | None = None) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        called = "wsapp test authority" if above is None else "wsapp test authority below"
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, called)])
        builder = (above or self)._builder(self.name, self.key.public_key())
        most = 1 if above is None else 0
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=most), critical=True)
        certificate = builder.sign((above or self).key, hashes.SHA256())
        self.file = folder / "authority.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
        )

    def issue(self, name: str) -> tuple[Path, Path]:
        """Sign a certificate for localhost and 127.0.0.1.

        :param name: The common name, and the files' (a second one takes the first one's place).
        :return: The files of the private key and of the certificate, PEM.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
        )
        certificate = self._builder(subject, key.public_key()).add_extension(names, critical=False)
        keyFile, certificateFile = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        keyFile.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        signed = certificate.sign(self.key, hashes.SHA256())
        certificateFile.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        return keyFile, certificateFile

    def context(self) -> ssl.SSLContext:
        """:return: For a client that trusts this authority alone, and checks the host's name."""
        return ssl.create_default_context(cafile=str(self.file))


def commonName(connection: ssl.SSLSocket) -> str:
    """:return: The name in the certificate that the server has shown."""
    shown = connection.getpeercert(binary_form=True)
    assert shown is not None
    certificate = x509.load_der_x509_certificate(shown)
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
