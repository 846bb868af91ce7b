"""The articles, read once from the package, and how they are chosen by what somebody is about to do."""

import hashlib
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from service.searching import tokens
from service.texts import Language
from workflows.domain.ledger import Module

FENCE = "+++"
"""Stands before and after what an article says about itself, in TOML."""

SYNONYMS = ("反结帐", "反结算", "反记账", "反记帐", "反結帳", "取消月末结帐", "取消月末记帐", "取消月结")
"""Words for 反结账 (R13): whoever looks for one looks for all."""


class Step(StrEnum):
    """Where in the process an article helps: a state of the case, or the verb of a step."""

    RECEIVED = "received"
    CHECKING = "checking"
    APPROVING = "approving"
    RETURNED = "returned"
    PROTECTING = "protecting"
    AUTHORISING = "authorising"
    ISOLATING = "isolating"
    UNCLOSING = "unclosing"
    VERIFYING_OPEN = "verifying_open"
    CORRECTING = "correcting"
    RECLOSING = "reclosing"
    VERIFYING_CLOSED = "verifying_closed"
    ARCHIVING = "archiving"
    COMPENSATING = "compensating"
    ATTENTION = "attention"
    COMPLETED = "completed"
    CHECKS_FAILED = "checks_failed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    ROLLED_BACK = "rolled_back"
    UNCLOSE = "unclose"
    RECLOSE = "reclose"


class Kind(StrEnum):
    """What an article is."""

    FAQ = "faq"
    PROCEDURE = "procedure"
    RUNBOOK = "runbook"


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    kind: Kind
    title: str
    steps: tuple[Step, ...] = ()
    modules: tuple[Module, ...] = ()
    errors: tuple[str, ...] = ()
    erps: tuple[str, ...] = ()
    erp_versions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Article:
    """One answer in one language. What it does not name, it holds for: no module means every module."""

    id: str
    language: Language
    version: str
    kind: Kind
    title: str
    text: str
    """Markdown."""
    steps: tuple[Step, ...]
    modules: tuple[Module, ...]
    errors: tuple[str, ...]
    """Codes of findings, and types of problems, that it helps with."""
    answers: frozenset[str]
    """The same, written alike."""
    erps: tuple[str, ...]
    """Connectors that it is about; every ERP if none."""
    erp_versions: tuple[str, ...]
    """Patterns such as `15.*`."""

    @property
    def sha256(self) -> str:
        """Names exactly this text."""
        return hashlib.sha256(f"{self.version}\n{self.title}\n{self.text}".encode()).hexdigest()


@dataclass(frozen=True)
class Need:
    """What somebody is about to do, as far as it is known."""

    steps: frozenset[Step] = frozenset()
    module: Module | None = None
    errors: frozenset[str] = frozenset()
    erp: str | None = None
    erp_version: str | None = None
    words: str = ""


@cache
def library(language: Language) -> tuple[Article, ...]:
    """Every article in one language, by id."""
    folder = files("service.knowledge").joinpath("articles")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(f".{language}.md"))
    return tuple(_parsed(name, folder.joinpath(name).read_text("utf-8"), language) for name in names)


def chosen(need: Need, language: Language) -> tuple[Article, ...]:
    """The articles that fit, those that answer an error first, then those for exactly this module and ERP."""
    fitting = (article for article in library(language) if _fits(article, need))
    return tuple(sorted(fitting, key=lambda article: (-_closeness(article, need), article.id)))


def same(code: str) -> str:
    """A code however it is written: `PeriodLocked`, `period_locked` and `/problems/period-locked` are one."""
    name = code.rsplit("/", 1)[-1]
    apart = "".join(f"-{c.lower()}" if c.isupper() and n else c.lower() for n, c in enumerate(name))
    return apart.replace("_", "-").replace("--", "-")


def _fits(article: Article, need: Need) -> bool:
    answers = not need.errors.isdisjoint(article.answers)
    if need.errors and not need.steps and not answers:
        return False
    return (
        (answers or not need.steps or not need.steps.isdisjoint(article.steps))
        and (need.module is None or not article.modules or need.module in article.modules)
        and (not article.erps or need.erp is None or need.erp in article.erps)
        and _is_version(article, need.erp_version)
        and _tells(article, need.words)
    )


def _is_version(article: Article, version: str | None) -> bool:
    patterns = article.erp_versions
    return version is None or not patterns or any(fnmatchcase(version, pattern) for pattern in patterns)


def _closeness(article: Article, need: Need) -> int:
    answers = len(need.errors & article.answers)
    return 4 * answers + 2 * (need.erp in article.erps) + (need.module in article.modules)


def _tells(article: Article, words: str) -> bool:
    """Whether everything that was asked for occurs, whatever the punctuation between."""
    if not words:
        return True
    text = _indexed(f"{article.title} {article.text}")
    return all(_indexed(word) in text for word in words.split() if tokens(word))


def _indexed(text: str) -> str:
    for synonym in SYNONYMS:
        text = text.replace(synonym, "反结账")
    return f" {' '.join(tokens(text))}"


def _parsed(name: str, written: str, language: Language) -> Article:
    """Raises ValueError: the article does not say what it is."""
    before, head, text = written.split(f"{FENCE}\n", 2)
    if before:
        raise ValueError(f"{name} does not begin with {FENCE}")
    said = _Head.model_validate(tomllib.loads(head))
    return Article(
        id=name.split(".")[0],
        language=language,
        text=text.strip(),
        answers=frozenset(map(same, said.errors)),
        **dict(said),
    )
