"""Secrets that a configuration file only refers to: `env:NAME` or `file:PATH`."""

import os
from pathlib import Path

from pydantic import SecretStr


class SecretMissing(Exception):
    """The text names the reference and never what is behind it."""


def read_secret(reference: str, beside: Path) -> SecretStr:
    """What a reference stands for; paths are relative to the folder of the file that refers.

    Raises:
        SecretMissing: it is no reference, or there is nothing behind it.
    """
    kind, _, name = reference.partition(":")
    if kind == "env" and name:
        value = os.environ.get(name, "")
    elif kind == "file" and name:
        value = _read(beside / name, reference)
    else:
        # What stands there may be the secret itself, so it is not repeated.
        raise SecretMissing("must be env:NAME or file:PATH; secrets themselves do not belong here")
    if not value.strip():
        raise SecretMissing(f"{reference} is not set, or is empty")
    return SecretStr(value.strip())


def _read(path: Path, reference: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretMissing(f"{reference} cannot be read") from error
