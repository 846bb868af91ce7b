"""The specification of consent as a table: every row is a scenario over the real workflow (design §7).

Each row says, for a mode and an action, who is asked next, what state the case is in, and which decisions
count or are void. The notation is explained in `tests/consent_play.py`.
"""

from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.consent_play import Scenario, Stage, level, policy, prepare
from tests.scene import Scene, on_stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAREHOUSE, FINANCE, IT = level("warehouse"), level("finance"), level("it")
ANY = policy(FINANCE)
ALL = policy(level("finance", mode="all"))
SEQUENCE = policy(level("finance", mode="sequence"))
THREE = policy(WAREHOUSE, FINANCE, IT)
THEN_IT = policy(FINANCE, IT)
ALL_THEN_IT = policy(level("finance", mode="all"), IT)
SEQUENCE_THEN_IT = policy(level("finance", mode="sequence"), IT)
WAREHOUSE_THEN_ALL = policy(WAREHOUSE, level("finance", mode="all"))
WAREHOUSE_THEN_SEQUENCE = policy(WAREHOUSE, level("finance", mode="sequence"))
ESCALATING = policy(level("finance", on_deadline="escalate", escalate_to="auditor"))

MODES = [
    Scenario(
        "any (或签): the whole group is asked, and one of them is enough",
        THEN_IT,
        """
        → asks finance: fang feng; waits for finance; state approving; counts nobody
        feng approves
        → asks it: ida ivo; waits for it; counts finance/feng
        """,
    ),
    Scenario(
        "any: the last level's consent goes on to protecting and authorising, with nothing void",
        ANY,
        """
        fang approves
        → state authorising; asks authorisation: erp_admin finance_head; counts finance/fang; void nothing
        """,
    ),
    Scenario(
        "any: the second of the group comes too late",
        THEN_IT,
        """
        fang approves
        → asks it: ida ivo
        feng approves on the closed task ✗ TaskClosed
        feng approves ✗ NotAnApprover
        """,
    ),
    Scenario(
        "any: nobody outside the pinned group signs, whoever they are",
        ANY,
        """
        ida approves ✗ NotAnApprover
        root approves ✗ NotAnApprover
        olga approves ✗ NotAnApprover
        → asks finance: fang feng; counts nobody
        """,
    ),
    Scenario(
        "the applicant in a group is not asked and cannot sign",
        ANY,
        """
        → asks finance: fang feng
        clerk approves ✗ SelfApproval
        clerk rejects ✗ SelfApproval
        """,
        people="finance: clerk fang feng",
    ),
    Scenario(
        "a corrector in a group is not asked and cannot sign",
        ANY,
        """
        → asks finance: fang
        feng approves ✗ NotAnApprover
        """,
        wish={"correctors": ("clerk", "feng")},
    ),
    Scenario(
        "whoever put the policy in force does not consent under it",
        policy(FINANCE, author="fang"),
        """
        → asks finance: feng
        fang approves ✗ NotAnApprover
        """,
    ),
    Scenario(
        "whoever has left the group since has no say, and who joined later was not pinned",
        ANY,
        """
        → asks finance: fang feng
        fang leaves finance
        wang joins finance
        fang approves ✗ NotAnApprover
        wang approves ✗ NotAnApprover
        feng approves
        → counts finance/feng
        """,
    ),
    Scenario(
        "a consent names the digest it was given for",
        ANY,
        """
        fang approves seeing another digest ✗ StaleDigest
        fang approves seeing no digest ✗ StaleDigest
        fang rejects seeing no digest ✗ StaleDigest
        → counts nobody; state approving
        """,
    ),
    Scenario(
        "all (会签): everyone of the group signs, in any order",
        ALL_THEN_IT,
        """
        → asks finance: fang feng; waits for fang feng
        feng approves
        → asks finance: fang; waits for fang; counts finance/feng
        fang approves
        → asks it: ida ivo; counts finance/fang finance/feng
        """,
    ),
    Scenario(
        "all: one person's voice counts once",
        ALL,
        """
        fang approves
        fang approves ✗ AlreadyDecided
        → asks finance: feng; counts finance/fang
        """,
    ),
    Scenario(
        "sequence (依次): one after the other, each with a task of their own",
        SEQUENCE_THEN_IT,
        """
        → asks finance: fang; waits for fang
        feng approves ✗ NotYourTurn
        fang approves
        → asks finance: feng; waits for feng; counts finance/fang
        fang approves ✗ AlreadyDecided
        feng approves
        → asks it: ida ivo; counts finance/fang finance/feng
        """,
    ),
    Scenario(
        "sequence over two groups: in the order of the policy",
        policy(level("both", {"all": ["it", "finance"]}, mode="sequence")),
        """
        → asks both: ida
        ida approves
        → asks both: ivo
        fang approves ✗ NotYourTurn
        ivo approves
        → asks both: fang
        """,
    ),
]

