"""Evidence: what the register holds of a case, written once as canonical JSON and named by its digest."""

import hashlib
import os
from pathlib import Path

from activities.recording import CaseFile
from workflows.domain.digest import canonical
from workflows.steps import Sealed

FORMAT = "unclose-evidence-1"


class EvidenceStore:
    """A folder of sealed evidence, one file for each case."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def seal(self, file: CaseFile) -> Sealed:
        """Write the evidence; the same case file gives the same bytes. Written whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        body = canonical(
            {
                "format": FORMAT,
                "request": file.request,
                "events": file.events,
                "tasks": file.tasks,
                "parts": file.parts,
            }
        ).encode()
        target = self.path(file.request.id)
        draft = target.with_suffix(".draft")
        with draft.open("wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(target)
        return Sealed(f"{self.folder.name}/{target.name}", hashlib.sha256(body).hexdigest())

    def path(self, case: str) -> Path:
        return self.folder / f"{case}.json"
