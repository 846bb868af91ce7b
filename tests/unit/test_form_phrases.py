"""Free Chinese as people write it into forms: it is read, or refused with a remedy in both languages."""

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from service.jiandaoyun.complaints import Field, Unread
from service.jiandaoyun.periods import Books, period_of_moment, read_period, read_year_and_number
from service.jiandaoyun.phrases import names_unclose
from service.jiandaoyun.words import read_flag, read_intent, read_modules, read_reason_code
from service.texts import Language
from workflows.domain.ledger import Module
from workflows.domain.period import FiscalCalendar
from workflows.domain.request import Intent

CHINA = ZoneInfo("Asia/Shanghai")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
IN_JUNE = Books(FiscalCalendar(), date(2025, 6, 11))
IN_JANUARY = Books(FiscalCalendar(), date(2026, 1, 5))
THIRTEEN = Books(FiscalCalendar(13), date(2025, 6, 11))
FROM_APRIL = Books(FiscalCalendar(12, 4), date(2025, 6, 11))


@pytest.mark.parametrize(
    ("said", "period"),
    [
        ("2025年5月", "2025-05"),
        ("2025年05月份", "2025-05"),
        ("２０２５年５月", "2025-05"),
        ("二〇二五年五月", "2025-05"),
        ("二零二四年十二月", "2024-12"),
        ("25年5月", "2025-05"),
        ("2025-05", "2025-05"),
        ("2025/5", "2025-05"),
        ("2025.05", "2025-05"),
        ("202505", "2025-05"),
        ("２０２５０５", "2025-05"),
        ("2025年第5期", "2025-05"),
        ("2025年度第05期", "2025-05"),
        ("2025 年 5 月 期间", "2025-05"),
        ("会计期间2025年5月", "2025-05"),
        ("2025年5月反结账", "2025-05"),
        ("取消月末记帐 2025.05", "2025-05"),
        ("2025-05-31", "2025-05"),
        ("2025年5月31日", "2025-05"),
        ("20250531", "2025-05"),
        ("5月", "2025-05"),
        ("五月份", "2025-05"),
        ("12月", "2024-12"),
        ("十月", "2024-10"),
        ("6月", "2025-06"),
        ("第5期", "2025-05"),
        ("上月", "2025-05"),
        ("上个月", "2025-05"),
        ("上上月", "2025-04"),
        ("本月", "2025-06"),
        ("今年3月", "2025-03"),
        ("去年十二月", "2024-12"),
        ("前年1月", "2023-01"),
    ],
)
def test_a_period_in_free_words_is_read(said: str, period: str) -> None:
    assert str(read_period(said, IN_JUNE)) == period


@pytest.mark.parametrize(
    ("said", "books", "period"),
    [
        ("上月", IN_JANUARY, "2025-12"),
        ("12月", IN_JANUARY, "2025-12"),
        ("2025年第13期", THIRTEEN, "2025-13"),
        ("2025年5月", FROM_APRIL, "2025-02"),
        ("2025年第5期", FROM_APRIL, "2025-05"),
        ("2025-05", FROM_APRIL, "2025-05"),
        ("3月", FROM_APRIL, "2024-12"),
    ],
)
def test_a_period_is_read_against_the_calendar_of_the_ledger(said: str, books: Books, period: str) -> None:
    assert str(read_period(said, books)) == period


@pytest.mark.parametrize(
    ("said", "because"),
    [
        ("", "未填写"),
        ("5", "含义不唯一"),
        ("25-05", "含义不唯一"),
        ("05/06", "含义不唯一"),
        ("2025", "缺少月份"),
        ("去年", "缺少月份"),
        ("3月和4月", "多个期间"),
        ("3-5月", "多个期间"),
        ("2025年3月至5月", "多个期间"),
        ("上季度", "一份申请只对应一个期间"),
        ("一季度", "一份申请只对应一个期间"),
        ("下月", "尚未结账"),
        ("13月", "月份只有"),
        ("2025年0月", "月份只有"),
        ("2025年第13期", "第 1 至 12 期"),
        ("2025年2月30日", "没有这一天"),
        ("最近", "未能识别"),
        ("May 2025", "未能识别"),
    ],
)
def test_a_period_that_could_mean_two_things_is_refused_with_a_remedy(said: str, because: str) -> None:
    _refused_with(because, lambda: read_period(said, IN_JUNE))


@pytest.mark.parametrize(
    "said",
    [
        "31/05/2025",
        "05/2025",
        "205年5月",
        "20255",
        "2025005",
        "25.5",
        "不是2025年5月是4月",
        "2025年5月 2024年5月",
        "2025年5月1日至31日",
        "五、六月",
        "2025年5月~6月",
        "贰零贰伍年伍月",
        "乙巳年五月",
        "2025年腊月",
        "5月底",
        "三个月前",
        "上期",
        "年初",
        "2025年5月？",
        "2025年5月(第1次)",
        "2025-05-31T15:30:00Z",
        "第十三期",
        "202513",
        "May-25",
    ],
)
def test_what_looks_like_a_period_and_is_none_is_never_guessed(said: str) -> None:
    _refused_with("2025年5月", lambda: read_period(said, IN_JUNE))


def test_six_digits_are_refused_where_the_fiscal_year_begins_elsewhere() -> None:
    _refused_with("不从一月开始", lambda: read_period("202505", FROM_APRIL))


@pytest.mark.parametrize(
    ("year", "number"), [("2025", "5"), ("2025年", "05"), ("2025年度", "5月"), ("２０２５", "第5期")]
)
def test_year_and_number_may_stand_in_two_fields(year: str, number: str) -> None:
    assert str(read_year_and_number(year, number, IN_JUNE)) == "2025-05"


