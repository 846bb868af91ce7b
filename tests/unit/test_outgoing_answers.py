"""What other people's services may answer that is no answer."""

import httpx
import pytest

from service.outgoing import NoAnswer, Outgoing

URL = "https://id.example/keys"


def _says(response: httpx.Response) -> Outgoing:
    return Outgoing(httpx.MockTransport(lambda _: response))


async def test_an_object_is_an_answer() -> None:
    assert await _says(httpx.Response(200, json={"keys": []})).get_json(URL) == {"keys": []}


@pytest.mark.parametrize(
    ("response", "because"),
    [
        (httpx.Response(500, json={}), "answers 500"),
        (httpx.Response(204), "answers 204"),
        (httpx.Response(302, headers={"Location": "https://elsewhere.example/"}), "answers 302"),
        (httpx.Response(200, text="<html>maintenance</html>"), "does not answer JSON"),
        (httpx.Response(200, content=b""), "does not answer JSON"),
        (httpx.Response(200, content=b'{"keys": "\xff"}'), "does not answer JSON"),
        (httpx.Response(200, json=[{"keys": []}]), "does not answer an object"),
        (httpx.Response(200, content=b'{"a": "' + b"x" * 1_000_000 + b'"}'), "more than 1000000 bytes"),
    ],
)
async def test_anything_else_is_none(response: httpx.Response, because: str) -> None:
    with pytest.raises(NoAnswer, match=because):
        await _says(response).get_json(URL)


@pytest.mark.parametrize("fault", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow")])
async def test_silence_is_none_either(fault: httpx.HTTPError) -> None:
    def _fail(_: httpx.Request) -> httpx.Response:
        raise fault

    with pytest.raises(NoAnswer, match=type(fault).__name__):
        await Outgoing(httpx.MockTransport(_fail)).get_json(URL)


async def test_an_address_that_is_none_is_asked_nothing() -> None:
    with pytest.raises(NoAnswer):
        await Outgoing().get_json("https://[::1/keys")
