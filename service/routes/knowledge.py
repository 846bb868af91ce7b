"""Read the knowledge base: by what somebody is about to do, by what went wrong, or by words."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator

from service.dependencies import TheActor, TheLanguage
from service.fresh import CONDITIONAL, TheFreshness
from service.knowledge.library import Article, Need, Step, chosen, library, same
from service.knowledge_schemas import KnowledgeList, KnowledgeOut
from service.problem_answers import responses
from service.refusals import UnknownArticle
from service.schemas import printable
from workflows.domain.ledger import Module

router = APIRouter(prefix="/knowledge", tags=["knowledge"])

Code = Annotated[str, Query(max_length=120), AfterValidator(printable)]


@router.get("", responses=responses() | CONDITIONAL)
async def list_knowledge(
    _actor: TheActor,
    language: TheLanguage,
    fresh: TheFreshness,
    step: Annotated[
        Step | None, Query(description="State of a case, or verb of a step: `unclose`, `reclose`.")
    ] = None,
    module: Annotated[Module | None, Query()] = None,
    error: Annotated[
        Code | None, Query(description="Code of a finding, or type of a problem: `period-locked`.")
    ] = None,
    erp: Annotated[Code | None, Query(description="Connector: `k3_wise`.")] = None,
    erp_version: Annotated[Code | None, Query(description="Version of the ERP: `15.1`.")] = None,
    q: Annotated[
        str | None,
        Query(max_length=200, description="Words that all must occur."),
        AfterValidator(lambda text: text if text is None else printable(text)),
    ] = None,
) -> KnowledgeList:
    """What fits, whatever answers the error first. Without conditions: everything."""
    need = Need(
        frozenset() if step is None else frozenset({step}),
        module,
        frozenset() if error is None else frozenset({same(error)}),
        erp,
        erp_version,
        q or "",
    )
    found = chosen(need, language)
    fresh.of_text("".join(article.sha256 for article in found) + language)
    return KnowledgeList(items=[_shown(article) for article in found])


@router.get("/{article}", responses=responses(UnknownArticle) | CONDITIONAL)
async def read_knowledge(
    article: Annotated[str, Path(max_length=120), AfterValidator(printable)],
    _actor: TheActor,
    language: TheLanguage,
    fresh: TheFreshness,
) -> KnowledgeOut:
    """One article."""
    for one in library(language):
        if one.id == article:
            fresh.of_text(one.sha256 + language)
            return _shown(one)
    raise UnknownArticle(article)


def _shown(article: Article) -> KnowledgeOut:
    return KnowledgeOut(
        id=article.id,
        kind=article.kind,
        version=article.version,
        sha256=article.sha256,
        language=article.language,
        title=article.title,
        text=article.text,
        steps=list(article.steps),
        modules=list(article.modules),
        errors=list(article.errors),
        erps=list(article.erps),
        erp_versions=list(article.erp_versions),
    )
