"""Vaults for tests: a folder or a bucket, with keys made on the spot."""

from dataclasses import dataclass
from pathlib import Path

from pyrage import x25519

from activities.backup.keys import Keys
from activities.backup.store import open_store
from activities.backup.vault import Vault

PART_BYTES = 100_000
"""So small that the copy of a demo ledger has several parts."""
OPEN = Keys()
"""No encryption, as in development."""


def a_vault(folder: Path, keys: Keys = OPEN) -> Vault:
    """A vault in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return Vault(open_store(f"file://{folder}"), keys, PART_BYTES)


@dataclass(frozen=True)
class KeyPair:
    """What `age-keygen` makes."""

    public: str
    secret: str

    def write(self, path: Path) -> Path:
        path.write_text(f"# public key: {self.public}\n{self.secret}\n", "ascii")
        return path


def a_key_pair() -> KeyPair:
    identity = x25519.Identity.generate()
    return KeyPair(str(identity.to_public()), str(identity))


def keys_in(folder: Path) -> Keys:
    """A new pair: encrypted to the one half, read with the other."""
    pair = a_key_pair()
    return Keys((pair.public,), pair.write(folder / "identity.txt"))
