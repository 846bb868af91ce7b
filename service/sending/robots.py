"""The robots of WeCom, DingTalk and Feishu: one POST each, and an answer that must be read.

All three answer HTTP 200 to what they refuse; only `errcode` or `code` tells. Which codes no patience can
mend is said here for each; every other one is tried again.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import httpx
from typing_extensions import override

from service.outgoing import NoAnswer, Outgoing, Reply
from service.sending.letters import Courier, Letter
from service.sending.ports import Undelivered

_CUT = "…"
_JSON = {"content-type": "application/json; charset=utf-8"}
_MINUTE = timedelta(minutes=1)


def within(text: str, most: int) -> str:
    """The text in at most so many bytes of UTF-8, cut between two characters and marked where it was cut."""
    raw = text.encode()
    if len(raw) <= most:
        return text
    room = most - len(_CUT.encode())
    return raw[: max(room, 0)].decode(errors="ignore") + _CUT if room >= 0 else ""


def fit(letter: Letter, most: int) -> str:
    """Headline, text and link in at most so many bytes; the text gives way, the link stays whole."""
    link = f"\n{letter.link}"
    return within(f"{letter.title}\n{letter.text}", most - len(link.encode())) + link


def dingtalk_sign(secret: str, milliseconds: int) -> str:
    """DingTalk's signature (加签), not yet quoted for a URL: that is done once, by whoever builds the URL."""
    said = f"{milliseconds}\n{secret}".encode()
    return base64.b64encode(hmac.new(secret.encode(), said, hashlib.sha256).digest()).decode()


def feishu_sign(secret: str, seconds: int) -> str:
    """Feishu's signature: the text to sign is the key, and nothing is signed."""
    key = f"{seconds}\n{secret}".encode()
    return base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()


@dataclass(frozen=True)
class Codes:
    """How a vendor says no."""

    field: str
    final: frozenset[int]
    """Wrong key, signature, keyword, address or form: somebody must put it right first."""
    too_fast: Mapping[int, timedelta]

    def require_good(self, reply: Reply) -> None:
        """Raises Undelivered."""
        if not reply.is_good:
            gone = reply.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
            raise Undelivered(f"answered {reply.status}", is_final=gone)
        try:
            said = reply.json()
        except NoAnswer as error:
            raise Undelivered(str(error)) from error
        code = said.get(self.field)
        if not isinstance(code, int) or isinstance(code, bool):  # `false` is 0 to Python, and no yes
            raise Undelivered(f"an answer without {self.field}")
        if code == 0:
            return
        is_final, later = code in self.final, self.too_fast.get(code)
        raise Undelivered(f"{self.field} {code}", is_final=is_final, retry_after=later)


WECOM = Codes(
    "errcode",
    final=frozenset({93000, 93004, 93008, 40008, 40035, 40058, 44004, 45002}),
    too_fast={45009: _MINUTE, 45033: _MINUTE},
)
DINGTALK = Codes(
    "errcode",
    final=frozenset({310000, 300001, 300005, 400013, 400101, 400102, 40035, 43004, 430101, 430102, 430103}),
    # Whoever sends too fast is blocked for ten minutes.
    too_fast={130101: 10 * _MINUTE, 410100: 10 * _MINUTE, 90018: 10 * _MINUTE},
)
FEISHU = Codes(
    "code",
    final=frozenset({9499, 19001, 19002, 19021, 19022, 19024}),
    too_fast={11232: _MINUTE, 11233: _MINUTE, 99991400: _MINUTE},
)

WECOM_BYTES = 2048
DINGTALK_BYTES = 20_000
FEISHU_BYTES = 18_000
FEISHU_REQUEST_BYTES = 20_000
"""What a whole request may have; there a quotation mark takes two bytes, and a control character six."""
_MOST_GROWTH = 6


def _as_sent(message: Mapping[str, Any]) -> bytes:  # Any: JSON
    return json.dumps(message, ensure_ascii=False).encode()


class Robot(Courier):
    """What the three have in common."""

    codes: Codes

    def __init__(self, outgoing: Outgoing, url: str, secret: str = "", per_minute: int | None = 20) -> None:
        self._outgoing, self._url, self._secret, self.per_minute = outgoing, url, secret, per_minute

    def message(self, letter: Letter, at: datetime) -> dict[str, Any]:  # Any: JSON
        raise NotImplementedError

    def parameters(self, at: datetime) -> dict[str, str]:
        """What is added to the address."""
        return {}

    @override
    async def deliver(self, letter: Letter, at: datetime) -> None:
        body = _as_sent(self.message(letter, at))
        try:
            # Quoted here and nowhere else: a signature that is quoted twice is a wrong one.
            url = httpx.URL(self._url).copy_merge_params(self.parameters(at))
            reply = await self._outgoing.post(str(url), body, _JSON)
        except httpx.InvalidURL as error:
            raise Undelivered("the address of the robot cannot be read", is_final=True) from error
        except NoAnswer as error:
            raise Undelivered(str(error)) from error
        self.codes.require_good(reply)


class WeComRobot(Robot):
    """企业微信群机器人. The key stands in the address."""

    codes = WECOM

    @override
    def message(self, letter: Letter, at: datetime) -> dict[str, Any]:
        mentioned = {} if not letter.address else _wecom_mention(letter.address)
        return {"msgtype": "text", "text": {"content": fit(letter, WECOM_BYTES), **mentioned}}


def _wecom_mention(address: str) -> dict[str, list[str]]:
    return {"mentioned_mobile_list" if address.isdigit() else "mentioned_list": [address]}


class DingTalkRobot(Robot):
    """钉钉自定义机器人."""

    codes = DINGTALK

    @override
    def parameters(self, at: datetime) -> dict[str, str]:
        if not self._secret:
            return {}
        milliseconds = int(at.timestamp() * 1000)
        return {"timestamp": str(milliseconds), "sign": dingtalk_sign(self._secret, milliseconds)}

    @override
    def message(self, letter: Letter, at: datetime) -> dict[str, Any]:
        mobiles = [letter.address] if letter.address else []
        mentioned = "".join(f"\n@{mobile}" for mobile in mobiles)  # without it in the text nobody is called
        content = fit(letter, DINGTALK_BYTES - len(mentioned.encode())) + mentioned
        return {
            "msgtype": "text",
            "text": {"content": content},
            "at": {"atMobiles": mobiles, "isAtAll": False},
        }


class FeishuRobot(Robot):
    """飞书自定义机器人."""

    codes = FEISHU

    @override
    def message(self, letter: Letter, at: datetime) -> dict[str, Any]:
        mention = f'\n<at user_id="{letter.address}"></at>' if letter.address else ""
        most = FEISHU_BYTES - len(mention.encode())
        message = self._message(fit(letter, most) + mention, at)
        while (excess := len(_as_sent(message)) - FEISHU_REQUEST_BYTES) > 0 and most > 0:
            most -= -(-excess // _MOST_GROWTH)
            message = self._message(fit(letter, most) + mention, at)
        return message

    def _message(self, text: str, at: datetime) -> dict[str, Any]:  # Any: JSON
        message: dict[str, Any] = {"msg_type": "text", "content": {"text": text}}
        if self._secret:
            seconds = int(at.timestamp())
            message |= {"timestamp": str(seconds), "sign": feishu_sign(self._secret, seconds)}
        return message
