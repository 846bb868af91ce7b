"""Periods as people write them: 2025年5月, 5月, 202505, 上月; what could mean two things is refused."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from service.jiandaoyun.complaints import Field, Unread, refuse
from service.jiandaoyun.phrases import even, with_digits, without_act
from workflows.domain.errors import PeriodOutsideCalendar
from workflows.domain.period import FiscalCalendar, Period

_EXAMPLE = "2025年5月"


@dataclass(frozen=True)
class Books:
    """What a period is read against: the ledger's calendar, and the day it is there."""

    calendar: FiscalCalendar
    today: date


def read_period(said: str, books: Books) -> Period:
    """The one period that the text names.

    A month (5月) is a month of the calendar, a period (5期) a number in the fiscal year. A month without a
    year is the newest one that is not ahead of us: nobody asks to open what has not been closed yet.

    Raises:
        Unread: it names none, several, or could mean two.
    """
    text = _stripped(said)
    for pattern, reader in _FORMS.items():
        if found := pattern.fullmatch(text):
            return _checked(said, reader(said, found, books), books)
    raise _not_understood(said, text)


def read_year_and_number(year: str, number: str, books: Books) -> Period:
    """The period that a form keeps in two fields. Raises Unread."""
    found = re.fullmatch(r"(\d{4})年?度?", even(year))
    if found is None:
        raise refuse(Field.YEAR, year, "Write four digits, such as 2025.", "请填写四位年度，例如 2025。")
    named = even(number)
    return read_period(f"{found[1]}年{named}{'期' if named.isdigit() else ''}", books)


def period_of_moment(moment: datetime, zone: tzinfo, books: Books) -> Period:
    """The period of a moment, by the day it is where the ledger is: 15:30 UTC on 31 May is May in China."""
    return books.calendar.containing(moment.astimezone(zone).date())


_NOISE = re.compile(r"(会计|财务)?期间|期次|月结|账期|[的了:()\[\]“”\"'。,]")


def _stripped(said: str) -> str:
    return _NOISE.sub("", with_digits(without_act(even(said)))).replace("月份", "月").replace("年度", "年")


def _month(year: int, month: int, books: Books) -> Period:
    return books.calendar.containing(date(year, month, 1))


def _checked(said: str, period: Period, books: Books) -> Period:
    try:
        return books.calendar.check(period)
    except PeriodOutsideCalendar:
        most = books.calendar.periods_per_year
        raise refuse(
            Field.PERIOD,
            said,
            f"A year of this ledger has periods 1 to {most}. Write one of them, such as {_EXAMPLE}.",
            f"本账套每年只有第 1 至 {most} 期，请填写其中一期，例如“{_EXAMPLE}”。",
        ) from None


# --------------------------------------------------------------------------- forms that are read


def _year_month(said: str, found: re.Match[str], books: Books) -> Period:
    month = int(found["month"])
    if not 1 <= month <= 12:
        raise _no_such_month(said)
    return _month(_year(found["year"]), month, books)


def _year_number(said: str, found: re.Match[str], books: Books) -> Period:
    return Period(_year(found["year"]), int(found["number"]))


def _digits_alone(said: str, found: re.Match[str], books: Books) -> Period:
    """202505: the fifth period and May are the same only where the fiscal year begins in January."""
    if books.calendar.first_month != 1:
        raise refuse(
            Field.PERIOD,
            said,
            f"The fiscal year does not begin in January. Write {_EXAMPLE} for the month, "
            "2025年第5期 for the period.",
            f"本账套会计年度不从一月开始；月份请写“{_EXAMPLE}”，期间请写“2025年第5期”。",
        )
    return _year_number(said, found, books)


def _day(said: str, found: re.Match[str], books: Books) -> Period:
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        raise refuse(
            Field.PERIOD,
            said,
            f"There is no such day. Write the month, such as {_EXAMPLE}.",
            f"没有这一天，请填写月份，例如“{_EXAMPLE}”。",
        ) from None
    return books.calendar.containing(day)


def _month_alone(said: str, found: re.Match[str], books: Books) -> Period:
    month = int(found["month"])
    if not 1 <= month <= 12:
        raise _no_such_month(said)
    return _month(books.today.year - (month > books.today.month), month, books)


def _number_alone(said: str, found: re.Match[str], books: Books) -> Period:
    now, number = books.calendar.containing(books.today), int(found["number"])
    return Period(now.year - (number > now.number), number)


_YEARS_BACK = {"今": 0, "本": 0, "去": 1, "上": 1, "前": 2}


def _spoken_year(said: str, found: re.Match[str], books: Books) -> Period:
    month = int(found["month"])
    if not 1 <= month <= 12:
        raise _no_such_month(said)
    return _month(books.today.year - _YEARS_BACK[found["back"]], month, books)


