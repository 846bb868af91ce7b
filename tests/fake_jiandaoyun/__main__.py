"""Serves the fake on a port, with a few addresses under `/_fake` by which a play acts as its people."""

import argparse
import asyncio
import json

import httpx
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fake_jiandaoyun.api import FakeApi
from tests.fake_jiandaoyun.company import FakeCompany, FakeForm, Json
from tests.fake_jiandaoyun.pushing import FakePushes, over_http


class Play:
    """One form, its people, and a push that is set up once its receiver is known."""

    def __init__(self, form: FakeForm) -> None:
        self.form = form
        self.company = FakeCompany([form])
        self.api = FakeApi(self.company)
        self._http = httpx.AsyncClient()
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route("/_fake/push", self.set_up_push, methods=["POST"]),
            Route("/_fake/records", self.submit, methods=["POST"]),
            Route("/_fake/records/{record}", self.show),
        )

    async def set_up_push(self, request: Request) -> Response:
        """`{"url", "secret"}`: from now on what people do is pushed there."""
        asked = json.loads(await request.body())
        pushes, send = FakePushes(asked["secret"]), over_http(self._http, asked["url"])

        def push(op: str, at: int, data: Json) -> None:
            pushes.take(op, at, data)
            sending = asyncio.create_task(pushes.send_all(send))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)

        self.company.push = push
        return Response(status_code=204)

    async def submit(self, request: Request) -> Response:
        """`{"username", "values"}`: somebody fills in the form."""
        asked = json.loads(await request.body())
        return JSONResponse({"record": self.company.submit(self.form, asked["username"], asked["values"])})

    async def show(self, request: Request) -> Response:
        return JSONResponse(self.form.records[request.path_params["record"]])


def main() -> None:
    parser = argparse.ArgumentParser(description="a fake Jiandaoyun")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--app-id", required=True)
    parser.add_argument("--entry-id", required=True)
    parser.add_argument("--fields", required=True, help="names, comma-separated")
    given = parser.parse_args()
    widgets = dict.fromkeys(given.fields.split(","), "text")
    play = Play(FakeForm(given.app_id, given.entry_id, "库存反记帐申请", widgets))
    app = play.api.app(*play.routes)
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
