"""The manifest of a backup: what was copied, how it is stored, and what it must prove equal to.

It is written last, once, beside the data: without it there is no backup. Canonical JSON under a digest of its
own, so that a changed byte is found before anything is read by it.
"""

import hashlib
import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from activities.backup.parts import Part
from activities.backup.store import AlreadyStored, NotStored, ObjectStore
from workflows.domain.backups import BackupPoint
from workflows.domain.digest import canonical, sha256, to_json
from workflows.domain.errors import BackupDamaged, UnknownBackup
from workflows.domain.ledger import Module
from workflows.domain.period import Period
from workflows.domain.proof import Leaf, Proof, tree

FORMAT = "unclose-backup-1"
FILE = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything that restoring needs, except the key."""

    id: str
    ledger: str
    case: str | None
    point: BackupPoint
    engine: str
    made_for: str
    """The one activity that this copy was made for; only a further try of it may take it for its own."""
    position: str
    """Where the ledger stood when it was copied: its change log and its pointers."""
    started_at: datetime
    taken_at: datetime
    milliseconds: int
    raw_bytes: int
    parts: tuple[Part, ...]
    sha256: str
    recipients: tuple[str, ...]
    proof: Proof

    @property
    def stored_bytes(self) -> int:
        return sum(part.bytes for part in self.parts)

    def text(self) -> str:
        body = to_json(self)
        assert isinstance(body, dict)
        said = {"format": FORMAT, "compression": "zstd", "encryption": self.encryption, **body}
        return canonical({**said, "digest": sha256(said)})

    @property
    def encryption(self) -> str:
        return "age" if self.recipients else "none"

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text().encode()).hexdigest()


def folder(ledger: str, backup: str) -> str:
    """Where a backup lies in the store."""
    return f"backups/{ledger}/{backup}"


def place(ledger: str, backup: str) -> str:
    """Where its manifest lies."""
    return f"{folder(ledger, backup)}/{FILE}"


def write(store: ObjectStore, manifest: Manifest) -> None:
    """Make the backup be. Raises BackupDamaged if another manifest has come to its place."""
    text = manifest.text().encode()
    name = place(manifest.ledger, manifest.id)
    try:
        store.put_new(name, text)
    except AlreadyStored:
        if store.get(name) != text:
            raise BackupDamaged(manifest.id, FILE, "another copy has been written under this name") from None


def read(store: ObjectStore, ledger: str, backup: str, expected: str | None = None) -> Manifest:
    """The manifest of a backup; `expected` is the digest that the catalogue has on record.

    Raises:
        UnknownBackup: there is none.
        BackupDamaged: it is not what was written.
    """
    try:
        text = store.get(place(ledger, backup))
    except NotStored:
        raise UnknownBackup(backup) from None
    if expected is not None and hashlib.sha256(text).hexdigest() != expected:
        raise BackupDamaged(backup, FILE, "its SHA-256 is not the one on record")
    manifest = _parsed(backup, text)
    if (manifest.id, manifest.ledger) != (backup, ledger):
        raise BackupDamaged(backup, FILE, f"it is of {manifest.id} of ledger {manifest.ledger}")
    return manifest


def _parsed(backup: str, text: bytes) -> Manifest:
    try:
        said = json.loads(text)
        digest = said.pop("digest")
        if digest != sha256(said) or canonical({**said, "digest": digest}).encode() != text:
            raise BackupDamaged(backup, FILE, "its own digest does not fit")
        if said["format"] != FORMAT:
            raise BackupDamaged(backup, FILE, f"its format {said['format']} is not known here")
        return _manifest(said)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupDamaged(backup, FILE, f"it cannot be read ({type(error).__name__})") from error


def _manifest(said: dict[str, Any]) -> Manifest:  # Any: JSON
    values = {field.name: said[field.name] for field in fields(Manifest)}
    return Manifest(
        **{
            **values,
            "point": BackupPoint(values["point"]),
            "started_at": datetime.fromisoformat(values["started_at"]),
            "taken_at": datetime.fromisoformat(values["taken_at"]),
            "parts": tuple(Part(**part) for part in values["parts"]),
            "recipients": tuple(values["recipients"]),
            "proof": _proof(values["proof"]),
        }
    )


def _proof(said: dict[str, Any]) -> Proof:  # Any: JSON
    leaves = (
        Leaf(Module(leaf["module"]), Period.parse(leaf["period"]), leaf["rows"], leaf["digest"])
        for leaf in said["leaves"]
    )
    proof = tree(leaves)
    if proof.root != said["root"]:
        raise ValueError("the root of the proof does not follow from its leaves")
    return proof
