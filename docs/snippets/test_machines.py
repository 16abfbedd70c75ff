# mypy: allow-untyped-calls
"""Certificates, without a connection."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from machines import Machines
from OpenSSL.crypto import X509
from twisted.trial.unittest import SynchronousTestCase

from wsapp.testing import Rejected, TestServer


def certificate(commonName: str) -> X509:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, commonName)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(1))
    return X509.from_cryptography(builder.sign(key, hashes.SHA256()))


class MachinesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = TestServer(Machines())
        self.addCleanup(self.server.stop)

    def test_known(self) -> None:
        pump = self.server.connect(secure=True, certificate=certificate("pump-7"))
        self.assertEqual(pump.receive(), "hello, pump-7")

    def test_none(self) -> None:
        self.assertEqual(self.assertRaises(Rejected, self.server.connect, secure=True).status, 403)
