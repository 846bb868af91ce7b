"""Every refusal as an RFC 9457 problem: one table of classes, statuses and words."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from service import refusals as r
from service.refusals import ServiceRefusal
from service.texts import (
    FAULTS,
    GROUPS,
    INELIGIBLE,
    MISSING,
    MODULES,
    PARTS,
    RIGHTS,
    STATES,
    TARGETS,
    TASK_ACTIONS,
    VERBS,
    Language,
    Words,
    word,
)
from workflows.domain import errors as e
from workflows.domain.errors import UncloseError

Failure: TypeAlias = UncloseError | ServiceRefusal
FailureClass: TypeAlias = type[UncloseError] | type[ServiceRefusal]


@dataclass(frozen=True)
class Problem:
    """How one class of refusal is told."""

    cls: FailureClass
    status: int
    title: Words
    detail_zh: str
    """The English sentence is the error's own."""
    remedy: Words
    pointer: str | None = None
    """The field of a request that it is about, facts in braces; empty for the whole of it."""
    place: str = "body"
    """Where that field stands: `body`, `query`, `path` or `header`."""
    path_name: str | None = None
    """The part of the path that it is about, where the path has such a part."""

    @property
    def name(self) -> str:
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", self.cls.__name__).lower()

    @property
    def type(self) -> str:
        return f"/problems/{self.name}"


def _row(
    cls: FailureClass,
    status: int,
    title: tuple[str, str],
    detail_zh: str,
    remedy: tuple[str, str],
    pointer: str | None = None,
    place: str = "body",
    path_name: str | None = None,
) -> Problem:
    return Problem(cls, status, Words(*title), detail_zh, Words(*remedy), pointer, place, path_name)


_DIGEST_REMEDY = (
    "Read the task again, look at what has changed, and decide on the digest it shows now.",
    "请重新查看任务与变更内容，并针对当前摘要作出决定。",
)
_OPERATOR_REMEDY = (
    "Nothing was changed by this request; an operator should look at the case.",
    "本次请求未作任何更改；请运维人员查看该案件。",
)
_AGAIN = (
    "Repeat the request after a moment, with the same Idempotency-Key.",
    "请稍后以相同的 Idempotency-Key 重试。",
)

