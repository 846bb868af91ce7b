"""The key that signs checkpoints and evidence packages (Ed25519)."""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.settings import PREFIX, Settings
from workflows.domain.errors import CheckpointKeyMissing

SETTING = PREFIX + "CHECKPOINT_KEY"
_DEVELOPMENT = "checkpoint-key.pem"


class Signer:
    """Signs, and tells with which key its signatures are verified."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        raw = serialization.Encoding.Raw
        self.public_key = key.public_key().public_bytes(raw, serialization.PublicFormat.Raw).hex()
        """In hexadecimal, as it is published."""

    def sign(self, message: bytes) -> str:
        """The signature in hexadecimal."""
        return self._key.sign(message).hex()


def load_signer(settings: Settings) -> Signer | None:
    """The configured key; in dev one of its own, kept in the data folder; none if nothing is configured.

    Raises:
        CheckpointKeyMissing: the file is absent or holds no such key.
    """
    if settings.checkpoint_key is not None:
        return Signer(_read(settings.checkpoint_key))
    if not settings.dev:
        return None
    file = settings.data_dir / _DEVELOPMENT
    _make(file)
    return Signer(_read(file))


def known_public_key(settings: Settings) -> str | None:
    """What verifies signatures of this installation, if it has a key. Raises CheckpointKeyMissing."""
    file = settings.checkpoint_key or (settings.data_dir / _DEVELOPMENT if settings.dev else None)
    if file is None or (settings.checkpoint_key is None and not file.exists()):
        return None
    return Signer(_read(file)).public_key


def _read(file: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), None)
    except OSError as error:
        raise CheckpointKeyMissing(f"{SETTING} cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CheckpointKeyMissing(f"{SETTING} holds no private key without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise CheckpointKeyMissing(f"{SETTING} holds another kind of key than Ed25519")
    return key


def _make(file: Path) -> None:
    """Whichever process is first makes the key; the others read it whole."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}")
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(pem)
    try:
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
