"""`python -m bench.bare_worker ADDRESS QUEUE`: a worker for the bare workflow, until told to stop."""

import asyncio
import os
import signal
import sys
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from bench.bare import Bare, nothing, stamp


async def serve(address: str, queue: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    worker = Worker(
        await Client.connect(address),
        task_queue=queue,
        workflows=[Bare],
        activities=[nothing, stamp],
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
    )
    async with worker:
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:3]))
    os._exit(0)  # the interpreter may abort when it ends right after a worker
