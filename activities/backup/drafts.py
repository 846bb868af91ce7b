"""A folder for what must not outlive one attempt: emptied before it is used, removed afterwards."""

import shutil
from pathlib import Path
from types import TracebackType


class Drafts:
    """Its name is tied to what it is for, so that the next attempt finds what a killed one has left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Path:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        return self._folder

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
