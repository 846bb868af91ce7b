"""Bodies of what the knowledge base answers."""

from pydantic import Field

from service.knowledge.library import Kind
from service.schemas import Outbound
from service.texts import Language
from workflows.domain.ledger import Module


class KnowledgeOut(Outbound):
    """One article."""

    id: str
    kind: Kind
    version: str
    sha256: str = Field(description="Of version, title and text: names exactly what was read.")
    language: Language
    title: str
    text: str = Field(description="Markdown.")
    steps: list[str] = Field(description="States of a case, and verbs of its steps, that it is about.")
    modules: list[Module] = Field(description="Every module if none is named.")
    errors: list[str] = Field(description="Codes of findings and types of problems that it answers.")
    erps: list[str] = Field(description="Connectors that it is about; every ERP if none is named.")
    erp_versions: list[str]


class KnowledgeList(Outbound):
    items: list[KnowledgeOut]