TABLE: tuple[Problem, ...] = (
    # ---------------------------------------------------------------- hidden
    _row(
        e.UnknownLedger,
        404,
        ("Unknown ledger", "账套不存在"),
        "没有账套“{ledger}”。",
        ("See GET /api/v1/ledgers for the ledgers there are.", "可用账套见 GET /api/v1/ledgers。"),
        "/ledger",
        path_name="code",
    ),
    _row(
        e.UnknownRequest,
        404,
        ("Unknown request", "申请不存在"),
        "没有申请“{request}”。",
        ("Check the number; it reads like UC-2025-000123.", "请核对编号，其形式如 UC-2025-000123。"),
        path_name="case",
    ),
    _row(
        e.UnknownTask,
        404,
        ("Unknown task", "任务不存在"),
        "没有任务“{task}”。",
        ("See GET /api/v1/tasks for the tasks there are.", "现有任务见 GET /api/v1/tasks。"),
        path_name="task",
    ),
    _row(
        e.UnknownBackup,
        404,
        ("Unknown backup", "备份不存在"),
        "没有备份“{backup}”。",
        ("See GET /api/v1/backups for the backups there are.", "现有备份见 GET /api/v1/backups。"),
    ),
    _row(
        e.UnknownBackupWork,
        404,
        ("Unknown work on backups", "备份作业不存在"),
        "没有备份作业“{work}”。",
        (
            "Use the address in Location of the answer; what is long done is in the backup itself.",
            "请使用答复中 Location 的地址；早已完成的作业请查看备份本身。",
        ),
    ),
    _row(
        e.UnknownDocument,
        404,
        ("Not in this backup", "备份中无此单据"),
        "账套 {ledger} 的备份 {backup} 中没有单据“{document}”。",
        (
            "Check the number, or choose a backup taken while the document was there.",
            "请核对单据编号，或选择该单据仍存在时的备份。",
        ),
        "/document",
    ),
    _row(
        e.UnknownAttachment,
        404,
        ("Unknown attachment", "附件不存在"),
        "{request} 没有附件“{attachment}”。",
        ("See GET /api/v1/requests/{id}/attachments.", "现有附件见 GET /api/v1/requests/{id}/attachments。"),
        path_name="attachment",
    ),
    # ---------------------------------------------------------------- forbidden
    _row(
        e.NotAnApprover,
        403,
        ("Not an approver", "非本级审批人"),
        "{person} 不是审批级“{level}”的审批人；审批人为：{approvers}。",
        ("Ask one of the approvers named to decide.", "请由所列审批人处理。"),
    ),
    _row(
        e.SelfApproval,
        403,
        ("Self-approval", "不得自批"),
        "{person} 是本案申请人，不得审批。",
        ("Somebody else must decide; nobody is exempt.", "须由他人审批，任何人不得例外。"),
    ),
    _row(
        e.NotAuthoriser,
        403,
        ("Not an authoriser", "无授权资格"),
        "{person} 不属于授权组（{groups}），或在本案中已有其他角色。",
        (
            "One person of each authorising group, without another part in the case, must release it.",
            "须由各授权组中与本案无其他关系的一人授权。",
        ),
    ),
    _row(
        e.SecondGroupNeeded,
        403,
        ("The other group must confirm", "须由另一组确认"),
        "{group} 已确认；另一确认须来自 {missing}。",
        ("Ask a person of the other group.", "请由另一组人员确认。"),
    ),
    _row(
        e.NotStandingIn,
        403,
        ("Not a stand-in", "并非代理人"),
        "{person} 目前并未代理 {principal}。",
        ("Leave `acting_for` out, or let them delegate first.", "请去掉 acting_for，或由对方先行委托。"),
        "/acting_for",
    ),
    _row(
        e.NotTheApplicant,
        403,
        ("Not the applicant", "非申请人"),
        "{person} 不是 {request} 的申请人。",
        ("Ask the applicant to do it.", "请由申请人操作。"),
    ),
    _row(
        e.NotACorrector,
        403,
        ("Not a corrector", "非更正人"),
        "{person} 既非 {request} 的申请人，也非其更正人。",
        ("Ask the applicant or a named corrector.", "请由申请人或指定的更正人操作。"),
    ),
    _row(
        e.NotToNameTheCause,
        403,
        ("Not yours to name the cause", "无权填写根本原因"),
        "{person} 未参与 {request}，也不属于财务，不能填写其根本原因。",
        (
            "Ask the applicant, a corrector or somebody of finance.",
            "请由申请人、更正人或财务人员填写。",
        ),
    ),
    _row(
        e.NotAnOperator,
        403,
        ("Not an operator", "无处置权限"),
        "{person} 不属于可在此决定的组（{groups}）。",
        ("Ask a person of one of these groups.", "请由上述组的人员决定。"),
    ),
    _row(
        e.OwnCase,
        403,
        ("Your own case", "本人相关案件"),
        "{person} 是 {request} 的申请人或更正人，不得决定其如何继续。",
        ("Ask an operator without another part in the case.", "请由与本案无其他关系的人员处理。"),
    ),
    _row(
        e.NotTheErpAdministrator,
        403,
        ("Not the ERP administrator", "非 ERP 管理员"),
        "{person} 不得执行此步骤：由 {groups} 组的人员操作，申请人除外。",
        ("Let an ERP administrator who did not ask for the case do it.", "请由非申请人的 ERP 管理员操作。"),
    ),
    _row(
        e.OwnExplanation,
        403,
        ("Own explanation", "不得确认自己的说明"),
        "{person} 是该说明的提交人，不得自行确认。",
        ("Somebody else of finance must confirm it.", "须由财务组的其他人员确认。"),
    ),
    _row(
        e.NotNamed,
        403,
        ("Not named for this window", "未被指定为更正人"),
        "{person} 未被指定为更正人；窗口期内仅 {named} 可写入。",
        (
            "Let a named person make the change, or wait until the case has ended.",
            "请由指定人员操作，或等待案件结束。",
        ),
    ),
    _row(
        e.NotAParty,
        403,
        ("Not a party to this case", "与本案件无关"),
        "案件 {request} 与 {person} 无关；仅案件参与人可添加附件。",
        (
            "Let the applicant, a corrector, someone who was asked to sign, or an operator add it.",
            "请由申请人、更正人、被要求签署的人员或运维人员添加。",
        ),
    ),
    _row(
        e.NotAnAuditor,
        403,
        ("Not an auditor", "非稽核人员"),
        "{person} 不属于可查看审计记录的组：{groups}。",
        ("Ask an auditor.", "请联系稽核人员。"),
    ),
    # ---------------------------------------------------------------- malformed
    _row(
        e.MalformedPeriod,
        422,
        ("Malformed period", "期间格式错误"),
        "“{text}”不是期间；请写会计年度与期间号，例如 2025-03。",
        ("Write the fiscal year and the number of the period: 2025-03.", "请按“年度-期间号”书写：2025-03。"),
        "/target_period",
        path_name="period",
    ),
    _row(
        e.PeriodOutsideCalendar,
        422,
        ("No such period", "期间不存在"),
        "{period} 不存在：本账套每个会计年度有 {periods} 个期间。",
        ("Choose a period that the fiscal year has.", "请选择会计年度内存在的期间。"),
        "/target_period",
        path_name="period",
    ),
    _row(
        e.UnknownModule,
        422,
        ("Unknown module", "模块不存在"),
        "本账套没有模块“{module}”；现有模块：{modules}。",
        ("Choose among the modules named.", "请从所列模块中选择。"),
        "/modules",
    ),
    _row(
        e.AcknowledgementNotOfToday,
        422,
        ("Acknowledgement not of today", "确认书日期不符"),
        "跨会计年度的确认书须写明当日日期 {today}。",
        ("Type the acknowledgement anew, with today's date in it.", "请重新填写确认书，并写明当日日期。"),
        "/acknowledgement",
    ),
    _row(
        e.DelegationToSelf,
        422,
        ("Delegation to oneself", "不得委托本人"),
        "{person} 不能委托给本人。",
        ("Name somebody else as delegate.", "请指定他人为受托人。"),
        "/delegate",
    ),
    _row(
        e.DelegationEndsTooSoon,
        422,
        ("Delegation ends too soon", "委托结束时间过早"),
        "自 {starts} 起的委托不能于 {ends} 结束：须持续一段时间。",
        ("Let it end later than it starts, and later than now.", "结束时间须晚于开始时间及当前时间。"),
        "/ends",
    ),
    # ---------------------------------------------------------------- conflict: delegations
    _row(
        e.DelegationOverlaps,
        409,
        ("Delegations overlap", "委托时间重叠"),
        "{principal} 在此期间已委托 {delegate}（{delegation}）。",
        (
            "Choose another time or ledger, or revoke the delegation named first.",
            "请另选时间或账套，或先撤销所列委托。",
        ),
    ),
    _row(
        e.DelegationCycle,
        409,
        ("Delegations in a circle", "委托形成循环"),
        "此委托会使人代理本人，形成循环：{circle}。",
        ("Choose a delegate outside this circle, or another time.", "请选择循环之外的受托人，或另选时间。"),
    ),
    # ---------------------------------------------------------------- conflict: periods
    _row(
        e.PeriodNotClosed,
        409,
        ("Period not closed", "期间未结账"),
        "{module} 的 {period} 尚未结账，当前期间为 {current}。",
        ("It is open already: correct the documents there.", "该期间本已打开，可直接更正单据。"),
        "/target_period",
    ),
    _row(
        e.PeriodInFuture,
        409,
        ("Ledger not there yet", "账套尚未到该期间"),
        "账套尚未到 {period}：{module} 的当前期间为 {current}。",
        (
            "Ask for a period before the current one. Write the year as well, such as 2025-05.",
            "请申请当前期间之前的期间，并写明年份，例如“2025年5月”。",
        ),
        "/target_period",
    ),
    _row(
        e.BeforeStartPeriod,
        409,
        ("Before the start period", "早于启用期间"),
        "{period} 早于 {module} 的启用期间 {start}。",
        ("Nothing before the start period can be opened.", "启用期间之前的期间无法反结账。"),
        "/target_period",
    ),
    _row(
        e.PeriodLocked,
        409,
        ("Period locked", "期间已锁定"),
        "{module} 的 {period} 已锁定。",
        (
            "Have the lock lifted in the ERP by whoever set it, then ask again.",
            "请由加锁人在 ERP 中解除锁定后重新申请。",
        ),
        "/target_period",
    ),
    _row(
        e.CrossesFiscalYear,
        409,
        ("Crosses a fiscal year", "跨会计年度"),
        "打开 {period} 将自 {current} 年度跨回以前会计年度，缺少 {missing}。",
        (
            "Give the vendor's ticket number, and an acknowledgement with today's date.",
            "请提供厂商工单号，以及写明当日日期的确认书。",
        ),
        "/vendor_ticket",
    ),
    _row(
        e.PeriodClosed,
        409,
        ("Period closed", "期间已结账"),
        "{module} 的 {period} 已结账，其单据不可更改。",
        (
            "Ask for the period to be un-closed: POST /api/v1/requests.",
            "请申请反结账：POST /api/v1/requests。",
        ),
    ),
    # ---------------------------------------------------------------- conflict: cases and tasks
    _row(
        e.LedgerBusy,
        409,
        ("Ledger busy", "账套占用中"),
        "账套 {ledger} 正被案件 {holder} 占用。",
        ("Wait until that case has ended, then ask again.", "请等待该案件结束后重新申请。"),
        "/ledger",
    ),
    _row(
        e.WrongState,
        409,
        ("Not possible in this state", "当前状态不允许"),
        "{request} 处于“{state}”状态；此操作仅适用于：{allowed}。",
        ("Read the request to see where it stands.", "请查看申请的当前状态。"),
    ),
    _row(
        e.TooLateForCause,
        409,
        ("Too late to name the cause", "填写根本原因已逾期"),
        "{request} 的根本原因须在办结后 {days} 天内（{until} 之前）填写。",
        ("The finance head can still name it.", "财务负责人仍可补填。"),
    ),
    _row(
        e.NotOnHold,
        409,
        ("Not on hold", "未被保全"),
        "{request} 未处于法律保全之下。",
        ("See GET /api/v1/requests/{case}/holds.", "见 GET /api/v1/requests/{case}/holds。"),
    ),
    _row(
        e.IllegalTransition,
        409,
        ("Illegal transition", "状态流转不允许"),
        "“{state}”状态的案件不能转为“{target}”。",
        _OPERATOR_REMEDY,
    ),
    _row(
        e.TaskClosed,
        409,
        ("Task closed", "任务已关闭"),
        "任务 {task} 已不可处理；案件处于“{state}”状态。",
        ("See GET /api/v1/tasks for what is open now.", "当前待办见 GET /api/v1/tasks。"),
    ),
    _row(
        e.LeaseNotHeld,
        409,
        ("Not held so", "占用不符"),
        "账套 {ledger} 并未以防护序号 {fence} 被占用。",
        (
            "Read the ledger again; `lease` tells who holds it under which fence.",
            "请重新查看账套；lease 中有占用者与防护序号。",
        ),
        "/fence",
    ),
    _row(
        e.CaseStillRuns,
        409,
        ("The case still runs", "案件仍在运行"),
        "{request} 仍在运行，将自行释放账套 {ledger}。",
        (
            "Cancel the case if it must end; it then closes what is open and gives the ledger back.",
            "如需终止请取消该案件；它会关闭已打开的期间并释放账套。",
        ),
    ),
    _row(
        e.CaseStandsStill,
        409,
        ("The case does not run any more", "案件已停止运行"),
        "{request} 停在“{state}”，其流程已被外部终止，不再运行。",
        (
            "Have an operator close what is open and free the ledger; then ask anew.",
            "请运维人员关闭已打开的期间并释放账套，然后重新申请。",
        ),
    ),
    _row(
        e.NotClosedAgain,
        409,
        ("Not closed again", "尚未重新结账"),
        "账套 {ledger} 中 {request} 打开的期间仍未结账：{places}。",
        (
            "Close these periods in the ERP in order, or restore roll-back point B; then ask again.",
            "请在 ERP 中按顺序结账，或恢复回退点 B，然后重试。",
        ),
    ),
    _row(
        e.StandingTaskClosed,
        409,
        ("Task closed", "任务已关闭"),
        "任务 {task} 已由 {person} 关闭。",
        ("See GET /api/v1/tasks for what is open now.", "当前待办见 GET /api/v1/tasks。"),
    ),
    _row(
        e.ActionNotPossible,
        409,
        ("Action not possible here", "此任务不支持该操作"),
        "任务 {task} 不支持操作“{action}”；可用操作：{possible}。",
        ("Use one of the actions the task lists.", "请使用任务所列的操作。"),
        "/action",
    ),
    _row(
        e.AlreadyDecided,
        409,
        ("Already decided", "已处理过"),
        "{person} 已对 {task} 作出决定。",
        ("Another person must decide on the next level.", "后续审批级须由他人处理。"),
    ),
    _row(
        e.StaleDigest,
        409,
        ("Stale digest", "摘要已失效"),
        "所附摘要 {given} 与当前生效摘要 {current} 不符。",
        _DIGEST_REMEDY,
        "/digest",
    ),
    _row(
        e.NoApprover,
        409,
        ("No approver", "无审批人"),
        "审批级“{level}”无人可签：{group} 组中没有与本案无其他关系的人员。",
        ("Put such a person into the group, then ask again.", "请将合适人员加入该组后重新申请。"),
    ),
    _row(
        e.UnknownPerson,
        422,
        ("Unknown person", "人员不存在"),
        "没有名为“{person}”的人员（{field}），或其已停用。",
        ("Name somebody who is known and active.", "请指定已登记且在用的人员。"),
        "/{field}",
    ),
    _row(
        e.UnknownCause,
        422,
        ("Unknown root cause", "根本原因不存在"),
        "该账套的原因目录中没有“{cause}”；可选：{causes}。",
        (
            "See GET /api/v1/ledgers/{code}/root-causes.",
            "可选原因见 GET /api/v1/ledgers/{code}/root-causes。",
        ),
        "/cause",
    ),
    _row(
        e.CauseNeedsNote,
        422,
        ("The cause needs a note", "原因须附说明"),
        "原因“{cause}”本身不能说明问题，须在说明中写明具体情况。",
        ("Write in `note` what it was.", "请在 `note` 中写明具体原因。"),
        "/note",
    ),
    _row(
        e.UnknownLevel,
        422,
        ("Unknown level", "审批级不存在"),
        "不能从当前退回到“{level}”；可退回到：{possible}。",
        ("Choose one of the levels that are possible.", "请选择可退回的审批级。"),
        "/to",
    ),
    _row(
        e.ActIncomplete,
        422,
        ("Act incomplete", "操作缺少内容"),
        "操作“{action}”缺少“{field}”。",
        ("Give the field that is named.", "请填写所指字段。"),
        "/{field}",
    ),
    _row(
        e.PolicyUnreadable,
        422,
        ("Policy unreadable", "审批策略无法使用"),
        "账套 {ledger} 的审批策略无法使用：{where}：{reason}",
        (
            "Correct the line and field that are named; nothing was put in force.",
            "请更正所指的行与字段；未启用任何内容。",
        ),
        "/text",
    ),
    _row(
        e.ChainEmpty,
        409,
        ("Empty chain", "审批链为空"),
        "审批策略 {policy} 中没有适用于本案的审批级，即无人审批。",
        ("Give the policy a level that applies to every case.", "请在策略中设置始终适用的审批级。"),
    ),
    _row(
        e.NotYourTurn,
        409,
        ("Not your turn", "尚未轮到"),
        "{person} 暂不能处理 {task}：须由 {first} 先签。",
        ("Wait until those named have signed.", "请等待所列人员先签。"),
    ),
    _row(
        e.SeatNeededLater,
        409,
        ("Needed for another level", "须留待另一审批级"),
        "{person} 不能在此签署，否则审批级“{level}”将无人可签。",
        ("Let another approver of this level sign.", "请由本级其他审批人签署。"),
    ),
    _row(
        e.PersonNotEligible,
        409,
        ("Person not eligible", "人员不适合"),
        "不能请 {person}（{field}）处理：{reason}。",
        ("Name somebody else.", "请指定其他人员。"),
        "/{field}",
    ),
    _row(
        e.RemindedTooSoon,
        429,
        ("Reminded not long ago", "刚刚催办过"),
        "{request} 刚刚催办过；请在 {retry_after} 秒后再试。",
        ("Wait; people are reminded at most once an hour.", "请稍候；每小时至多催办一次。"),
    ),
    _row(
        r.PolicyMoved,
        409,
        ("Policy changed meanwhile", "策略已被更改"),
        "策略“{based_on}”已不是现行版本；现行版本为“{current}”。",
        ("Read the policy in force, and change that.", "请读取现行策略并在其基础上更改。"),
    ),
    _row(
        e.WindowExpired,
        409,
        ("Correction window expired", "更正窗口已结束"),
        "{request} 的更正窗口已于 {ended} 结束。",
        ("What was left undone needs a new request.", "未完成的更正须另行申请。"),
    ),
    _row(
        e.ExtensionAsked,
        409,
        ("Extension being decided", "延长申请审批中"),
        "{request} 的更正窗口延长 {hours} 小时的申请正在审批。",
        ("Wait for the decision; then ask again if need be.", "请等待审批结果；如仍需延长再行申请。"),
    ),
    _row(
        e.ExtensionTooLong,
        409,
        ("Extension too long", "延长过久"),
        "再延长 {hours} 小时，{request} 的更正窗口将超过本账套允许的 {most} 小时。",
        (
            "Ask for fewer hours, or finish and open a new request for the rest.",
            "请缩短延长时间，或先完成更正，其余另行申请。",
        ),
    ),
    # ---------------------------------------------------------------- conflict: the ledger
    _row(
        e.NotExplained,
        409,
        ("Changes not explained", "更改未说明"),
        "{documents} 超出申报范围被更改，且未在期限内作出说明。",
        (
            "Have it explained by those who corrected, and confirmed by finance; then try again.",
            "请更正人作出说明并由财务确认，然后重试。",
        ),
    ),
    _row(
        e.NotCompared,
        409,
        ("Not compared", "未能比对"),
        "{ledger} 无法与回退点 B 比对：{reason}",
        (
            "Put back what is missing and try again; two persons may go on without the comparison.",
            "请恢复所缺内容后重试；经两人决定可不比对而继续。",
        ),
    ),
    _row(
        e.OutOfOrder,
        409,
        ("Out of order", "顺序错误"),
        "{module} {period} 的{verb}顺序不符：{reason}",
        _OPERATOR_REMEDY,
    ),
    _row(
        e.StaleFence,
        409,
        ("Lease has passed on", "占用权已转移"),
        "栅栏号 {fence} 低于 {current}：占用权已转移。",
        _OPERATOR_REMEDY,
    ),
    _row(
        e.NotExclusive,
        409,
        ("Not held exclusively", "未独占"),
        "账套 {ledger} 未以栅栏号 {fence} 独占。",
        _OPERATOR_REMEDY,
    ),
    _row(
        e.SessionsRemain,
        409,
        ("Sessions remain", "仍有会话"),
        "账套 {ledger} 中仍有其他用户：{sessions}。",
        ("Have these sessions ended at the server of the ERP.", "请在 ERP 服务器上结束这些会话。"),
    ),
    _row(
        e.MissingRight,
        409,
        ("Missing right", "缺少权限"),
        "{person} 在账套 {ledger} 中缺少权限“{right}”。",
        ("Give the right in the ERP, then try again.", "请在 ERP 中授予该权限后重试。"),
    ),
    _row(
        e.RightNotGranted,
        409,
        ("The right was not granted", "授权未生效"),
        "账套 {ledger} 已授予 {person} 权限“{right}”，但回读显示并未生效。",
        (
            "Let the ERP administrator grant the right in the ERP, then retry.",
            "请 ERP 管理员在 ERP 中授予该权限后重试。",
        ),
    ),
    _row(
        e.RightNotWithdrawn,
        409,
        ("The right was not withdrawn", "权限未收回"),
        "账套 {ledger} 已收回 {person} 的权限“{right}”，但回读显示仍然有效。",
        (
            "Let the ERP administrator withdraw the right in the ERP, then retry.",
            "请 ERP 管理员在 ERP 中收回该权限后重试。",
        ),
    ),
    _row(
        e.GuidedOnly,
        409,
        ("A person does this in the ERP", "须由人工在 ERP 中操作"),
        "账套 {ledger} 中 {module} 的 {verb} 为人工引导步骤，由人员在 ERP 中完成。",
        (
            "Follow the instruction of the guided step; it is proved by reading back.",
            "请按人工引导步骤的说明操作；系统将回读核对。",
        ),
    ),
    _row(
        e.NothingMoved,
        409,
        ("Nothing has moved", "期间未变动"),
        "账套中尚无变动：{step} 仍未完成。",
        (
            "Follow the instruction of the task in the ERP to its end, then say `done` again.",
            "请按任务说明在 ERP 中操作完毕，再次提交“已完成”。",
        ),
    ),
    _row(
        e.PointerMismatch,
        409,
        ("Unexpected movement", "期间变动异常"),
        "执行 {step} 后应仅该期间变动，实际为：{seen}。",
        _OPERATOR_REMEDY,
    ),
    _row(
        e.RehearsalFailed,
        409,
        ("Rehearsal failed", "演练未通过"),
        "在账套副本上演练时，于“{step}”处停止：{seen}",
        (
            "The ledger itself was not touched; put right what was seen, then have the case tried again.",
            "账套本身未被触动；请先排除所见问题，再重试该案件。",
        ),
    ),
    _row(
        e.ProofMismatch,
        409,
        ("Balances differ", "余额证明不符"),
        "余额与应有值不符：{where}。",
        _OPERATOR_REMEDY,
    ),
    _row(
        e.BackupUnproven,
        409,
        ("Backup not proven", "备份未通过验证"),
        "备份 {backup} 不可信：{reason}。",
        (
            "Nothing goes on without a proven backup; see to the cause and try again.",
            "无可信备份不得继续；请排除原因后重试。",
        ),
    ),
    _row(
        e.TooManyAttachments,
        409,
        ("Too many attachments", "附件过多"),
        "{request} 已有 {most} 个附件，不再接收。",
        ("Put what belongs together into one file.", "请将相关内容合并为一个文件。"),
    ),
    _row(
        e.EvidenceDamaged,
        409,
        ("Evidence damaged", "证据已损坏"),
        "{request} 的 {file} 已损坏：{reason}。",
        (
            "Nothing is handed out. Restore the store or data folder from its copy and run unclose verify.",
            "系统不会提供该文件。请从对象存储或数据目录的副本恢复，并运行 unclose verify。",
        ),
    ),
    _row(
        e.CheckpointKeyMissing,
        409,
        ("No key for checkpoints", "缺少检查点签名密钥"),
        "无法签署检查点：{reason}。",
        (
            "Let UNCLOSE_CHECKPOINT_KEY name a file with an Ed25519 private key (PEM).",
            "请将 UNCLOSE_CHECKPOINT_KEY 指向 Ed25519 私钥文件（PEM）。",
        ),
    ),
    _row(
        e.BackupDamaged,
        409,
        ("Backup damaged", "备份已损坏"),
        "备份 {backup} 的 {part} 已损坏：{reason}。",
        (
            "Nothing was touched. Use another proven backup, and find out who or what changed the store.",
            "账套未被改动。请改用其他已验证的备份，并查明存储被改动的原因。",
        ),
    ),
    _row(
        e.ReportDamaged,
        409,
        ("Report damaged", "报告已损坏"),
        "{request} 的报告（{language}）已损坏：{reason}。",
        (
            "Put the file back from a copy of the store, and find out who or what changed it.",
            "请用存储的副本恢复该文件，并查明被改动的原因。",
        ),
    ),
    _row(
        e.BackupKeyMissing,
        409,
        ("No key to read the backup", "缺少备份解密密钥"),
        "备份 {backup} 已加密，而设置 {setting} 未指定可读取它的密钥文件。",
        (
            "Set it to the path of an age identity file, on the machine that restores.",
            "请在执行恢复的机器上将其设为 age 密钥文件的路径。",
        ),
    ),
    _row(
        e.BackupKeyUnreadable,
        409,
        ("Key of backups unreadable", "备份密钥不可读"),
        "设置 {setting} 所指的密钥文件不可用：{reason}。",
        (
            "Nothing was touched. Put the identity file back from its safe copy.",
            "账套未被改动。请用妥善保管的副本恢复密钥文件。",
        ),
    ),
    _row(
        e.BackupKeyWrong,
        409,
        ("Wrong key for the backup", "备份密钥不符"),
        "设置 {setting} 中没有密钥能打开备份 {backup}；其加密接收者为：{recipients}。",
        (
            "Nothing was touched. Give the identity that belongs to one of these recipients.",
            "账套未被改动。请提供与上述接收者之一对应的密钥。",
        ),
    ),
    _row(
        e.RecipientUnreadable,
        409,
        ("No age recipient", "加密接收者无效"),
        "设置 {setting} 中的“{recipient}”不是 age 接收者：{reason}。",
        (
            "Write public keys that begin with age1, comma-separated.",
            "请填写以 age1 开头的公钥，以逗号分隔。",
        ),
    ),
    _row(
        e.NoRecipients,
        409,
        ("Backups would not be encrypted", "备份将不加密"),
        "备份将不被加密：设置 {setting} 未指定接收者。",
        (
            "Make a key pair with `age-keygen`, keep the identity away from this machine's backups, and name"
            " the public key.",
            "请用 `age-keygen` 生成密钥对，私钥与备份分开保管，并在设置中填写公钥。",
        ),
    ),
    _row(
        e.NoRoom,
        409,
        ("No room left", "空间不足"),
        "{place} 已无可用空间。",
        (
            "Nothing was touched. Make room there and try again; unfinished copies go away by themselves.",
            "账套未被改动。请腾出空间后重试；未完成的副本会自动清除。",
        ),
    ),
    _row(
        e.ToolMissing,
        409,
        ("Backup tool missing", "缺少备份工具"),
        "{tool} 不可用：{reason}；设置 {setting} 指定其所在文件夹。",
        (
            "Install the tool of the server's version or newer, or name its folder in the setting.",
            "请安装不低于服务器版本的工具，或在设置中填写其所在文件夹。",
        ),
    ),
    _row(
        e.NotRestorable,
        409,
        ("Cannot be restored in place", "不能就地恢复"),
        "Unclose 不能就地恢复账套 {ledger}：{reason}。",
        (
            "Nothing was touched. Let the database's administrator restore it, following the runbook.",
            "账套未被改动。请由数据库管理员按操作手册恢复。",
        ),
    ),
    _row(
        e.GateNotPassed,
        409,
        ("Not fit to be closed", "不满足结账条件"),
        "期间尚不能重新结账：{reasons}。",
        ("Put right what is named, then try again.", "请处理所列事项后重试。"),
    ),
    _row(
        e.LedgerRefused,
        409,
        ("Refused by the ERP", "被 ERP 拒绝"),
        "账套 {ledger} 拒绝：{reason}。",
        ("See to the reason in the ERP.", "请在 ERP 中处理该原因。"),
    ),
    _row(
        e.EventsDiverged,
        409,
        ("Events diverged", "事件记录不一致"),
        "{request} 的第 {first} 号事件已有不同内容的记录；最后一号为 {last}。",
        _OPERATOR_REMEDY,
    ),
    # ---------------------------------------------------------------- unavailable
    _row(
        e.LedgerUnavailable,
        503,
        ("Ledger does not answer", "账套无响应"),
        "账套 {ledger} 无响应：{reason}。",
        ("Nothing was changed. Try again when the ERP answers.", "未作任何更改。请在 ERP 恢复后重试。"),
    ),
    _row(
        e.StorageUnavailable,
        503,
        ("Store does not answer", "存储无响应"),
        "存储无响应：{reason}。",
        _AGAIN,
    ),
    _row(
        e.NotStamped,
        503,
        ("No time stamp", "未取得时间戳"),
        "时间戳服务未正确应答：{reason}。",
        (
            "The checkpoint itself stands. The stamp is asked for again with the next one.",
            "检查点本身有效；下次检查点时将再次申请时间戳。",
        ),
    ),
    _row(
        e.ReportNotMade,
        503,
        ("Report could not be made", "报告未能生成"),
        "{request} 的报告未能生成：{reason}。",
        _AGAIN,
    ),
    _row(
        e.WorkflowUnavailable,
        503,
        ("Workflow engine does not answer", "流程引擎无响应"),
        "流程引擎无响应：{reason}。",
        _AGAIN,
    ),
    _row(
        e.CaseNotBegun,
        503,
        ("Case about to begin", "案件即将开始"),
        "{request} 已受理，即将开始处理。",
        _AGAIN,
    ),
    # ---------------------------------------------------------------- the service itself
    _row(
        r.Unidentified,
        401,
        ("Not identified", "身份未识别"),
        "无法识别请求者身份。",
        ("Send a valid token: `Authorization: Bearer …`.", "请附上有效令牌：Authorization: Bearer …。"),
        "/Authorization",
        "header",
    ),
    # ---------------------------------------------------------------- identity
    _row(
        r.ScopeMissing,
        403,
        ("Scope missing", "令牌权限范围不足"),
        "此令牌不能用于该操作：缺少权限范围“{scope}”。",
        ("Use a token with that scope; see GET /api/v1/me.", "请使用具有该范围的令牌；见 GET /api/v1/me。"),
    ),
    _row(
        r.NotAnAdministrator,
        403,
        ("Not an administrator", "非系统管理员"),
        "只有系统管理员可执行此操作；{person} 不是系统管理员。",
        ("Ask an administrator.", "请联系系统管理员。"),
    ),
    _row(
        r.PersonNeeded,
        403,
        ("A person is needed", "须由本人操作"),
        "{service} 是服务账号；此操作只能由人执行。",
        ("Let a person do it under a token of their own.", "请由人员使用其本人的令牌操作。"),
    ),
    _row(
        r.SpeaksForOthers,
        403,
        ("Speaks for others", "不得代他人提出"),
        "{person} 不是服务账号，不能代他人提出。",
        (
            "Leave X-On-Behalf-Of out; to stand in for somebody, have them make a delegation.",
            "请去掉 X-On-Behalf-Of；如需代理他人，请由其本人设立委托。",
        ),
    ),
    _row(
        r.UnknownBehalf,
        422,
        ("Unknown person behind the request", "被代表人不存在"),
        "被代表人“{person}”不是此处的有效人员。",
        (
            "Name an active person, percent-encoded as UTF-8 if not in ASCII.",
            "请填写有效人员；非 ASCII 字符须按 UTF-8 百分号编码。",
        ),
        "/X-On-Behalf-Of",
        "header",
    ),
    _row(
        r.UnknownUser,
        422,
        ("Unknown user", "用户不存在"),
        "此处没有有效用户“{user}”。",
        ("Name somebody who is known and active.", "请填写已登记且有效的用户。"),
        "/{field}",
    ),
    _row(
        r.UnknownArticle,
        404,
        ("Unknown article", "知识条目不存在"),
        "知识库中没有条目“{article}”。",
        ("See GET /api/v1/knowledge for all of them.", "全部条目见 GET /api/v1/knowledge。"),
    ),
    _row(
        r.UnknownToken,
        404,
        ("Unknown token", "令牌不存在"),
        "您没有令牌“{token}”。",
        ("See GET /api/v1/tokens for the ids of yours.", "您的令牌编号见 GET /api/v1/tokens。"),
        path_name="token",
    ),
    _row(
        r.UnknownDelegation,
        404,
        ("Unknown delegation", "委托不存在"),
        "您没有委托“{delegation}”。",
        ("See GET /api/v1/delegations for yours.", "您的委托见 GET /api/v1/delegations。"),
        path_name="delegation",
    ),
    _row(
        r.UnknownHook,
        404,
        ("Unknown hook", "接收地址不存在"),
        "没有此类接收地址“{hook}”。",
        (
            "Check the address; hooks are configured in hooks.toml.",
            "请核对地址；接收地址在 hooks.toml 中配置。",
        ),
        path_name="hook",
    ),
    _row(
        r.SignatureRefused,
        401,
        ("Signature refused", "签名无效"),
        "发往 {hook} 的推送签名无效：{fault}。",
        (
            "Sign the bytes that are sent, with the hook's secret and the time of now, each delivery once.",
            "请以该接收地址的密钥与当前时间对实际发送的字节签名，每次推送只签一次。",
        ),
    ),
    _row(
        r.UnknownAccount,
        409,
        ("Unknown account of a hook", "接收地址的服务账号不存在"),
        "该接收地址以 {account} 的名义提出申请，而此处没有该有效服务账号。",
        (
            "Have an administrator add the service account, then have the delivery tried again.",
            "请管理员登记该服务账号，然后重新处理该推送。",
        ),
    ),
    _row(
        r.UnknownDelivery,
        404,
        ("Unknown delivery", "推送不存在"),
        "没有推送“{delivery}”。",
        ("See GET /api/v1/deliveries for the deliveries there are.", "现有推送见 GET /api/v1/deliveries。"),
        path_name="delivery",
    ),
    _row(
        r.DeliveryDone,
        409,
        ("Delivery is done", "推送已完成"),
        "推送 {delivery} 已达成其目的，无需重新处理。",
        ("Look at the case that it has led to.", "请查看由其产生的案件。"),
    ),
    _row(
        r.DeliveryBodyRemoved,
        409,
        ("Delivery body removed", "推送内容已清除"),
        "推送 {delivery} 的内容已于 {removed_at} 按保留期限清除，无法重新处理。",
        (
            "Have its sender send it again under another id. UNCLOSE_DELIVERY_DAYS sets how long it is kept.",
            "请发送方换号重新发送；保留天数由 UNCLOSE_DELIVERY_DAYS 设定。",
        ),
    ),
    _row(
        r.UnknownSubscription,
        404,
        ("Unknown subscription", "订阅不存在"),
        "没有订阅“{subscription}”。",
        ("See GET /api/v1/subscriptions for those there are.", "现有订阅见 GET /api/v1/subscriptions。"),
        path_name="subscription",
    ),
    _row(
        r.UnknownChannel,
        422,
        ("Unknown channel", "消息渠道不存在"),
        "没有消息渠道“{channel}”。",
        (
            "See `available` in GET /api/v1/me/preferences.",
            "可用渠道见 GET /api/v1/me/preferences 的 available。",
        ),
        "/channels/{n}/channel",
    ),
    _row(
        r.AddressUnsuitable,
        422,
        ("Unsuitable address", "地址不适用"),
        "无法通过渠道“{channel}”将消息送达该地址。",
        (
            "Give an e-mail address of the company, or the user id or telephone number known to the chat.",
            "请填写公司邮箱地址，或聊天工具中的用户 ID 或手机号。",
        ),
        "/channels/{n}/address",
    ),
    _row(
        r.UnknownLink,
        404,
        ("Unknown link", "链接不存在"),
        "没有此链接。",
        (
            "Open your tasks instead: GET /api/v1/tasks?mine=true.",
            "请改为查看您的任务：GET /api/v1/tasks?mine=true。",
        ),
        path_name="token",
    ),
    _row(
        r.LinkOfAnother,
        403,
        ("Somebody else's link", "非本人链接"),
        "该链接是发给他人的，不是发给 {person} 的。",
        (
            "Sign in as the person it was sent to, or open your own tasks.",
            "请以收件人身份登录，或查看您自己的任务。",
        ),
    ),
    _row(
        r.LinkUsed,
        409,
        ("Link used before", "链接已使用"),
        "该链接已被使用；它指向任务 {task}。",
        ("Open the task itself: GET /api/v1/tasks/{task}.", "请直接打开该任务：GET /api/v1/tasks/{task}。"),
    ),
    _row(
        r.LinkExpired,
        409,
        ("Link expired", "链接已过期"),
        "该链接已过期；它指向任务 {task}。",
        ("Open the task itself: GET /api/v1/tasks/{task}.", "请直接打开该任务：GET /api/v1/tasks/{task}。"),
    ),
    _row(
        r.TargetForbidden,
        422,
        ("Address not allowed", "地址不被允许"),
        "事件不会推送至该地址：{why}。",
        (
            "Give a public https:// address; inside, one that UNCLOSE_OUTGOING_ALLOW names.",
            "请提供公网 https:// 地址；内部地址须先由 UNCLOSE_OUTGOING_ALLOW 允许。",
        ),
        "/url",
    ),
    _row(
        r.SecretShownOnce,
        409,
        ("A token is shown once", "令牌只显示一次"),
        "该请求此前已生成令牌 {token}；令牌只显示一次，不予保存。",
        (
            "If it was lost on the way, revoke it and make another under a new Idempotency-Key.",
            "如令牌已丢失，请撤销后以新的 Idempotency-Key 重新生成。",
        ),
    ),
    _row(
        r.TokenForAnother,
        403,
        ("A token for another", "不得代他人制作令牌"),
        "以 {user} 身份操作的令牌只能由其本人制作。",
        (
            "Let them make it; for another person an administrator may make one that only reads.",
            "请由其本人制作；管理员只可为他人制作只读令牌。",
        ),
    ),
    _row(
        r.OwnEntry,
        403,
        ("One's own entry", "不得更改本人资料"),
        "{person} 不能更改本人的资料。",
        ("Ask another administrator.", "请由另一位系统管理员操作。"),
    ),
    _row(
        r.SelfAppointed,
        403,
        ("Self-appointed stand-in", "不得自任受托人"),
        "{person} 不能自任 {principal} 的受托人。",
        ("Let the principal make the delegation.", "请由委托人本人设立。"),
    ),
    _row(
        r.DevelopmentIdentity,
        409,
        ("Development identity", "开发身份"),
        "{user} 是开发身份，不可更改。",
        ("Choose another name.", "请另选名称。"),
    ),
    _row(
        r.UserKindFixed,
        409,
        ("Kind of user is fixed", "用户类型不可更改"),
        "{user} 登记为 {kind}，不可更改类型。",
        ("Choose another name for it.", "请另选名称。"),
    ),
    _row(
        r.ConsentingService,
        422,
        ("Deciding service account", "服务账号不得参与决定"),
        "服务账号 {user} 不能属于有决定权的组：{groups}。",
        (
            "A service account can be in `applicant` and `auditor` only.",
            "服务账号只能属于 `applicant` 与 `auditor`。",
        ),
        "/groups",
    ),
    _row(
        r.TooManyRequests,
        429,
        ("Too many requests", "请求过多"),
        "请求过多；请于 {retry_after} 秒后再试。",
        ("Wait as long as Retry-After says.", "请按 Retry-After 所示时间等待。"),
    ),
    _row(
        r.SignInUnavailable,
        503,
        ("Identity provider unavailable", "身份提供方不可用"),
        "身份提供方无响应，暂时无法识别其令牌。",
        ("Repeat the request after a moment.", "请稍后重试。"),
    ),
    _row(
        r.UnknownPath,
        404,
        ("Nothing here", "地址不存在"),
        "{path} 不存在。",
        ("See openapi/openapi.json for what there is.", "可用接口见 openapi/openapi.json。"),
    ),
    _row(
        r.MethodNotAllowed,
        405,
        ("Method not allowed", "方法不允许"),
        "{path} 不支持 {method}。",
        ("See the Allow header.", "请参见 Allow 响应头。"),
    ),
    _row(
        r.BodyTooLarge,
        413,
        ("Body too large", "请求体过大"),
        "请求体超过 {limit} 字节。",
        ("Send less; files belong to the attachments of a case.", "请减小请求体；文件请作为案件附件上传。"),
        "",
    ),
    _row(
        r.FileRefused,
        415,
        ("File refused", "不接收该文件"),
        "该文件的内容不属于可接收的类型：{taken}。",
        (
            "Send a PDF, a picture, an office document without macros, an OFD or a plain text.",
            "请上传 PDF、图片、不含宏的办公文档、OFD 或纯文本。",
        ),
        "",
    ),
    _row(
        r.InvalidRequest,
        422,
        ("Invalid request", "请求无效"),
        "请求内容无法识别。",
        ("Put right the fields named in `errors`.", "请更正 errors 所列字段。"),
    ),
    _row(
        r.WindowTooLong,
        422,
        ("Window too long", "窗口过长"),
        "更正窗口 {hours} 小时超过本账套允许的 {most} 小时。",
        ("Ask for a shorter window.", "请缩短更正窗口。"),
        "/window_hours",
    ),
    _row(
        r.SpanUnusable,
        422,
        ("Not a span of months", "月份区间无效"),
        "{first} 至 {last} 不是有效的区间（最多 {most} 个月）。",
        (
            "Name a first month that is not after the last, and ask for long times in parts.",
            "起始月份不得晚于截止月份；较长的时间请分段查询。",
        ),
        "/from",
        "query",
    ),
    _row(
        r.CursorUnreadable,
        422,
        ("Unreadable cursor", "游标无效"),
        "该游标并非由本服务发出。",
        ("Take the cursor from `next` of the page before.", "请使用上一页 next 中的游标。"),
        "/cursor",
        "query",
    ),
    _row(
        r.KeyReused,
        409,
        ("Idempotency-Key reused", "幂等键重复使用"),
        "该 Idempotency-Key 已用于其他请求。",
        ("Use a new key for a new request.", "新的请求请使用新的键。"),
        "/Idempotency-Key",
        "header",
    ),
    _row(
        r.DeliveryIdReused,
        409,
        ("Delivery id reused", "推送编号重复使用"),
        "发往 {hook} 的此推送编号已用于其他内容。",
        (
            "Send what has changed as a new delivery under an id of its own.",
            "内容有变化时，请以新的推送编号重新发送。",
        ),
    ),
    _row(
        r.UnknownSchedule,
        404,
        ("Unknown schedule", "定期任务不存在"),
        "没有定期任务“{schedule}”。",
        ("See GET /api/v1/schedules for the schedules there are.", "现有定期任务见 GET /api/v1/schedules。"),
        path_name="name",
    ),
    _row(
        r.ScheduleRuns,
        409,
        ("A run is under way", "正在运行"),
        "“{schedule}”正在运行，未启动第二次。",
        (
            "Wait for it to end (GET /api/v1/schedules shows it), then trigger again under a new key.",
            "请等待其结束（可查看 GET /api/v1/schedules），再用新的幂等键触发。",
        ),
    ),
    _row(
        r.ScheduleTooOften,
        422,
        ("Too often", "过于频繁"),
        "“{schedule}”最多每 {least} 分钟运行一次。",
        ("Choose a longer interval.", "请选择更长的间隔。"),
        "/timetable/minutes",
    ),
    _row(
        r.BackfillUnordered,
        422,
        ("Not a time that has passed", "并非已过去的时段"),
        "只能补跑起点早于终点且已经过去的时段。",
        ("Name a begin before the end, and an end that has passed.", "请使起点早于终点，且终点已经过去。"),
        "/end",
    ),
    _row(
        r.BackfillTooMany,
        422,
        ("Too many runs", "补跑次数过多"),
        "该时段内应运行的次数超过 {most} 次。",
        ("Make up for a shorter time at once.", "请缩短每次补跑的时段。"),
        "/begin",
    ),
    _row(
        r.FormFieldsMissing,
        409,
        ("Form was rebuilt", "表单结构已变更"),
        "表单 {form} 已没有字段映射中的字段：{fields}。",
        (
            "Put the fields back, or change their map in jiandaoyun.toml and restart; then replay this.",
            "请恢复这些字段，或修改 jiandaoyun.toml 中的映射并重启，然后重放该推送。",
        ),
    ),
    _row(
        r.JiandaoyunSaysNo,
        409,
        ("Refused by Jiandaoyun", "简道云拒绝访问"),
        "简道云返回错误 {code}：{said}",
        (
            "Check the API key, its rights and quotas; the next poll makes up for what was left out.",
            "请检查 API 密钥及其权限与配额；遗漏的内容将在下次轮询时补齐。",
        ),
    ),
    _row(
        r.NotHere,
        404,
        ("Not there", "内容不存在"),
        "{request} 没有 {part}，或尚未生成。",
        ("Read the request to see how far it has come.", "请查看申请的当前进度。"),
    ),
    _row(
        r.Unexpected,
        500,
        ("Unexpected failure", "内部错误"),
        "系统内部发生错误。",
        (
            "Try again; if it stays, tell an operator the time of the request.",
            "请重试；如仍失败，请将请求时间告知运维人员。",
        ),
    ),
)
"""Class → status, words, field. `tests/integration/test_completeness.py` holds it against the error tree."""

