"""`python -m bench.bare_api ADDRESS PORT ACTIVITIES`: takes requests and starts bare workflows."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel
from temporalio.client import Client

from bench.bare import BARE_QUEUE, Bare, Said, Shape


class Item(BaseModel):
    document: str
    intent: str
    note: str = ""


class Wish(BaseModel):
    """The same body as the product's."""

    ledger: str
    target_period: str
    modules: list[str]
    reason_code: str
    reason: str
    scope: list[Item] = []
    correctors: list[str] = []
    window_hours: int = 24
    expedited: bool = False
    vendor_ticket: str | None = None
    acknowledgement: str | None = None
    external_ref: str | None = None


class Act(BaseModel):
    """The same body as the product's."""

    action: str
    digest: str | None = None
    comment: str = ""


class Taken(BaseModel):
    id: str


def bare_app(address: str, activities: int) -> FastAPI:
    """`activities` is how many a started workflow does before it waits for a person."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.client = await Client.connect(address, lazy=True)
        yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/requests", status_code=202)
    async def create_request(wish: Wish, request: Request) -> Taken:
        number = f"post-{uuid4()}"
        await request.app.state.client.start_workflow(
            Bare.run,
            Shape([activities, 0], local=True, body=wish.model_dump(mode="json")),
            id=number,
            task_queue=BARE_QUEUE,
            task_timeout=timedelta(seconds=2),
        )
        return Taken(id=number)

    @app.post("/tasks/{task}/actions")
    async def act_on_task(task: str, act: Act, request: Request) -> Taken:
        handle = request.app.state.client.get_workflow_handle(task)
        await handle.execute_update(Bare.say, Said(act.action, task), id=uuid4().hex)
        return Taken(id=task)

    return app


if __name__ == "__main__":
    app = bare_app(sys.argv[1], int(sys.argv[3]))
    config = uvicorn.Config(app, port=int(sys.argv[2]), log_config=None, access_log=False)
    uvicorn.Server(config).run()
