"""Whether the events of a case hang together, each with the digest of the one before it (design §9)."""

from dataclasses import dataclass

from activities.report.document import Tone
from service.reports.material import Material
from workflows.domain.digest import sha256


@dataclass(frozen=True)
class Verified:
    """What a walk along the chain has found."""

    events: int
    head: str
    """Digest of the last event of the case: it binds all the others."""
    broken_at: int | None = None
    """Number of the first event that does not follow from the one before it."""

    def verdict(self, m: Material) -> tuple[str, Tone]:
        if self.broken_at is not None:
            text = m.say(
                f"BROKEN at event {self.broken_at}: this record has been changed",
                f"在第 {self.broken_at} 号事件处断裂：记录已被改动",
            )
            return text, Tone.BAD
        text = m.say(
            f"{self.events} events, verified whole and unbroken when this report was made",
            f"共 {self.events} 个事件，生成本报告时已逐一核验，完整无断",
        )
        return text, Tone.GOOD


def verify(m: Material) -> Verified:
    """Walk along the chain from the case's own number, with which it begins."""
    head, broken = sha256(m.file.request.id), None
    for n, event in enumerate(m.events, 1):
        if broken is None and (event.digest_of_previous != head or event.seq != n):
            broken = event.seq
        head = event.digest
    return Verified(len(m.events), head, broken)
