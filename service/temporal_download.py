"""Let the SDK download the embedded Temporal server into a folder: `python -m service.temporal_download DIR`.

A program of its own, because the SDK is heavy to load and hardly anyone needs it for this.
"""

import asyncio
import os
import sys
from pathlib import Path

from temporalio.testing import WorkflowEnvironment


async def download(folder: Path) -> None:
    """The SDK downloads only by starting a server, so one is started and shut down at once."""
    async with await WorkflowEnvironment.start_local(download_dest_dir=str(folder)):
        pass


def main(target: Path) -> int:
    target.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(download(target))
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stderr.flush()
    os._exit(code)  # the interpreter may abort when it ends right after the SDK's own threads