_MONTHS_BACK = {"本": 0, "这": 0, "当": 0, "上": 1, "上上": 2, "前": 2}


def _spoken_month(said: str, found: re.Match[str], books: Books) -> Period:
    day = books.today
    for _ in range(_MONTHS_BACK[found["back"]]):
        day = day.replace(day=1) - timedelta(days=1)
    return books.calendar.containing(day)


def _year(digits: str) -> int:
    return int(digits) if len(digits) == 4 else 2000 + int(digits)


Reader = Callable[[str, "re.Match[str]", Books], Period]

_FORMS: Mapping[re.Pattern[str], Reader] = {
    re.compile(r"(?P<year>\d{4}|\d{2})年(?P<month>\d{1,2})月"): _year_month,
    re.compile(r"(?P<year>\d{4}|\d{2})年第?(?P<number>\d{1,2})期"): _year_number,
    re.compile(r"(?P<year>\d{4})[-./年]第?(?P<number>\d{2})期?"): _year_number,
    re.compile(r"(?P<year>\d{4})[./](?P<number>\d)"): _digits_alone,
    re.compile(r"(?P<year>\d{4})-(?P<number>\d)"): _year_number,
    re.compile(r"(?P<year>20\d{2})(?P<number>\d{2})"): _digits_alone,
    re.compile(r"(?P<year>\d{4})[-./年](?P<month>\d{1,2})[-./月](?P<day>\d{1,2})日?"): _day,
    re.compile(r"(?P<year>20\d{2})(?P<month>\d{2})(?P<day>\d{2})"): _day,
    re.compile(r"(?P<month>\d{1,2})月"): _month_alone,
    re.compile(r"第?(?P<number>\d{1,2})期"): _number_alone,
    re.compile(r"(?P<back>今|本|去|上|前)年(?P<month>\d{1,2})月"): _spoken_year,
    re.compile(r"(?P<back>上上|上|本|这|当|前)个?月"): _spoken_month,
}
"""Each form that means exactly one thing. The text must be the form and nothing else."""


# --------------------------------------------------------------------------- what is refused


def _no_such_month(said: str) -> Unread:
    return refuse(
        Field.PERIOD,
        said,
        "There are months 1 to 12; write 2025年第13期 for an adjustment period.",
        "月份只有 1 至 12；调整期请写“2025年第13期”。",
    )


def _not_understood(said: str, text: str) -> Unread:
    return next(
        (refuse(Field.PERIOD, said, *words) for pattern, words in _REFUSALS.items() if pattern.search(text)),
        refuse(
            Field.PERIOD,
            said,
            f"This is not understood as a period. Write it as {_EXAMPLE}, 2025-05 or 202505.",
            f"未能识别为期间，请写成“{_EXAMPLE}”“2025-05”或“202505”。",
        ),
    )


_REFUSALS: Mapping[re.Pattern[str], tuple[str, str]] = {
    re.compile(r"^$"): (
        f"The period is missing. Write it as {_EXAMPLE}.",
        f"未填写期间，请填写，例如“{_EXAMPLE}”。",
    ),
    re.compile(r"下个?月|明年|次月"): (
        "What lies ahead has not been closed. Write a period that is closed.",
        "未来期间尚未结账，请填写已结账的期间。",
    ),
    re.compile(r"季|半年|全年|年初|年末|年底"): (
        f"One request opens one period. Write the earliest month needed, such as {_EXAMPLE}; "
        "later ones are opened on the way.",
        f"一份申请只对应一个期间，请填写需要打开的最早月份，例如“{_EXAMPLE}”，之后的期间会一并依次打开。",
    ),
    re.compile(r"[至到~～—和与及、;&]|月.*月|期.*期|\d-\d{1,2}月"): (
        f"This names several periods. Write the earliest one needed, such as {_EXAMPLE}; "
        "later ones are opened on the way.",
        f"填写了多个期间，请只填写需要打开的最早一期，例如“{_EXAMPLE}”，之后的期间会一并依次打开。",
    ),
    re.compile(r"^(\d{4}年?|[今本去上前]年)$"): (
        f"The month is missing. Write it as {_EXAMPLE}.",
        f"缺少月份，请写成“{_EXAMPLE}”。",
    ),
    re.compile(r"^\d{1,5}$|^\d{1,2}[-./]\d{1,2}$"): (
        f"This could mean several things. Write year and month, such as {_EXAMPLE}.",
        f"含义不唯一，请写明年份和月份，例如“{_EXAMPLE}”。",
    ),
}
"""Why something is refused, the first that fits."""