GROUPS = [
    Scenario(
        "and over groups, any: one of each group",
        policy(level("both", {"all": ["finance", "it"]})),
        """
        → asks both: fang feng ida ivo; waits for finance it
        ivo approves
        → asks both: fang feng; waits for finance; counts both/ivo; state approving
        fang approves
        → state authorising; counts both/fang both/ivo
        """,
    ),
    Scenario(
        "and over groups, all: everyone of both groups",
        policy(level("both", {"all": ["finance", "it"]}, mode="all"), WAREHOUSE),
        """
        fang approves
        ida approves
        feng approves
        → asks both: ivo
        ivo approves
        → asks warehouse: wang wen; counts both/fang both/feng both/ida both/ivo
        """,
    ),
    Scenario(
        "any of groups: one of either group",
        policy(level("either", {"any": ["finance", "it"]}), WAREHOUSE),
        """
        → asks either: fang feng ida ivo
        ida approves
        → asks warehouse: wang wen; counts either/ida
        """,
    ),
    Scenario(
        "n of groups: two of three groups, and two of one group are not two groups",
        policy(level("some", {"n_of": 2, "of": ["warehouse", "finance", "it"]}), level("auditor")),
        """
        wang approves
        wen approves ✗ NotAnApprover
        → state approving; counts some/wang
        ida approves
        → asks auditor: aimin; counts some/wang some/ida
        """,
    ),
    Scenario(
        "a count: two of a group of three",
        policy(level("finance", {"group": "finance", "count": 2}), IT),
        """
        → asks finance: fang feng fu
        fu approves
        → asks finance: fang feng; counts finance/fu
        feng approves
        → asks it: ida ivo; counts finance/feng finance/fu
        """,
        people="finance: fang feng fu",
    ),
    Scenario(
        "nested groups: finance, and one of warehouse or IT",
        policy(level("mixed", {"all": ["finance", {"any": ["warehouse", "it"]}]}), level("auditor")),
        """
        ida approves
        → state approving; counts mixed/ida
        fang approves
        → asks auditor: aimin
        """,
    ),
    Scenario(
        "a person in two groups fills one seat, not both",
        policy(level("both", {"all": ["finance", "it"]}), WAREHOUSE),
        """
        shu approves
        → asks both: fang ida
        shu approves ✗ AlreadyDecided
        ida approves
        → asks warehouse: wang wen; counts both/shu both/ida
        """,
        people="finance: fang shu; it: ida shu",
    ),
    Scenario(
        "who has signed one level is not asked at another",
        THEN_IT,
        """
        shu approves
        → asks it: ida; waits for it
        shu approves ✗ AlreadyDecided
        ida approves
        → state authorising; counts finance/shu it/ida
        """,
        people="finance: fang shu; it: ida shu",
    ),
    Scenario(
        "who alone can sign a later level does not spend their voice before it",
        THEN_IT,
        """
        → asks finance: fang shu
        shu approves ✗ SeatNeededLater
        fang approves
        → asks it: shu
        """,
        people="finance: fang shu; it: shu",
    ),
    Scenario(
        "a chain that distinct persons cannot sign blocks before anyone is asked",
        THEN_IT,
        """
        → state checks_failed; asks nobody
        """,
        people="finance: shu; it: shu",
    ),
    Scenario(
        "a level without anybody blocks before anyone is asked",
        THEN_IT,
        """
        → state checks_failed; asks nobody; counts nobody
        """,
        people="it:",
    ),
    Scenario(
        "a level whose rule does not hold is not asked, one whose rule holds is",
        policy(
            level("warehouse", when="plan.periods > 99"),
            level("finance", when="plan.periods > 1"),
            level("it", when={"risk": "risk == 'medium'"}),
        ),
        """
        → asks finance: fang feng
        fang approves
        → asks it: ida ivo
        """,
    ),
]

OUTCOMES = [
    Scenario(
        "reject ends the case: any",
        THREE,
        """
        wang approves
        fang rejects
        → state rejected; asks nobody; waits for nobody; told decided (reject)
        → counts warehouse/wang; void nothing
        """,
    ),
    Scenario(
        "reject ends the case: all, whatever the others said",
        ALL,
        """
        fang approves
        feng rejects
        → state rejected; counts finance/fang
        """,
    ),
    Scenario(
        "reject ends the case: sequence, but only from whose turn it is",
        SEQUENCE,
        """
        feng rejects ✗ NotYourTurn
        fang rejects
        → state rejected
        """,
    ),
    Scenario(
        "reject ends the case: counts and groups",
        policy(level("both", {"all": ["finance", {"group": "it", "count": 2}]})),
        """
        ida approves
        fang approves
        ivo rejects
        → state rejected
        """,
    ),
    Scenario(
        "return is no end: the applicant is asked",
        THREE,
        """
        wang returns to applicant
        → state returned; asks nobody; waits for clerk; told decided (return)
        """,
    ),
    Scenario(
        "withdraw ends the case, and only the applicant can",
        ANY,
        """
        → asks finance: fang feng
        fang withdraws ✗ NotTheApplicant
        root withdraws ✗ NotTheApplicant
        clerk withdraws
        → state withdrawn; asks nobody; told withdrawn
        """,
    ),
    Scenario(
        "withdraw is possible while the case is returned",
        ANY,
        """
        fang returns to applicant
        → state returned
        clerk withdraws
        → state withdrawn
        """,
    ),
    Scenario(
        "withdraw is possible until the execution is released",
        ANY,
        """
        fang approves
        → state authorising; asks authorisation: erp_admin finance_head
        eva authorises
        clerk withdraws
        → state withdrawn; asks nobody
        """,
    ),
    Scenario(
        "withdraw is too late once the execution is released",
        ANY,
        """
        fang approves
        eva authorises
        hao authorises
        → state correcting
        clerk withdraws ✗ WrongState
        """,
    ),
    Scenario(
        "expire: silence ends the case and never approves",
        ANY,
        """
        → asks finance: fang feng
        25 hours pass
        → state expired; asks nobody; counts nobody
        """,
    ),
    Scenario(
        "expire: nobody puts right what was returned",
        ANY,
        """
        fang returns to applicant
        → state returned
        73 hours pass
        → state expired
        """,
    ),
    Scenario(
        "expire: half of a level's consent is none",
        ALL,
        """
        fang approves
        25 hours pass
        → state expired; counts finance/fang
        """,
    ),
]

