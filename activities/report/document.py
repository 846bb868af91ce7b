"""A report as data: sections made of blocks, already in words. Pure: it can be read, indexed and set."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeAlias


class Tone(StrEnum):
    """How something is meant; the page gives each a colour."""

    PLAIN = "plain"
    STRONG = "strong"
    FAINT = "faint"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


class Share(StrEnum):
    """Whose time it was."""

    PEOPLE = "people"
    MACHINE = "machine"


@dataclass(frozen=True)
class Cell:
    """A piece of text. `code` is set small: digests, names of files."""

    text: str
    tone: Tone = Tone.PLAIN
    code: bool = False


@dataclass(frozen=True)
class Paragraph:
    kind: ClassVar[str] = "paragraph"
    text: str
    tone: Tone = Tone.PLAIN

    def texts(self) -> Iterator[str]:
        yield self.text


@dataclass(frozen=True)
class Heading:
    """A smaller heading within a section."""

    kind: ClassVar[str] = "heading"
    text: str

    def texts(self) -> Iterator[str]:
        yield self.text


@dataclass(frozen=True)
class Fact:
    label: str
    value: Cell


@dataclass(frozen=True)
class Facts:
    """Labels and values, one a line."""

    kind: ClassVar[str] = "facts"
    rows: tuple[Fact, ...]

    def texts(self) -> Iterator[str]:
        for row in self.rows:
            yield f"{row.label} {row.value.text}"


@dataclass(frozen=True)
class Column:
    """`width` is the column's share of the page, in any unit: what counts is the sum."""

    heading: str
    width: int
    is_number: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under headings that come again on every page; `note` says what was left out."""

    kind: ClassVar[str] = "table"
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def texts(self) -> Iterator[str]:
        yield " ".join(column.heading for column in self.columns)
        for row in self.rows:
            yield " ".join(cell.text for cell in row)
        yield self.note


@dataclass(frozen=True)
class Moment:
    """A point of the timeline."""

    at: str
    title: str
    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Timeline:
    kind: ClassVar[str] = "timeline"
    moments: tuple[Moment, ...]

    def texts(self) -> Iterator[str]:
        for moment in self.moments:
            yield f"{moment.at} {moment.title} {moment.text}"


@dataclass(frozen=True)
class Bar:
    """One stage: from and to in milliseconds since the beginning."""

    label: str
    start: int
    end: int
    share: Share
    said: str


@dataclass(frozen=True)
class Mark:
    """A line across the bars, where a clock ends."""

    label: str
    at: int


@dataclass(frozen=True)
class Clock:
    """One clock as a bar in two parts, milliseconds each. `total` is in words; empty if it never ended."""

    name: str
    means: str
    total: str
    people: int
    people_said: str
    machine: int
    machine_said: str


@dataclass(frozen=True)
class Waterfall:
    """Stage by stage where the time went."""

    kind: ClassVar[str] = "waterfall"
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    people: str
    machine: str
    note: str = ""

    def texts(self) -> Iterator[str]:
        for bar in self.bars:
            yield f"{bar.label} {bar.said}"
        yield self.note


@dataclass(frozen=True)
class Clocks:
    kind: ClassVar[str] = "clocks"
    clocks: tuple[Clock, ...]
    people: str
    machine: str

    def texts(self) -> Iterator[str]:
        for clock in self.clocks:
            said = (clock.name, clock.means, clock.total)
            yield " ".join((*said, self.people, clock.people_said, self.machine, clock.machine_said))


@dataclass(frozen=True)
class SignatureLine:
    """Somebody who signed electronically, and room for a signature on paper."""

    role: str
    name: str
    record: str


@dataclass(frozen=True)
class Signatures:
    kind: ClassVar[str] = "signatures"
    lines: tuple[SignatureLine, ...]
    signature: str
    date: str

    def texts(self) -> Iterator[str]:
        for line in self.lines:
            yield f"{line.role} {line.name} {line.record}"


Block: TypeAlias = Paragraph | Heading | Facts | Table | Timeline | Waterfall | Clocks | Signatures


@dataclass(frozen=True)
class Section:
    """A numbered chapter and a bookmark; `own_page` begins it on a new page."""

    title: str
    blocks: tuple[Block, ...]
    own_page: bool = False

    def texts(self) -> Iterator[str]:
        yield self.title
        for block in self.blocks:
            yield from block.texts()


@dataclass(frozen=True)
class Cover:
    """The first page."""

    product: str
    title: str
    number: str
    subtitle: str
    outcome: str
    outcome_label: str
    tone: Tone
    because: str
    facts: tuple[Fact, ...]
    clocks: Clocks
    notice: str

    def texts(self) -> Iterator[str]:
        yield from (self.title, self.number, self.subtitle, self.outcome, self.because)
        yield from (f"{fact.label} {fact.value.text}" for fact in self.facts)
        yield from self.clocks.texts()
        yield self.notice


@dataclass(frozen=True)
class Report:
    """A whole report, in one language."""

    language: str
    region: str
    cover: Cover
    contents: str
    """Heading of the list of sections."""
    sections: tuple[Section, ...]
    page: str
    """How a page is numbered: `Page {n} of {all}`."""
    draft: str = ""
    """What is written across every page of a report that is not final."""

    def text(self) -> str:
        """Everything that can be read in it, a line for each row: for searching."""
        lines = [*self.cover.texts(), *(line for section in self.sections for line in section.texts())]
        return "\n".join(line for line in lines if line.strip())
