"""The open API of the fake: documented endpoints with their versions, errors, limits and paging."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fake_jiandaoyun.company import FakeCompany, FakeForm, FakeRefusal, Json, iso
from tests.fake_jiandaoyun.flows import FakeFlow

API_KEY = "fake-jiandaoyun-key"
COMPANY_RATE = 50
RATES = {
    "widget/list": 30,
    "data/get": 30,
    "data/list": 30,
    "data/update": 20,
    "data/create": 20,
    "data/delete": 20,
    "instance/get": 30,
    "instance/logs": 30,
    "task/approve": 20,
    "task/reject": 20,
    "task/rollback": 20,
}
_LARGEST_PAGE, _PAGE = 100, 10
_SYSTEM_FIELDS = {"_id", "appId", "entryId", "formName", "creator", "createTime", "updateTime", "updater"}


class FakeApi:
    """Answers like the vendor's documents say. `faults` are served first, one for each call."""

    def __init__(
        self, company: FakeCompany, clock: Callable[[], float] = monotonic, *, has_limits: bool = True
    ) -> None:
        self.company, self._clock, self._has_limits = company, clock, has_limits
        self.faults: deque[FakeRefusal] = deque()
        self.calls: list[str] = []
        self.silent_hosts: set[str] = set()
        """Hosts of files that do not answer."""
        self.slow = 0.0
        """Seconds that each call takes."""
        self.flows: dict[str, FakeFlow] = {}
        """Workflow instances, by the records they belong to."""
        self._recent: dict[str, deque[float]] = {}

    def app(self, *more: Route) -> Starlette:
        own = {
            "widget/list": self._widgets,
            "data/get": self._get,
            "data/list": self._list,
            "data/create": self._create,
            "data/update": self._update,
            "data/delete": self._delete,
        }
        routes = [
            Route(f"/api/v5/app/entry/{path}", self._endpoint(path, answer), methods=["POST"])
            for path, answer in own.items()
        ]
        flows = {
            "v6/workflow/instance/get": self._instance,
            "v1/workflow/instance/logs": self._logs,
            "v1/workflow/task/approve": lambda body: self._flow(body).answer("forward", body),
            "v1/workflow/task/reject": lambda body: self._flow(body).answer("reject", body),
            "v2/workflow/task/rollback": lambda body: self._flow(body).answer("back", body),
        }
        routes += [
            Route(f"/api/{path}", self._endpoint("/".join(path.split("/")[2:]), answer), methods=["POST"])
            for path, answer in flows.items()
        ]
        return Starlette(routes=[*routes, Route("/files/{key}", self._file), *more])

    def _endpoint(
        self, path: str, answer: Callable[[Json], Json]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            self.calls.append(path)
            await asyncio.sleep(self.slow)
            try:
                self._admit(request, path)
                return JSONResponse(answer(_body(await request.body())))
            except FakeRefusal as refusal:
                if not refusal.code:
                    return Response("<html>bad gateway</html>", refusal.status)
                return JSONResponse({"code": refusal.code, "msg": refusal.msg}, refusal.status)

        return endpoint

    def _admit(self, request: Request, path: str) -> None:
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            raise FakeRefusal(8301, "api_key check failed")
        if self.faults:
            raise self.faults.popleft()
        if self._has_limits:
            self._count("", COMPANY_RATE, 8303)
            self._count(path, RATES[path], 8304)

    def _count(self, name: str, most: int, code: int) -> None:
        recent, now = self._recent.setdefault(name, deque()), self._clock()
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= most:
            raise FakeRefusal(code, "Company/Team/Group Request Limit Exceeded")
        recent.append(now)

    def _form(self, body: Json) -> FakeForm:
        return self.company.form(body.get("app_id"), body.get("entry_id"))

    def _widgets(self, body: Json) -> Json:
        form = self._form(body)
        widgets = [{"label": name, "name": name, "type": kind} for name, kind in form.widgets.items()]
        return {"widgets": widgets, "sysWidgets": [], "dataModifyTime": iso(form.modified_at)}

    def _get(self, body: Json) -> Json:
        record = self._form(body).records.get(str(body.get("data_id")))
        if record is None:
            raise FakeRefusal(4001, "The data does not exist")
        return {"data": record}

    def _list(self, body: Json) -> Json:
        limit = body.get("limit", _PAGE)
        if not isinstance(limit, int) or not 1 <= limit <= _LARGEST_PAGE:
            raise FakeRefusal(17017, "limit")
        after, since = str(body.get("data_id") or ""), _since(body.get("filter") or {})
        found = sorted(self._form(body).records.items())
        page = [record for key, record in found if key > after and record["createTime"] >= since]
        return {"data": page[:limit]}

    def _create(self, body: Json) -> Json:
        form = self._form(body)
        creator = str(body.get("data_creator") or "owner")
        key = self.company.submit(form, creator, _unwrapped(body, form), is_pushed=False)
        return {"data": form.records[key]}

    def _update(self, body: Json) -> Json:
        form = self._form(body)
        return {"data": self.company.write(form, str(body.get("data_id")), _unwrapped(body, form))}

    def _delete(self, body: Json) -> Json:
        form, key = self._form(body), str(body.get("data_id"))
        if key not in form.records:
            raise FakeRefusal(4001, "The data does not exist")
        self.company.remove(form, key, "api", is_pushed=False)
        return {"status": "success"}

    def _flow(self, body: Json) -> FakeFlow:
        found = self.flows.get(str(body.get("instance_id")))
        if found is None:
            raise FakeRefusal(50016, "The instance does not exist")
        return found

    def _instance(self, body: Json) -> Json:
        return self._flow(body).shown(with_tasks=body.get("tasks_type") == 1)

    def _logs(self, body: Json) -> Json:
        skip, limit = int(body.get("skip", 0)), int(body.get("limit", _LARGEST_PAGE))
        return {"logs": self._flow(body).logs[skip : skip + limit]}

    async def _file(self, request: Request) -> Response:
        if request.headers["host"] in self.silent_hosts:
            return Response(status_code=504)
        content = self.company.file(request.path_params["key"])
        return Response(status_code=403) if content is None else Response(content)


def _body(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except ValueError:
        raise FakeRefusal(1, "Invalid Request") from None
    if not isinstance(body, dict):
        raise FakeRefusal(1, "Invalid Request")
    return body


def _unwrapped(body: Json, form: FakeForm) -> Json:
    """Values are wrapped on write; system fields and fields that are not there are left out in silence."""
    data = body.get("data")
    if not isinstance(data, dict) or not all(isinstance(v, dict) and "value" in v for v in data.values()):
        raise FakeRefusal(17017, "invalid data")
    return {
        name: value["value"]
        for name, value in data.items()
        if name in form.widgets and name not in _SYSTEM_FIELDS
    }


def _since(asked: Json) -> str:
    for condition in asked.get("cond", ()):
        if condition.get("field") != "createTime" or condition.get("method") != "range":
            raise FakeRefusal(4815, "filter")
        return str(condition["value"][0])
    return ""