ROWS: Mapping[FailureClass, Problem] = {row.cls: row for row in TABLE}
BY_NAME: Mapping[str, Problem] = {row.name: row for row in TABLE}


def remedy(failure: Failure, language: Language = Language.EN) -> str:
    """What to do about a refusal."""
    return ROWS[type(failure)].remedy.in_(language)


# --------------------------------------------------------------------------- one document


def document(
    failure: Failure,
    language: Language,
    instance: str,
    notes: Sequence[Mapping[str, str]] = (),
    path_names: Collection[str] = (),
) -> dict[str, Any]:  # Any: JSON
    """The problem document of one refusal; its facts are extension members."""
    row = ROWS[type(failure)]
    detail = _detail(failure, row, language)
    errors = list(notes) or _about_field(row, failure, detail, path_names)
    facts = {name: value for name, value in failure.facts.items() if name not in _RESERVED}
    return {
        "type": row.type,
        "title": row.title.in_(language),
        "status": row.status,
        "detail": detail,
        "instance": instance,
        "errors": errors,
        "remedy": row.remedy.in_(language),
        **facts,
    }


_RESERVED = frozenset({"type", "title", "status", "detail", "instance", "errors", "remedy"})


def _about_field(
    row: Problem, failure: Failure, detail: str, path_names: Collection[str]
) -> list[Mapping[str, str]]:
    if row.path_name in path_names:
        return [{"in": "path", "pointer": f"/{row.path_name}", "message": detail}]
    if row.pointer is None:
        return []
    return [{"in": row.place, "pointer": row.pointer.format(**failure.facts), "message": detail}]


