"""Code in the pages is cut from files that run in CI.

A code block of a page stands below a comment that names its file, and a section of it:

    <!-- code: docs/code/heads.sh [heads] -->

Sections of a file lie between lines that end in `[start:NAME]` and `[end:NAME]`, as in pymdownx.snippets; without a name, the
block is the whole file. `python -m docs.writers` fills the blocks in. Blocks that are no code of ours, such as an output or an
equation, stand below

    <!-- shown: what it is -->

A test checks that the blocks are up to date, that every block has such a comment, and that every file runs.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
LANGUAGES: Final = {".sh": "console", ".py": "python", ".yaml": "yaml", ".csv": "csv", ".json": "json", ".toml": "toml"}
CODE: Final = re.compile(r"<!-- code: (?P<file>\S+)(?: \[(?P<section>[\w.+-]+)\])? -->")
SHOWN: Final = re.compile(r"<!-- shown: [^>]+ -->")
GENERATED: Final = ("hooks.md", "taxonomy-formats.md")
"""Pages whose blocks other scripts write, with tests of their own."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code in a page. comment: the last line with text before it. line: from 1. text: without fences."""

    line: int
    comment: str
    text: str


def list_pages() -> list[Path]:
    """Lists the pages that may have code cut from files."""
    docs = ROOT / "docs"
    own = [page for page in docs.rglob("*.md") if page.parent.name != "reference" and page.name not in GENERATED]
    return sorted(own)


def fill_blocks(page: str) -> str:
    """Returns the page with the code of each `<!-- code: … -->` below it."""
    lines = page.split("\n")
    filled: list[str] = []
    i = 0
    while i < len(lines):
        filled.append(lines[i])
        i += 1
        if found := CODE.fullmatch(lines[i - 1].strip()):
            i = _skip_block(lines, i)
            filled += ["", *make_block(found["file"], found["section"])]
    return "\n".join(filled)


def make_block(file: str, section: str | None) -> list[str]:
    """Returns a fenced block with a section of a file."""
    language = LANGUAGES.get(Path(file).suffix, "text")
    return [f"```{language}", *cut(ROOT / file, section).splitlines(), "```"]


def cut(file: Path, section: str | None) -> str:
    """Returns a section of a file without its indentation, or the whole file without marks.

    Raises ValueError for a section that the file lacks.
    """
    text = file.read_text("utf-8")
    if section:
        pattern = rf"^[^\n]*\[start:{re.escape(section)}\]\n(.*?)^[^\n]*\[end:{re.escape(section)}\]$"
        found = re.search(pattern, text, re.MULTILINE | re.DOTALL)
        if not found:
            raise ValueError(f"{file}: no section {section}")
        text = found[1]
    kept = [line for line in text.splitlines() if not re.search(r"\[(start|end):[\w.+-]+\]$", line)]
    return textwrap.dedent("\n".join(kept)).strip("\n")


def _skip_block(lines: list[str], start: int) -> int:
    """Returns the number of the line after the fenced block that follows, if one does."""
    i = start
    while i < len(lines) and not lines[i].strip():
        i += 1
    if i == len(lines) or not lines[i].startswith("```"):
        return start
    return next(j for j in range(i + 1, len(lines)) if lines[j] == "```") + 1


def list_blocks(page: str) -> Iterator[Block]:
    """Yields the code blocks of a page, fenced or indented; equations, which are fenced as `math`, are none."""
    lines = page.split("\n")
    comment, i = "", 0
    while i < len(lines):
        line = lines[i]
        if line.startswith("```"):
            end = next(j for j in range(i + 1, len(lines)) if lines[j].startswith("```"))
            if line != "```math":
                yield Block(i + 1, comment, "\n".join(lines[i + 1 : end]))
            comment, i = "", end + 1
        elif line.startswith("    ") and line.strip() and not (i and lines[i - 1].strip()):
            end = next(
                (j for j in range(i, len(lines)) if lines[j].strip() and not lines[j].startswith("    ")), len(lines)
            )
            if not _is_in_list(lines, i):
                yield Block(i + 1, comment, "\n".join(lines[i:end]))
            comment, i = "", end
        else:
            comment = line.strip() or comment
            i += 1


def _is_in_list(lines: list[str], i: int) -> bool:
    """Whether an indented line goes on with an item of a list."""
    before = next((line for line in reversed(lines[:i]) if line.strip() and not line.startswith(" ")), "")
    return bool(re.match(r"(-|\*|\d+\.) ", before))