RETURNS = [
    Scenario(
        "return to the applicant, replay (正常流转): every level is asked anew",
        THREE,
        """
        wang approves
        fang returns to applicant, replay
        → state returned; waits for clerk
        clerk resubmits
        → state approving; asks warehouse: wang wen; counts nobody; void warehouse/wang; told decisions_void
        wang approves
        → asks finance: fang feng; counts warehouse/wang; void warehouse/wang
        """,
    ),
    Scenario(
        "return to the applicant without saying how: every level is asked anew",
        THEN_IT,
        """
        fang approves
        ida returns to applicant
        clerk resubmits
        → asks finance: fang feng; counts nobody; void finance/fang
        """,
    ),
    Scenario(
        "return to the applicant, direct (直达): back to the level that returned, earlier consent counts",
        THREE,
        """
        wang approves
        fang returns to applicant, direct
        clerk resubmits
        → state approving; asks finance: fang feng; counts warehouse/wang; void nothing
        fang approves
        → asks it: ida ivo; counts warehouse/wang finance/fang
        """,
    ),
    Scenario(
        "return to the applicant, direct, in all: the level's own consents are asked for again",
        WAREHOUSE_THEN_ALL,
        """
        wang approves
        fang approves
        feng returns to applicant, direct
        clerk resubmits
        → asks finance: fang feng; counts warehouse/wang; void finance/fang; told decisions_void
        fang approves
        feng approves
        → state authorising; counts warehouse/wang finance/fang finance/feng; void finance/fang
        """,
    ),
    Scenario(
        "return to the applicant, direct, in sequence: the sequence starts again",
        WAREHOUSE_THEN_SEQUENCE,
        """
        wang approves
        fang approves
        feng returns to applicant, direct
        clerk resubmits
        → asks finance: fang; counts warehouse/wang; void finance/fang
        """,
    ),
    Scenario(
        "return to the applicant, direct, but something else is asked for: everything anew",
        THREE,
        """
        wang approves
        fang returns to applicant, direct
        clerk resubmits something else
        → told resubmitted (四月也有遗漏); told decisions_void (reason); asks warehouse: wang wen
        → counts nobody; void warehouse/wang
        """,
    ),
    Scenario(
        "return to the applicant, direct, but the ledger has changed: everything anew",
        THREE,
        """
        wang approves
        fang returns to applicant, direct
        a warning appears
        clerk resubmits
        → told decisions_void (count_incomplete); asks warehouse: wang wen; counts nobody; void warehouse/wang
        wang approves seeing the old digest ✗ StaleDigest
        """,
    ),
    Scenario(
        "what a case is about stays when something else is asked for: ledger and applicant",
        ANY,
        """
        fang returns to applicant
        clerk resubmits something else
        → asks finance: fang feng; told resubmitted (reason)
        wang withdraws ✗ NotTheApplicant
        clerk withdraws
        → state withdrawn
        """,
    ),
    Scenario(
        "while a case is returned no task is open, and only the applicant resubmits, once",
        ANY,
        """
        → asks finance: fang feng
        clerk resubmits ✗ WrongState
        fang returns to applicant
        → state returned
        feng approves on the closed task ✗ TaskClosed
        fang resubmits ✗ NotTheApplicant
        clerk resubmits
        → asks finance: fang feng
        clerk resubmits ✗ WrongState
        """,
    ),
    Scenario(
        "resubmitted with a blocker, the case fails its checks",
        ANY,
        """
        fang returns to applicant
        a blocker appears
        clerk resubmits
        → state checks_failed; asks nobody
        """,
    ),
    Scenario(
        "return to an earlier level, replay: every level from there on is asked again",
        THREE,
        """
        wang approves
        fang approves
        ida returns to warehouse, replay
        → state approving; asks warehouse: wang wen; counts nobody; void warehouse/wang finance/fang
        wen approves
        → asks finance: fang feng; counts warehouse/wen
        feng approves
        → asks it: ida ivo; counts warehouse/wen finance/feng
        """,
    ),
    Scenario(
        "return to an earlier level, direct: only that level and the one that returned are asked again",
        THREE,
        """
        wang approves
        fang approves
        ida returns to warehouse, direct
        → asks warehouse: wang wen; counts finance/fang; void warehouse/wang
        wang approves
        → asks it: ida ivo; counts warehouse/wang finance/fang; void warehouse/wang
        ida approves
        → state authorising; counts warehouse/wang finance/fang it/ida
        """,
    ),
    Scenario(
        "return to an earlier level from a half-signed level of all: its consents are void too",
        policy(WAREHOUSE, level("it", mode="all")),
        """
        wang approves
        ida approves
        ivo returns to warehouse, direct
        → asks warehouse: wang wen; counts nobody; void warehouse/wang it/ida
        wang approves
        → asks it: ida ivo; counts warehouse/wang
        """,
    ),
    Scenario(
        "return to an earlier level of all: everyone of it signs again",
        ALL_THEN_IT,
        """
        fang approves
        feng approves
        ida returns to finance, replay
        → asks finance: fang feng; counts nobody; void finance/fang finance/feng
        """,
    ),
    Scenario(
        "return to an earlier level of a sequence: it starts with the first",
        SEQUENCE_THEN_IT,
        """
        fang approves
        feng approves
        ida returns to finance, direct
        → asks finance: fang; void finance/fang finance/feng
        feng approves ✗ NotYourTurn
        fang approves
        feng approves
        → asks it: ida ivo
        """,
    ),
    Scenario(
        "a return goes to the applicant or an earlier level, and says where",
        THREE,
        """
        wang returns to finance ✗ UnknownLevel
        wang returns ✗ ActIncomplete
        wang approves
        fang returns to finance ✗ UnknownLevel
        fang returns to it ✗ UnknownLevel
        fang returns to warehouse
        → asks warehouse: wang wen; void warehouse/wang
        """,
    ),
    Scenario(
        "who is not asked returns nothing",
        THREE,
        """
        wang approves
        wang returns to applicant ✗ AlreadyDecided
        ida returns to applicant ✗ NotAnApprover
        clerk returns to applicant ✗ SelfApproval
        → state approving; counts warehouse/wang
        """,
    ),
]

