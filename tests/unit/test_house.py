"""What holds for every file of the project, whatever it is about."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
ADRS = sorted((HOUSE / "docs/adr").glob("[0-9]*.md"))
HEADINGS = ["Context", "Decision", "Consequences", "Alternatives", "References"]
REQUIREMENTS = range(1, 108)

# Written in pieces, so that this file does not name what it forbids.
REGISTRIES = [
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("npmjs", "org"),
    ("yarnpkg", "com"),
    ("crates", "io"),
    ("golang", "org"),
    ("rubygems", "org"),
    ("anaconda", "org"),
    ("docker", "io"),
    ("ghcr", "io"),
    ("quay", "io"),
    ("gcr", "io"),
    ("debian", "org"),
    ("ubuntu", "com"),
]
MACHINE_FOLDERS = ["home", "work", "root", "Users", "mnt"]

FORBIDDEN = re.compile(
    "|".join(
        [
            *(rf"\b{host}\.{domain}\b" for host, domain in REGISTRIES),
            rf"(?<![\w.}}~*-])/(?:{'|'.join(MACHINE_FOLDERS)})/",
            rf"(?:@\s*file:|file:///(?:{'|'.join([*MACHINE_FOLDERS, 'opt', 'tmp', 'usr', 'var'])})\b)",
        ]
    ).encode()
)
HINTS = [
    *(f"{host}.{domain}".encode() for host, domain in REGISTRIES),
    *(f"/{folder}/".encode() for folder in MACHINE_FOLDERS),
    b"file:",
]
"""One of them is in whatever is forbidden; looking for them is much quicker."""


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git knows and that is there."""
    if not (HOUSE / ".git").exists():
        pytest.skip("not a git checkout: no list of tracked files")
    names = subprocess.run(
        ["git", "ls-files", "-z"],
        cwd=HOUSE,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    return tuple(path for name in names if name and (path := HOUSE / name).is_file())


def texts(*suffixes: str) -> Iterator[tuple[Path, str]]:
    for path in tracked():
        if path.suffix in suffixes:
            yield path.relative_to(HOUSE), path.read_text("utf-8")


def find_forbidden(content: bytes) -> list[str]:
    if not any(hint in content for hint in HINTS):
        return []
    return sorted({match[0].decode() for match in FORBIDDEN.finditer(content)})


def test_no_file_names_a_registry_host_or_an_absolute_machine_path() -> None:
    found = {
        str(path.relative_to(HOUSE)): names
        for path in tracked()
        if (names := find_forbidden(path.read_bytes()))
    }
    assert not found


@pytest.mark.parametrize(
    ("text", "is_forbidden"),
    [
        ("https://files." + "python" + "hosted.org/x", True),
        ("image: " + "ghcr" + ".io/x/y", True),
        ("cd /" + "home/someone", True),
        ("pkg @ file" + ":///x/pkg.whl", True),
        ("file" + ":///tmp/store", True),
        ("see docs/" + "work/notes.md and ~/" + "work/x", False),
        ('f"file' + ':{path}?mode=ro"', False),
        ("file:///folder or s3://bucket", False),
    ],
)
def test_the_search_sees_what_it_must_and_nothing_else(text: str, is_forbidden: bool) -> None:
    assert bool(find_forbidden(text.encode())) is is_forbidden


@pytest.mark.parametrize("adr", ADRS, ids=lambda adr: adr.stem[:4])
def test_an_adr_has_its_five_headings(adr: Path) -> None:
    lines = adr.read_text("utf-8").splitlines()
    assert lines[0].startswith(f"# {adr.stem[:4]}. ")
    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == HEADINGS


def test_adrs_are_numbered_without_gaps_and_all_in_the_index() -> None:
    index = (HOUSE / "docs/adr/README.md").read_text("utf-8")
    assert [adr.stem[:4] for adr in ADRS] == [f"{n:04d}" for n in range(1, len(ADRS) + 1)]
    assert [adr.name for adr in ADRS if f"]({adr.name})" not in index] == []


def test_every_cited_adr_exists() -> None:
    known = {adr.stem[:4] for adr in ADRS}
    cited = {
        (str(path), number)
        for path, text in texts(".py", ".md", ".toml", ".html", ".yaml", ".sh")
        for number in re.findall(r"\bADR-(\d{4})\b", text)
    }
    assert {(path, number) for path, number in cited if number not in known} == set()


def test_every_cited_requirement_exists() -> None:
    cited = {
        (str(path), int(number))
        for path, text in texts(".py", ".md", ".toml", ".html", ".yaml", ".sh")
        for number in re.findall(r"\bR(\d{1,3})\b", text)
    }
    assert cited
    assert {(path, n) for path, n in cited if n not in REQUIREMENTS} == set()


def test_the_readme_names_existing_folders() -> None:
    readme = (HOUSE / "README.md").read_text("utf-8")
    section = readme.split("\n## Find your way around\n")[1].split("\n## ")[0]
    folders = re.findall(r"^\| `([^`]+/)` \|", section, re.MULTILINE)
    assert len(folders) >= 5
    assert [folder for folder in folders if not (HOUSE / folder).is_dir()] == []


def test_links_between_documents_lead_somewhere() -> None:
    dead = [
        (str(path), target)
        for path, text in texts(".md")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
        if not (HOUSE / path.parent / target).exists()
    ]
    assert dead == []
