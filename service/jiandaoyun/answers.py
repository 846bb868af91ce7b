"""What Jiandaoyun's refusals mean: which pass by themselves, which need a person, which are none."""

from collections.abc import Mapping
from enum import StrEnum

REFERENCE = "https://hc.jiandaoyun.com/open/12344"
"""Where the vendor lists the codes."""


class Verdict(StrEnum):
    """What is to be done about a refusal."""

    RETRY = "retry"
    """Back off for a second or more and ask again."""
    ALERT = "alert"
    """A key, a right or a setting is wrong: nothing helps but a person, so do not go on asking."""
    QUOTA = "quota"
    """The plan that was bought is used up: a person must act."""
    GONE = "gone"
    """What was asked for is not there (any more)."""
    DONE = "done"
    """It had been done already: as good as done now."""
    WRONG = "wrong"
    """We have asked for something that cannot be: a mistake in the field map or in this program."""
    FORBIDDEN = "forbidden"
    """The flow does not allow it in its present state."""
    INCOMPLETE = "incomplete"
    """The node asks for more: a comment, a signature, an approver."""


_CODES: Mapping[Verdict, str] = {
    Verdict.ALERT: "8301 8302 17018 17052 17053 17054",
    Verdict.RETRY: "8303 8304 9004 9007 50008 50047 4012",
    Verdict.QUOTA: "7103 7206 7212 7216 7217 7218 7219 7221",
    Verdict.GONE: "2004 3000 4001 50004 50011 50016 50031 1010",
    Verdict.DONE: "4008 5025 50051 50009 5058",
    Verdict.WRONG: "1 3005 17017 4815 17032 17034 17023 17024 17033 17025 17026",
    Verdict.FORBIDDEN: "4005 4009 4015 4016 5024 5049 50040 50041 50049 50070 50073 50082",
    Verdict.INCOMPLETE: (
        "5004 5012 5008 5009 5053 50052 50053 50054 50055 50056 50057 50059 50060 50061 50062 50063"
    ),
}
_BY_CODE = {int(code): verdict for verdict, codes in _CODES.items() for code in codes.split()}
_RETRIED = frozenset({429, 500, 502, 503, 504, 579})
"""Answers without a code of their own that pass by themselves."""


class JiandaoyunRefused(Exception):
    """Jiandaoyun has said no. `code` is the vendor's, or 0 if only the HTTP status is known."""

    def __init__(self, path: str, status: int, code: int, said: str) -> None:
        super().__init__(f"{path}: {code or status} {said}".rstrip())
        self.path, self.status, self.code, self.said = path, status, code, said

    @property
    def verdict(self) -> Verdict:
        """An unknown code is our mistake until someone has looked: asking again would change nothing."""
        if self.code in _BY_CODE:
            return _BY_CODE[self.code]
        if self.status in (401, 403):
            return Verdict.ALERT
        return Verdict.RETRY if self.status in _RETRIED else Verdict.WRONG


class JiandaoyunUnreachable(Exception):
    """No answer, or none that can be read, within the time and the tries there are."""