TRANSFERS = [
    Scenario(
        "transfer (转交), any: the other one is asked in their place",
        policy(level("finance", transfer_to=["auditor"]), IT),
        """
        fang transfers to aimin
        → asks finance: feng aimin; counts nobody; told transferred (aimin)
        fang approves ✗ NotAnApprover
        aimin approves
        → asks it: ida ivo; counts finance/aimin
        """,
    ),
    Scenario(
        "transfer, any: to a colleague of the group, who is then asked alone",
        THEN_IT,
        """
        fang transfers to feng
        → asks finance: feng
        fang approves ✗ NotAnApprover
        feng approves
        → asks it: ida ivo
        """,
    ),
    Scenario(
        "transfer, all: the seat goes over, the others keep theirs",
        policy(level("finance", mode="all", transfer_to=["auditor"]), IT),
        """
        feng approves
        fang transfers to aimin
        → asks finance: aimin; waits for aimin; counts finance/feng; void nothing
        aimin approves
        → asks it: ida ivo; counts finance/feng finance/aimin
        """,
    ),
    Scenario(
        "transfer, sequence: the other one has the turn, and the order stays",
        policy(level("finance", mode="sequence", transfer_to=["auditor"]), IT),
        """
        fang transfers to aimin
        → asks finance: aimin
        feng approves ✗ NotYourTurn
        aimin approves
        → asks finance: feng; counts finance/aimin
        """,
    ),
    Scenario(
        "transfer makes a new task: the old one takes no act",
        policy(level("finance", transfer_to=["auditor"])),
        """
        fang transfers to aimin
        → asks finance: feng aimin
        feng approves on the closed task ✗ TaskClosed
        """,
    ),
    Scenario(
        "transfer only to somebody who may: in an open group, without another part, known, not asked yet",
        ALL,
        """
        fang transfers to ida ✗ PersonNotEligible
        fang transfers to clerk ✗ PersonNotEligible
        fang transfers to cai ✗ PersonNotEligible
        fang transfers to feng ✗ PersonNotEligible
        fang transfers to fang ✗ PersonNotEligible
        fang transfers to ghost ✗ UnknownPerson
        fang transfers ✗ ActIncomplete
        ida transfers to aimin ✗ NotAnApprover
        → asks finance: fang feng; silent on transferred
        """,
        people="it: ida cai",
        wish={"correctors": ("clerk", "cai")},
    ),
    Scenario(
        "transfer not to whom a later level needs",
        policy(level("finance", transfer_to=["it"]), IT),
        """
        fang transfers to ida ✗ PersonNotEligible
        → asks finance: fang
        """,
        people="finance: fang; it: ida",
    ),
    Scenario(
        "transfer not to who has signed an earlier level",
        policy(WAREHOUSE, level("finance", transfer_to=["warehouse"])),
        """
        wang approves
        fang transfers to wang ✗ PersonNotEligible
        fang transfers to wen
        → asks finance: feng wen; counts warehouse/wang
        """,
    ),
    Scenario(
        "a transfer outlives a return: the one asked instead is asked again",
        policy(level("finance", mode="all", transfer_to=["auditor"]), IT),
        """
        fang transfers to aimin
        aimin approves
        feng approves
        ida returns to finance
        → asks finance: aimin feng; void finance/aimin finance/feng
        """,
    ),
]