@pytest.mark.parametrize(
    ("year", "number"), [("", "5"), ("25", "5"), ("2025", ""), ("2025", "0"), ("2025", "14")]
)
def test_an_incomplete_pair_is_refused(year: str, number: str) -> None:
    with pytest.raises(Unread):
        read_year_and_number(year, number, IN_JUNE)


@pytest.mark.parametrize(
    ("moment", "period"),
    [
        (datetime(2025, 5, 31, 15, 30, tzinfo=UTC), "2025-05"),  # 31 May 23:30 in China
        (datetime(2025, 5, 31, 16, 0, tzinfo=UTC), "2025-06"),  # midnight there
        (datetime(2025, 5, 30, 16, 0, tzinfo=UTC), "2025-05"),
    ],
)
def test_a_moment_belongs_to_the_day_it_is_where_the_ledger_is(moment: datetime, period: str) -> None:
    assert str(period_of_moment(moment, CHINA, IN_JUNE)) == period


@pytest.mark.parametrize(
    ("said", "modules"),
    [
        (["库存"], "inventory"),
        (["库存管理"], "inventory"),
        (["进销存"], "inventory"),
        (["进销存系统"], "inventory"),
        (["仓存"], "inventory"),
        (["库存反记帐"], "inventory"),
        (["总账", "总帐"], "gl"),
        (["GL"], "gl"),
        (["ＧＬ"], "gl"),
        (["应收款管理系统"], "receivable"),
        (["应付账款"], "payable"),
        (["存货核算"], "cost"),
        (["成本核算模块"], "cost"),
        (["固定资产"], "fixed_asset"),
        (["工资管理"], "payroll"),
        (["现金管理", "出纳"], "cash"),
        (["库存、存货核算、总账"], "inventory cost gl"),
        (["应收和应付"], "receivable payable"),
        (["存货核算", "应付款管理", "总账", ""], "cost payable gl"),
    ],
)
def test_modules_in_free_words_are_read(said: list[str], modules: str) -> None:
    assert read_modules(said) == tuple(map(Module, modules.split()))


def test_the_remedy_for_an_unknown_module_names_what_may_stand_between_several() -> None:
    _refused_with("以顿号、逗号、分号或斜杠分隔", lambda: read_modules(["库存 总账"]))


@pytest.mark.parametrize(
    ("said", "because"),
    [
        (["往来"], "应收或应付"),
        (["财务系统"], "总账、应收或应付"),
        (["全部模块"], "逐一写明"),
        (["人事"], "没有此模块"),
        (["库存", "采购"], "没有此模块"),
        (["非库存"], "没有此模块"),
        (["不含总账"], "没有此模块"),
        (["除总账外全部"], "没有此模块"),
        (["应收应付"], "没有此模块"),
        (["现金流量"], "没有此模块"),
        (["财务"], "含义不唯一"),
    ],
)
def test_a_vague_or_unknown_module_is_refused_with_a_remedy(said: list[str], because: str) -> None:
    _refused_with(because, lambda: read_modules(said))


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("盘点遗漏", "stocktake_omission"),
        ("5月盘点遗漏3张外购入库单,需反记帐后补录", "stocktake_omission"),
        ("三月漏盘 B 仓两个货位", "stocktake_omission"),
        ("盘点数据录错", "stocktake_error"),
        ("盘点差异未调整", "stocktake_error"),
        ("漏录入库单", "missed_document"),
        ("单价录入错误", "entry_error"),
        ("数量填错", "entry_error"),
        ("审计要求财务调整", "finance_adjustment"),
        ("误删了出库单", "deleted_document"),
        ("系统升级后核对", "system_upgrade"),
        ("库存数据异常", "data_anomaly"),
        ("entry_error", "entry_error"),
    ],
)
def test_the_kind_of_reason_is_read_from_words(said: str, code: str) -> None:
    assert read_reason_code(said) == code


def test_a_reason_of_no_kind_is_refused_with_all_kinds_named() -> None:
    _refused_with("录入错误、漏录单据", lambda: read_reason_code("领导要求"))


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ("", Intent.CORRECT),
        ("修改数量", Intent.CORRECT),
        ("作废", Intent.DELETE),
        ("补录", Intent.ADD),
        ("反审核", Intent.AUDIT),
        ("红字冲销", Intent.REVERSE),
    ],
)
def test_an_intent_is_read_from_words(said: str, intent: Intent) -> None:
    assert read_intent(said, Intent.CORRECT) == intent


@pytest.mark.parametrize(("said", "is_urgent"), [("紧急", True), ("一般", False), ("是", True), ("", False)])
def test_urgency_is_read_from_words(said: str, is_urgent: bool) -> None:
    assert read_flag(Field.EXPEDITED, said) is is_urgent


def test_a_flag_that_says_neither_is_refused() -> None:
    _refused_with("请填写“是”或“否”", lambda: read_flag(Field.EXPEDITED, "看情况"))


@pytest.mark.parametrize("said", ["反结账", "库存反记帐", "反 结 算", "取消月末结帐", "反結帳", "取消月结"])
def test_one_act_has_many_names(said: str) -> None:
    assert names_unclose(said)


def test_closing_is_not_that_act() -> None:
    assert not names_unclose("月末结账")


def _refused_with(because: str, read: object) -> None:
    assert callable(read)
    with pytest.raises(Unread) as refused:
        read()
    complaint = refused.value.complaint
    assert because in complaint.in_(Language.ZH)
    assert CHINESE.search(complaint.remedy.zh)
    assert complaint.remedy.en