def _detail(failure: Failure, row: Problem, language: Language) -> str:
    if language == Language.EN:
        return str(failure)
    return row.detail_zh.format(**{name: _in_chinese(name, text) for name, text in failure.facts.items()})


def told_in(failure: object, language: Language) -> str:
    """A failure as it stands on record, by name, sentence and facts, in words for people; empty if none."""
    if not isinstance(failure, Mapping):
        return ""
    error, said = str(failure.get("error", "")), str(failure.get("says", ""))
    row = next((row for row in TABLE if row.cls.__name__ == error), None)
    if language == Language.EN or row is None:
        return said
    facts = {str(name): str(text) for name, text in dict(failure.get("facts") or {}).items()}
    needed = {field.name for field in fields(row.cls)}
    if needed - set(facts):
        return row.title.zh
    return row.detail_zh.format(**{name: _in_chinese(name, text) for name, text in facts.items()})


_VOCABULARY = {
    "module": MODULES,
    "modules": MODULES,
    "state": STATES,
    "target": STATES,
    "allowed": STATES,
    "group": GROUPS,
    "groups": GROUPS,
    "missing": MISSING,
    "verb": VERBS,
    "action": TASK_ACTIONS,
    "possible": TASK_ACTIONS,
    "level": GROUPS,
    "part": PARTS,
    "right": RIGHTS,
    "fault": FAULTS,
    "why": TARGETS,
}
_PHRASES = frozenset({"step", "seen", "where"})
"""Facts that name modules and verbs in passing."""
_IN_PASSING: Mapping[str, Words] = {str(code): words for code, words in (*MODULES.items(), *VERBS.items())}