ADDED_SIGNS = [
    Scenario(
        "add-sign before (前加签), any: the added person signs first, the rest of the group can go on",
        THEN_IT,
        """
        fang adds aimin before
        → asks finance: feng aimin; counts nobody; told sign_added (before)
        fang approves ✗ NotYourTurn
        aimin approves
        → asks finance: fang feng; counts finance/aimin
        fang approves
        → asks it: ida ivo; counts finance/aimin finance/fang
        """,
    ),
    Scenario(
        "add-sign before, all: whoever added waits for it",
        ALL_THEN_IT,
        """
        fang adds aimin before
        → asks finance: feng aimin
        feng approves
        fang approves ✗ NotYourTurn
        aimin approves
        → asks finance: fang; counts finance/aimin finance/feng
        fang approves
        → asks it: ida ivo
        """,
    ),
    Scenario(
        "add-sign before, sequence: the turn comes back",
        SEQUENCE_THEN_IT,
        """
        fang adds aimin before
        → asks finance: aimin
        aimin approves
        → asks finance: fang
        fang approves
        → asks finance: feng; counts finance/aimin finance/fang
        """,
    ),
    Scenario(
        "add-sign after (后加签), any: it is a consent, with one more after it",
        THEN_IT,
        """
        fang adds aimin after
        → asks finance: aimin; counts finance/fang; told sign_added (after); told decided (approve)
        feng approves ✗ NotYourTurn
        aimin approves
        → asks it: ida ivo; counts finance/aimin finance/fang
        """,
    ),
    Scenario(
        "add-sign after, all: the added person and the others in any order",
        ALL_THEN_IT,
        """
        fang adds aimin after
        → asks finance: aimin feng; counts finance/fang
        feng approves
        → asks finance: aimin
        aimin approves
        → asks it: ida ivo; counts finance/aimin finance/fang finance/feng
        """,
    ),
    Scenario(
        "add-sign after, sequence: the added person is asked beside the next in turn",
        SEQUENCE_THEN_IT,
        """
        fang adds aimin after
        → asks finance: aimin feng; counts finance/fang
        aimin approves
        → asks finance: feng
        feng approves
        → asks it: ida ivo
        """,
    ),
    Scenario(
        "add-sign parallel (并加签), any: the group's consent and the added person's are both needed",
        THEN_IT,
        """
        fang adds aimin parallel
        → asks finance: aimin fang feng; counts nobody
        feng approves
        → asks finance: aimin; counts finance/feng
        aimin approves
        → asks it: ida ivo
        """,
    ),
    Scenario(
        "add-sign parallel, all: one more in the group",
        ALL_THEN_IT,
        """
        fang adds aimin parallel
        → asks finance: aimin fang feng
        fang approves
        feng approves
        → asks finance: aimin; state approving
        aimin approves
        → asks it: ida ivo
        """,
    ),
    Scenario(
        "add-sign parallel, sequence: beside the one whose turn it is",
        SEQUENCE_THEN_IT,
        """
        fang adds aimin parallel
        → asks finance: aimin fang
        fang approves
        → asks finance: aimin feng
        """,
    ),
    Scenario(
        "several persons may be added at once, and each must sign",
        THEN_IT,
        """
        fang adds aimin and olga parallel
        → asks finance: aimin fang feng olga
        fang approves
        aimin approves
        → asks finance: olga; counts finance/aimin finance/fang
        olga approves
        → asks it: ida ivo
        """,
    ),
    Scenario(
        "an added person rejects: the case ends",
        THEN_IT,
        """
        fang adds aimin after
        aimin rejects
        → state rejected; counts finance/fang
        """,
    ),
    Scenario(
        "an added person returns: the level is asked again, without them",
        THEN_IT,
        """
        fang adds aimin after
        aimin returns to applicant, direct
        clerk resubmits
        → asks finance: fang feng; counts nobody; void finance/fang
        """,
    ),
    Scenario(
        "add-sign does not nest: who was added signs, and neither adds nor hands on",
        THEN_IT,
        """
        fang adds aimin parallel
        aimin adds olga before ✗ ActionNotPossible
        aimin transfers to olga ✗ ActionNotPossible
        → asks finance: aimin fang feng; silent on sign_added
        """,
    ),
    Scenario(
        "add-sign only of somebody who may: known, without another part, not asked, not needed later",
        THEN_IT,
        """
        fang adds clerk before ✗ PersonNotEligible
        fang adds cai before ✗ PersonNotEligible
        fang adds feng parallel ✗ PersonNotEligible
        fang adds fang parallel ✗ PersonNotEligible
        fang adds ida after ✗ PersonNotEligible
        fang adds ghost after ✗ UnknownPerson
        fang adds ✗ ActIncomplete
        fang adds aimin ✗ ActIncomplete
        fang adds aimin after seeing no digest ✗ StaleDigest
        ida adds aimin before ✗ NotAnApprover
        → asks finance: fang feng; counts nobody; silent on sign_added
        """,
        people="it: ida; warehouse: cai",
        wish={"correctors": ("clerk", "cai")},
    ),
    Scenario(
        "who has signed as an added person is not asked at a later level",
        THEN_IT,
        """
        fang adds ivo after
        ivo approves
        → asks it: ida; counts finance/fang finance/ivo
        """,
    ),
]

COMMENTS = [
    Scenario(
        "comments change nothing: by the applicant, an approver of another level, a corrector",
        THEN_IT,
        """
        clerk comments
        → told commented (核对)
        ida comments
        → told commented; asks finance: fang feng
        cai comments
        → told commented; counts nobody; state approving
        fang approves
        → asks it: ida ivo
        """,
        people="warehouse: cai",
        wish={"correctors": ("clerk", "cai")},
    ),
    Scenario(
        "comments are for those with a part in the case, and say something",
        THEN_IT,
        """
        wang comments ✗ NotAnApprover
        root comments ✗ NotAnApprover
        fang comments nothing ✗ ActIncomplete
        → silent on commented
        """,
    ),
    Scenario(
        "a comment consents to nothing, whatever digest was seen",
        ANY,
        """
        fang comments seeing no digest
        fang approves
        fang comments ✗ ActionNotPossible
        → counts finance/fang
        """,
    ),
]

