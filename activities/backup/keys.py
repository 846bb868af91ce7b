"""age keys: recipients that backups are encrypted to, and identities that read them.

Only public keys belong on the machine that makes backups; an identity is needed where one is restored.
"""

from dataclasses import dataclass
from pathlib import Path

import pyrage
from pyrage import x25519

from workflows.domain.errors import BackupKeyMissing, BackupKeyUnreadable, RecipientUnreadable

RECIPIENTS, IDENTITY = "UNCLOSE_BACKUP_RECIPIENTS", "UNCLOSE_BACKUP_IDENTITY"


@dataclass(frozen=True)
class Keys:
    """Who may read backups, and the file that lets this worker read them."""

    recipients: tuple[str, ...] = ()
    """age public keys, `age1…`. Empty: not encrypted, as in development."""
    identity: Path | None = None
    """An age identity file, as `age-keygen` writes it."""

    def lock(self) -> list[x25519.Recipient]:
        """Raises RecipientUnreadable."""
        return [_recipient(text) for text in self.recipients]

    def unlock(self, backup: str) -> list[x25519.Identity]:
        """Raises BackupKeyMissing, BackupKeyUnreadable."""
        if self.identity is None:
            raise BackupKeyMissing(backup, IDENTITY)
        try:
            lines = self.identity.read_text("ascii").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BackupKeyUnreadable(IDENTITY, _why(error)) from error
        found = [_identity(line.strip()) for line in lines if line.strip() and not line.startswith("#")]
        if not found:
            raise BackupKeyUnreadable(IDENTITY, "it holds no AGE-SECRET-KEY-1…")
        return found


def _recipient(text: str) -> x25519.Recipient:
    try:
        return x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise RecipientUnreadable(RECIPIENTS, text, str(error)) from error


def _identity(line: str) -> x25519.Identity:
    try:
        return x25519.Identity.from_str(line)
    except pyrage.IdentityError as error:
        # What is wrong is said, the line is not: it may be all but one letter of the secret.
        raise BackupKeyUnreadable(IDENTITY, str(error)) from error


def _why(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is no text"
