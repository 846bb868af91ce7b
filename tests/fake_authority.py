"""A fake of a time-stamping authority: answers as RFC 3161 asks, and signs with a key of its own.

It is `DummyTimeStamper` of pyHanko behind HTTP, with a certificate made for it; nobody else vouches for it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
from asn1crypto import keys, tsp  # type: ignore[import-untyped]  # it brings no types
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps import DummyTimeStamper

URL = "http://authority.example/tsa"


@dataclass
class FakeAuthority:
    """Answers every question, unless a test wants it to be away or to lie."""

    root: x509.Certificate
    stamper: DummyTimeStamper
    is_away: bool = False
    lies: bool = False

    @classmethod
    def open(cls) -> "FakeAuthority":
        root_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
        root = _certificate("Fake root", root_key, "Fake root", root_key, is_root=True)
        own = _certificate("Fake time stamps", key, "Fake root", root_key, is_root=False)
        der = serialization.Encoding.DER
        private = key.private_bytes(der, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        stamper = DummyTimeStamper(
            asn1.Certificate.load(own.public_bytes(der)), keys.PrivateKeyInfo.load(private)
        )
        return cls(root, stamper)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.is_away:
            return httpx.Response(503)
        assert request.headers["content-type"] == "application/timestamp-query"
        asked = tsp.TimeStampReq.load(request.content)
        if self.lies:
            asked["message_imprint"]["hashed_message"] = b"\0" * 32
        return httpx.Response(200, content=self.stamper.request_tsa_response(asked).dump())


def _certificate(
    name: str, key: rsa.RSAPrivateKey, issuer: str, by: rsa.RSAPrivateKey, *, is_root: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(is_root, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if not is_root:
        stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        made = made.add_extension(stamping, critical=True)
    return made.sign(by, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