DELEGATIONS = [
    Scenario(
        "delegation (委托): the stand-in signs, and both names are on record",
        THEN_IT,
        """
        wang stands in for fang
        → asks finance: fang feng
        wang approves
        → asks it: ida ivo; counts finance/wang(fang)
        """,
    ),
    Scenario(
        "delegation: the stand-in may name whom they act for, and nobody else",
        ALL_THEN_IT,
        """
        wang stands in for fang
        wang approves for feng ✗ NotStandingIn
        wang approves for fang
        → asks finance: feng; counts finance/wang(fang)
        """,
    ),
    Scenario(
        "delegation: a stand-in rejects as good as the principal",
        ALL,
        """
        wang stands in for fang
        wang rejects
        → state rejected; told decided (reject)
        """,
    ),
    Scenario(
        "delegation to the applicant gives no say",
        ANY,
        """
        clerk stands in for fang
        clerk approves ✗ SelfApproval
        → asks finance: fang feng; counts nobody
        """,
    ),
    Scenario(
        "delegation to a corrector gives no say",
        ANY,
        """
        wang stands in for fang
        wang approves ✗ NotAnApprover
        """,
        wish={"correctors": ("clerk", "wang")},
    ),
    Scenario(
        "delegation from the applicant gives no say",
        ANY,
        """
        wang stands in for clerk
        wang approves ✗ NotAnApprover
        """,
        people="finance: clerk fang",
    ),
    Scenario(
        "delegations are followed: a stand-in's stand-in signs",
        ANY,
        """
        wang stands in for fang
        ida stands in for wang
        ida approves
        → counts finance/ida(fang)
        """,
    ),
    Scenario(
        "a circle of three: each can sign, and nobody twice",
        policy(level("finance", mode="all"), IT),
        """
        feng stands in for fang
        fu stands in for feng
        fang stands in for fu
        fang approves
        fang approves for fu ✗ AlreadyDecided
        feng approves
        → asks finance: fu; counts finance/fang finance/feng
        fu approves
        → asks it: ida ivo; counts finance/fang finance/feng finance/fu
        """,
        people="finance: fang feng fu",
    ),
    Scenario(
        "a delegation that ends while the task is open gives no say from then on",
        ALL,
        """
        wang stands in for fang
        wang comments
        wang stands in for fang no more
        wang approves ✗ NotAnApprover
        fang approves
        → asks finance: feng; counts finance/fang
        """,
    ),
    Scenario(
        "a delegation on another ledger gives no say on this one",
        ANY,
        """
        wang stands in for fang on another ledger
        wang approves ✗ NotAnApprover
        """,
    ),
    Scenario(
        "a stand-in who has signed another level already does not sign this one",
        THREE,
        """
        wang stands in for fang
        wang approves
        → asks finance: fang feng
        wang approves ✗ AlreadyDecided
        → counts warehouse/wang
        """,
    ),
    Scenario(
        "a principal whose stand-in has signed does not sign elsewhere",
        THEN_IT,
        """
        wang stands in for fang
        wang approves
        → asks it: ida
        fang approves ✗ AlreadyDecided
        ida approves
        → state authorising; counts finance/wang(fang) it/ida
        """,
        people="it: fang ida",
    ),
    Scenario(
        "a stand-in with a seat of their own fills that one, and no second",
        ALL,
        """
        feng stands in for fang
        feng approves
        → asks finance: fang; counts finance/feng
        feng approves for fang ✗ AlreadyDecided
        """,
    ),
    Scenario(
        "delegation, sequence: the stand-in has the principal's turn",
        SEQUENCE_THEN_IT,
        """
        wang stands in for feng
        wang approves ✗ NotAnApprover
        fang approves
        wang approves
        → asks it: ida ivo; counts finance/fang finance/wang(feng)
        """,
    ),
    Scenario(
        "a principal who has left the group cannot be stood in for",
        ANY,
        """
        wang stands in for fang
        fang leaves finance
        wang approves ✗ NotAnApprover
        """,
    ),
    Scenario(
        "a stand-in transfers and adds as the principal could",
        policy(level("finance", transfer_to=["auditor"])),
        """
        wang stands in for fang
        wang adds olga parallel
        → asks finance: fang feng olga; told sign_added (olga)
        wang transfers to aimin for fang
        → asks finance: aimin feng olga; told transferred (fang)
        """,
    ),
]

DEADLINES = [
    Scenario(
        "the deadline reminds, and asks nobody else",
        ANY,
        """
        → asks finance: fang feng
        9 hours pass
        → told reminded (deadline); asks finance: fang feng; state approving; counts nobody
        fang approves
        → counts finance/fang
        """,
    ),
    Scenario(
        "the deadline escalates: others are asked as well, and their consent is as good",
        policy(level("finance", on_deadline="escalate", escalate_to="auditor"), IT),
        """
        → asks finance: fang feng
        aimin approves ✗ NotAnApprover
        9 hours pass
        → told escalated (aimin); asks finance: aimin fang feng; waits for finance auditor
        aimin approves
        → asks it: ida ivo; counts finance/aimin
        """,
    ),
    Scenario(
        "escalated, the level's own people still sign",
        ESCALATING,
        """
        → asks finance: fang feng
        9 hours pass
        → told escalated
        feng approves
        → state authorising; counts finance/feng
        """,
    ),
    Scenario(
        "escalated, all: one of the escalation, or everyone of the group",
        policy(level("finance", mode="all", on_deadline="escalate", escalate_to="auditor"), IT),
        """
        fang approves
        9 hours pass
        → told escalated (aimin); asks finance: aimin feng; counts finance/fang
        aimin approves
        → asks it: ida ivo; counts finance/aimin finance/fang
        """,
    ),
    Scenario(
        "escalated, sequence: the escalation need not wait for the turn",
        policy(level("finance", mode="sequence", on_deadline="escalate", escalate_to="auditor"), IT),
        """
        → asks finance: fang
        9 hours pass
        → told escalated (aimin); asks finance: aimin fang
        aimin approves
        → asks it: ida ivo; counts finance/aimin
        """,
    ),
    Scenario(
        "escalated to nobody, the deadline reminds",
        ESCALATING,
        """
        → asks finance: fang feng
        9 hours pass
        → told reminded; silent on escalated; asks finance: fang feng
        """,
        people="auditor:",
    ),
    Scenario(
        "escalated to the applicant alone, the deadline reminds",
        ESCALATING,
        """
        → asks finance: fang feng
        9 hours pass
        → told reminded; silent on escalated
        clerk approves ✗ SelfApproval
        """,
        people="auditor: clerk",
    ),
    Scenario(
        "escalated and still silent, the case expires",
        ESCALATING,
        """
        → asks finance: fang feng
        9 hours pass
        → told escalated
        16 hours pass
        → state expired; counts nobody
        """,
    ),
    Scenario(
        "each level has a deadline of its own, from when it is asked",
        THEN_IT,
        """
        → asks finance: fang feng
        7 hours pass
        fang approves
        → asks it: ida ivo
        7 hours pass
        → silent on reminded; state approving
        2 hours pass
        → told reminded
        """,
    ),
    Scenario(
        "a transfer does not restart the clock",
        policy(level("finance", transfer_to=["auditor"])),
        """
        → asks finance: fang feng
        7 hours pass
        fang transfers to aimin
        → asks finance: aimin feng
        2 hours pass
        → told reminded
        """,
    ),
    Scenario(
        "expedited: shorter deadlines, more people told, the same people asked",
        policy(level("finance", cc=["auditor"]), expedited={"deadline_percent": 25, "cc": ["finance_head"]}),
        """
        → asks finance: fang feng; tells aimin hao
        3 hours pass
        → told reminded; asks finance: fang feng
        4 hours pass
        → state expired
        """,
        wish={"expedited": True},
    ),
    Scenario(
        "not expedited: the same policy gives the whole time and tells the level's own readers",
        policy(level("finance", cc=["auditor"]), expedited={"deadline_percent": 25, "cc": ["finance_head"]}),
        """
        → asks finance: fang feng; tells aimin
        7 hours pass
        → silent on reminded; state approving
        """,
    ),
    Scenario(
        "expedited cannot be had by resubmitting",
        policy(FINANCE, expedited={"deadline_percent": 25}),
        """
        fang returns to applicant
        clerk resubmits something else
        → asks finance: fang feng
        7 hours pass
        → silent on reminded; state approving
        """,
    ),
    Scenario(
        "the applicant reminds (催办) at most hourly, and nobody else does",
        ANY,
        """
        → asks finance: fang feng
        fang reminds ✗ NotTheApplicant
        clerk reminds
        → told reminded (applicant); asks finance: fang feng
        clerk reminds ✗ RemindedTooSoon
        61 minutes pass
        clerk reminds
        → told reminded (applicant)
        """,
    ),
    Scenario(
        "nobody is reminded while the applicant is asked",
        ANY,
        """
        fang returns to applicant
        → state returned
        clerk reminds ✗ WrongState
        """,
    ),
]