def _in_chinese(name: str, text: str) -> str:
    if name == "reason":
        return _reason_in_chinese(text)
    table: Any = _VOCABULARY.get(name)  # Any: tables with different keys
    if name in _PHRASES:
        return re.sub(r"\w+", lambda said: word(_IN_PASSING, said[0], Language.ZH), text)
    if table is None:
        return text
    return "、".join(word(table, part, Language.ZH) for part in text.split(", "))


def _reason_in_chinese(text: str) -> str:
    for start, words in INELIGIBLE.items():
        if text.startswith(start):
            return words.zh + _in_chinese("groups", text.removeprefix(start))
    return text


# --------------------------------------------------------------------------- the reference for people


def markdown(row: Problem) -> str:
    """The section of `openapi/problems.md` on one problem."""
    where = "" if row.place == "body" else f" ({row.place})"
    fields = f" Field: `{row.pointer}`{where}." if row.pointer else ""
    return (
        f"## {row.name}\n\n"
        f"**{row.title.en} · {row.title.zh}** — HTTP {row.status}.{fields}\n\n"
        f"{_sentence_en(row)}\n{row.detail_zh}\n\n"
        f"*Remedy.* {row.remedy.en}\n{row.remedy.zh}\n"
    )


def _sentence_en(row: Problem) -> str:
    return re.sub(r"\{(\w+)!r\}", r"{\1}", row.cls.sentence)


def reference() -> str:
    """The whole of `openapi/problems.md`."""
    preface = (
        "# Problems\n\n"
        "Every refusal is an `application/problem+json` document (RFC 9457). Its `type` is `/problems/` and\n"
        "one of the headings below; its facts, in braces here, are members of the document. Written from\n"
        "the table in `service/problems.py`.\n\n"
    )
    return preface + "\n".join(markdown(row) for row in TABLE)
