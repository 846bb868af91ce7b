"""Files of forms are fetched only where that may be, and what cannot be had is told with its remedy."""

from collections.abc import Sequence

import httpx
import pytest

from service.guarded import GuardedTransport
from service.jiandaoyun.answers import JiandaoyunUnreachable
from service.jiandaoyun.file_marks import MOST_TRIES, FileMark, files_untaken
from service.jiandaoyun.file_source import FileGuard, FileNotTaken, FileSource, Untaken
from service.texts import Language

API = "http://10.0.0.5:8080/api"


async def _resolve(host: str, port: int) -> Sequence[str]:
    return {"files.example": ["93.184.216.34"], "inner.example": ["10.0.0.9"]}.get(host, [host.strip("[]")])


def _answer(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/silent":
        raise httpx.ConnectError("no route", request=request)
    status = int(request.url.path[1:]) if request.url.path[1:].isdigit() else 200
    return httpx.Response(status, content=b"content", headers={"Location": "http://169.254.169.254/"})


async def _fetch(url: str, *hosts: str, at_most: int = 100) -> bytes:
    guarded = GuardedTransport(FileGuard(API, hosts, _resolve), httpx.MockTransport(_answer))
    async with httpx.AsyncClient(transport=guarded) as http:
        return await FileSource(http).fetch(url, at_most)


async def _refused(url: str, *hosts: str, at_most: int = 100) -> Untaken:
    with pytest.raises(FileNotTaken) as caught:
        await _fetch(url, *hosts, at_most=at_most)
    return caught.value.why


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:22/x",
        "http://[::1]:22/x",
        "http://10.0.0.5:22/x",
        "http://192.168.1.1/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/x",
        "http://inner.example/x",
        "file:///etc/passwd",
        "ftp://files.example/x",
        "no address at all",
        "http://",
    ],
)
async def test_a_file_is_never_fetched_from_our_own_network(url: str) -> None:
    assert await _refused(url) == Untaken.FORBIDDEN


@pytest.mark.parametrize("url", ["http://files.example/x", "http://10.0.0.5:8080/x"])
async def test_a_file_is_fetched_from_the_open_internet_and_from_the_vendors_own_server(url: str) -> None:
    assert await _fetch(url) == b"content"


async def test_where_hosts_are_configured_no_other_is_asked() -> None:
    assert await _fetch("http://inner.example/x", "inner.example") == b"content"
    assert await _refused("http://files.example/x", "inner.example") == Untaken.FORBIDDEN


async def test_a_redirect_is_not_followed() -> None:
    assert await _refused("http://files.example/302") == Untaken.FORBIDDEN


async def test_what_is_gone_or_too_large_is_not_asked_for_again() -> None:
    assert await _refused("http://files.example/403") == Untaken.GONE
    assert await _refused("http://files.example/x", at_most=3) == Untaken.LARGE


@pytest.mark.parametrize("path", ["silent", "503", "429"])
async def test_what_does_not_answer_may_be_had_later(path: str) -> None:
    with pytest.raises(JiandaoyunUnreachable):
        await _fetch(f"http://files.example/{path}")


def test_a_file_is_tried_so_often_and_then_left() -> None:
    mark = FileMark("3:差异表 1.xlsx")
    for _ in range(MOST_TRIES):
        assert mark.why is None
        mark = FileMark.read(str(mark.tried_again()))
    assert (mark.why, mark.is_settled) == (Untaken.UNREACHABLE, True)


@pytest.mark.parametrize("why", list(Untaken))
def test_every_file_that_is_left_is_named_with_a_remedy(why: Untaken) -> None:
    marks = (str(FileMark("3:a.xlsx")), str(FileMark("4:差异表.xlsx", why=why)))
    (line,) = files_untaken(marks, Language.ZH).splitlines()
    assert line.startswith("【附件】“差异表.xlsx”此附件未收录：")
    assert "请" in line
    assert "Not taken." in files_untaken(marks, Language.EN)