AUTHORISATIONS = [
    Scenario(
        "joint authorisation: two persons, one of each group, release the execution",
        ANY,
        """
        fang approves
        → state authorising; asks authorisation: erp_admin finance_head; waits for erp_admin finance_head
        hao authorises
        → waits for erp_admin; counts finance/fang authorisation/hao; state authorising
        eva authorises
        → state correcting; counts finance/fang authorisation/eva authorisation/hao
        """,
    ),
    Scenario(
        "the same person does not authorise twice, even in both groups",
        ANY,
        """
        fang approves
        eva authorises
        eva authorises ✗ AlreadyDecided
        → waits for finance_head; counts finance/fang authorisation/eva; state authorising
        """,
        people="finance_head: eva hao",
    ),
    Scenario(
        "a second person of the same group is not the other group",
        ANY,
        """
        fang approves
        eva authorises
        edi authorises ✗ SecondGroupNeeded
        → waits for finance_head
        """,
        people="erp_admin: edi eva",
    ),
    Scenario(
        "a stand-in for the other group is another person, with both names on record",
        ANY,
        """
        aimin stands in for hao
        fang approves
        eva authorises
        aimin authorises
        → state correcting; counts finance/fang authorisation/eva authorisation/aimin(hao)
        """,
    ),
    Scenario(
        "the first person does not also stand in for the other group",
        ANY,
        """
        eva stands in for hao
        fang approves
        eva authorises
        eva authorises for hao ✗ AlreadyDecided
        → waits for finance_head; state authorising
        """,
    ),
    Scenario(
        "who was stood in for does not fill the other group themselves",
        ANY,
        """
        aimin stands in for eva
        fang approves
        aimin authorises
        → waits for finance_head
        eva authorises ✗ AlreadyDecided
        """,
        people="finance_head: eva hao",
    ),
    Scenario(
        "who has confirmed does not fill the other group through a stand-in either",
        ANY,
        """
        aimin stands in for eva
        fang approves
        eva authorises
        aimin authorises ✗ AlreadyDecided
        → waits for finance_head; counts finance/fang authorisation/eva
        """,
        people="finance_head: eva hao",
    ),
    Scenario(
        "who stands in for a corrector does not authorise",
        ANY,
        """
        aimin stands in for cai
        fang approves
        aimin authorises ✗ NotAuthoriser
        → waits for erp_admin finance_head; counts finance/fang
        """,
        people="erp_admin: cai eva",
        wish={"correctors": ("clerk", "cai")},
    ),
    Scenario(
        "a first confirmation that is too old must be given again",
        policy(FINANCE, authorisation={"within_minutes": 30}),
        """
        fang approves
        eva authorises
        → waits for finance_head; counts finance/fang authorisation/eva
        31 minutes pass
        → told confirmation_lapsed (eva); waits for erp_admin finance_head
        → counts finance/fang; void authorisation/eva
        hao authorises
        → waits for erp_admin; state authorising
        eva authorises
        → state correcting; counts finance/fang authorisation/eva authorisation/hao; void authorisation/eva
        """,
    ),
    Scenario(
        "an approver who is in one of the groups may authorise as well",
        ANY,
        """
        hao approves
        hao authorises
        → waits for erp_admin; counts finance/hao authorisation/hao
        eva authorises
        → state correcting
        """,
        people="finance: fang hao",
    ),
    Scenario(
        "a corrector and the applicant do not authorise, whatever group they are in",
        ANY,
        """
        fang approves
        cai authorises ✗ NotAuthoriser
        clerk authorises ✗ NotAuthoriser
        → waits for erp_admin finance_head
        """,
        people="erp_admin: cai clerk eva",
        wish={"correctors": ("clerk", "cai")},
    ),
    Scenario(
        "admin and operator gain nothing",
        ANY,
        """
        fang approves
        root authorises ✗ NotAuthoriser
        olga authorises ✗ NotAuthoriser
        fang authorises ✗ NotAuthoriser
        → counts finance/fang
        """,
    ),
    Scenario(
        "a service account that speaks for somebody gains nothing by it",
        ANY,
        """
        robot approves on behalf of fang ✗ NotAnApprover
        fang approves
        robot authorises on behalf of eva ✗ NotAuthoriser
        → counts finance/fang
        """,
    ),
    Scenario(
        "for whom a service account asked is as barred as the account",
        ANY,
        """
        → asks finance: feng
        fang approves ✗ NotAnApprover
        clerk approves ✗ SelfApproval
        """,
        wish={"on_behalf_of": "fang"},
    ),
    Scenario(
        "a confirmation names the digest it was given for",
        ANY,
        """
        fang approves
        eva authorises seeing no digest ✗ StaleDigest
        eva authorises seeing another digest ✗ StaleDigest
        eva approves ✗ ActionNotPossible
        → counts finance/fang
        """,
    ),
    Scenario(
        "without the second confirmation the case expires and nothing was executed",
        policy(FINANCE, authorisation={"within_minutes": 1440}),
        """
        fang approves
        eva authorises
        25 hours pass
        → state expired; asks nobody
        """,
    ),
]

