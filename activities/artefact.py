"""A part of the evidence that is too long for the register: a file of JSON lines, named by its digest."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from workflows.domain.difference import Artefact
from workflows.domain.digest import canonical


class JsonLines:
    """Written line by line, and there as a whole or not at all; the same lines give the same bytes."""

    def __init__(self, folder: Path, name: str) -> None:
        self._target = folder / name
        self._draft = self._target.with_suffix(".draft")
        self._hash, self._lines = hashlib.sha256(), 0
        self._file: BinaryIO | None = None

    def __enter__(self) -> "JsonLines":
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._draft.open("wb")
        return self

    def write(self, part: object) -> None:
        assert self._file is not None
        line = canonical(part).encode() + b"\n"
        self._file.write(line)
        self._hash.update(line)
        self._lines += 1

    def __exit__(self, kind: object, *_: object) -> None:
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if kind is None:
            self._draft.replace(self._target)
        else:
            self._draft.unlink()

    @property
    def artefact(self) -> Artefact:
        path = f"{self._target.parent.name}/{self._target.name}"
        return Artefact(path, self._hash.hexdigest(), self._lines)