DRIFT = [
    Scenario(
        "a finding appears before the authorisation: nobody is asked to release, all consent is void",
        ANY,
        """
        → asks finance: fang feng
        a warning appears
        fang approves
        → told decisions_void (count_incomplete); asks finance: fang feng; counts nobody; void finance/fang
        fang approves seeing the old digest ✗ StaleDigest
        """,
    ),
    Scenario(
        "a finding appears before the release: back to approving with the difference, all consent is void",
        THEN_IT,
        """
        fang approves
        ida approves
        → asks authorisation: erp_admin finance_head
        a warning appears
        eva authorises
        hao authorises
        → told decisions_void (count_incomplete); state approving; asks finance: fang feng; counts nobody
        → void finance/fang it/ida authorisation/eva authorisation/hao
        """,
    ),
    Scenario(
        "after a drift the same people consent anew to what it is now, and the case goes on",
        ANY,
        """
        fang approves
        → asks authorisation: erp_admin finance_head
        a warning appears
        eva authorises
        hao authorises
        → asks finance: fang feng
        fang approves
        → asks authorisation: erp_admin finance_head
        eva authorises seeing the old digest ✗ StaleDigest
        eva authorises
        hao authorises
        → state correcting; counts finance/fang authorisation/eva authorisation/hao
        → void finance/fang authorisation/eva authorisation/hao
        """,
    ),
    Scenario(
        "another policy comes into force between approval and release: all consent is void",
        ANY,
        """
        fang approves
        → asks authorisation: erp_admin finance_head
        the policy becomes second
        eva authorises
        hao authorises
        → told decisions_void (second); asks finance: fang feng; counts nobody
        → void finance/fang authorisation/eva authorisation/hao
        """,
    ),
    Scenario(
        "another policy while people are still asked: known at the next check, and then all is void",
        THEN_IT,
        """
        fang approves
        the policy becomes second
        ida approves
        → told decisions_void (second); asks finance: fang feng; void finance/fang it/ida
        """,
    ),
    Scenario(
        "a blocker appears before the release: the case is returned until it is put right",
        ANY,
        """
        fang approves
        → asks authorisation: erp_admin finance_head
        a blocker appears
        eva authorises
        hao authorises
        → state returned; waits for clerk; void finance/fang authorisation/eva authorisation/hao
        the findings are put right
        clerk resubmits
        → state approving; asks finance: fang feng; counts nobody
        fang approves
        → state authorising; counts finance/fang
        """,
    ),
    Scenario(
        "a blocker appears before the release: the applicant may withdraw",
        ANY,
        """
        fang approves
        → asks authorisation: erp_admin finance_head
        a blocker appears
        eva authorises
        hao authorises
        → state returned
        clerk withdraws
        → state withdrawn
        """,
    ),
    Scenario(
        "a blocker that is not put right fails the checks",
        ANY,
        """
        fang approves
        → asks authorisation: erp_admin finance_head
        a blocker appears
        eva authorises
        hao authorises
        → state returned
        clerk resubmits
        → state checks_failed
        """,
    ),
    Scenario(
        "a finding that comes and goes again before the release changes nothing",
        ANY,
        """
        fang approves
        → asks authorisation: erp_admin finance_head
        a warning appears
        eva authorises
        the findings are put right
        hao authorises
        → state correcting; counts finance/fang authorisation/eva authorisation/hao; void nothing
        """,
    ),
    Scenario(
        "people leave between approval and release: the next round asks who is there now",
        ANY,
        """
        fang approves
        → asks authorisation: erp_admin finance_head
        fang leaves finance
        a warning appears
        eva authorises
        hao authorises
        → asks finance: feng; void finance/fang authorisation/eva authorisation/hao
        """,
    ),
]

TABLE = [
    *MODES,
    *GROUPS,
    *OUTCOMES,
    *RETURNS,
    *TRANSFERS,
    *ADDED_SIGNS,
    *COMMENTS,
    *DELEGATIONS,
    *DEADLINES,
    *AUTHORISATIONS,
    *DRIFT,
]


@pytest.mark.parametrize("scenario", TABLE, ids=lambda scenario: scenario.name)
async def test_consent(scenario: Scenario, shared_temporal: WorkflowEnvironment, tmp_path: Path) -> None:
    async with on_stage(Scene(shared_temporal, tmp_path)) as scene:
        prepare(scenario, scene)
        play = await scene.request(**scenario.wish)
        await Stage(scenario, scene, play).perform()
    await play.stop()


async def test_the_table_has_at_least_sixty_rows_and_no_two_of_one_name() -> None:
    names = [scenario.name for scenario in TABLE]
    assert len(names) == len(set(names))
    assert len(names) >= 60
