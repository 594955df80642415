"""Indented text trees, as the Catalogue of Life writes them (https://github.com/gbif/text-tree):

    Pinaceae Spreng. [family]
      Abies [genus]
        Abies alba Mill. [species] {ID=1234 VERN=de:Weißtanne,fr:Sapin blanc}  # a comment
          =Pinus picea L. [species]
        †Abies chaneyi Mason [species]

Two blanks a level, or two hyphens (`-- Abies`). `=`, `≡` and `*` are synonyms of the taxon above, `$` a basionym, `†` is
extinct, `?` provisional. A line is a taxon, also where another has the same name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioclip_x.plugin import (
    RANKS,
    Findings,
    NameUsage,
    Taxonomy,
    TaxonomyError,
    from_usages,
    normalise_rank,
    split_authorship,
)
from bioclip_x_plugins.readers.languages import find_language_code
from bioclip_x_plugins.readers.lines import read_text_lines, split_head_lines

NEVER: Final = frozenset({".yaml", ".yml", ".json", ".csv", ".tsv"})
"""Suffixes of files that are indented, or not tables, for reasons of their own."""

_MARKS = re.compile(r"((?:--)+ |\s*)([=≡*]?)([$?†]*)\s*")
_INFO = re.compile(r"(\w+)=(.*?)(?=\s+[A-Z]+=|$)")
_COMMA = re.compile(r"(?<!,),(?!,)")


class TextTreeReader:
    """A name a line, indented below the one above it."""

    def sniff(self, path: Path, head: bytes) -> bool:
        if path.suffix.lower() == ".txtree":
            return bool(head)
        lines = [line for line in split_head_lines(head) if not line.startswith("#")]
        if not lines or path.suffix.lower() in NEVER or not re.match(r"[^\W\d_]|[†?×]", lines[0]):
            return False
        is_ranked = any(_is_ranked(line) for line in lines[:2])
        is_indented = any(re.match(r"(?:--|  )[^\s-]|-- ", line) for line in lines[1:])
        return is_ranked or (is_indented and not re.search(r"[\t,;:]", lines[0]))

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line: odd indentation, a level left out, a synonym of nothing."""
        findings = Findings(str(path))
        usages = list(_usages(path, findings))
        if not usages and not any(problem.is_error for problem in findings.problems):
            raise TaxonomyError(f"{path} is empty; expected a name a line")
        return from_usages(usages, findings, source=str(path))


@dataclass(frozen=True, slots=True)
class _Line:
    """The parts of a line as they are written. is_synonym: marked as one. marks: of `$`, `?` and `†`. info: without braces."""

    indent: str
    is_synonym: bool
    marks: str
    name: str
    rank: str
    info: str


def _parts(text: str) -> _Line:
    marks = _MARKS.match(text)
    assert marks is not None  # it matches nothing, too
    rest = text[marks.end() :].partition(" #")[0].rstrip()
    info = rank = ""
    if rest.endswith("}") and "=" in rest.rpartition(" {")[2]:
        rest, _, info = rest[:-1].rpartition(" {")
        rest = rest.rstrip()
    if rest.endswith("]"):
        rest, _, rank = rest[:-1].rpartition(" [")
    return _Line(marks[1], bool(marks[2]), marks[3], " ".join(rest.split()), rank, " ".join(info.split()))


def _is_ranked(line: str) -> bool:
    rank = _parts(line).rank
    return bool(rank) and (normalise_rank(rank) in RANKS or rank.strip().lower() == "unranked")


def _usages(path: Path, findings: Findings) -> Iterator[NameUsage]:
    """A usage a line; its id is the number of the line."""
    above: list[NameUsage] = []
    seen: dict[tuple[str, str, str, str], int] = {}
    for number, text in read_text_lines(path):
        if text.startswith("#"):
            continue
        line = _parts(text)
        if not re.search(r"\w", line.name):
            findings.error("no name", f"expected a name, got {text.strip()[:40]!r}", number)
            continue
        del above[_depth(line.indent, len(above), number, findings) :]
        usage = _usage(line, number, above, findings)
        above.append(usage)
        if not usage.accepted:
            key = usage.parent, usage.rank, usage.name, usage.authorship
            first = seen.setdefault(key, number)
            if first != number:
                findings.warn(
                    "listed twice", f"{usage.name!r} is in line {first} too; each is a class of its own", number
                )
        yield usage


def _depth(indent: str, deepest: int, number: int, findings: Findings) -> int:
    """The level of a line; where it is wrong, a finding and the nearest level. deepest: of a child of the line above."""
    width = len(indent.rstrip()) if indent.startswith("-") else len(indent)
    depth = (width + 1) // 2
    if "\t" in indent:
        findings.error("indentation", "indented by a tab; expected two blanks a level", number)
    elif width % 2:
        findings.error("indentation", f"indented by {width} blanks; expected two a level", number)
    elif depth > deepest:
        expected = f"at most {2 * deepest}, two more than the line above" if deepest else "none in the first line"
        findings.error("indentation", f"indented by {width}; expected {expected}", number)
    return min(depth, deepest)


def _usage(line: _Line, number: int, above: list[NameUsage], findings: Findings) -> NameUsage:
    rank = normalise_rank(line.rank)
    name, authorship = split_authorship(line.name, rank)
    common, ids, extra = _info(line.info)
    if "†" in line.marks:
        extra["extinct"] = "true"
    if "?" in line.marks:
        extra["provisional"] = "true"
    usage = NameUsage(
        str(number), name, rank, authorship=authorship, line=number, common_names=common, ids=ids, extra=extra
    )
    if not line.is_synonym:
        if above and above[-1].accepted:
            findings.error("synonym", f"{name!r} stands below a synonym; expected it below an accepted name", number)
        usage.parent = above[-1].id if above else ""
    elif above:
        usage.accepted = above[-1].accepted or (above[-1].id,)
    else:
        findings.error("synonym", f"the synonym {name!r} has no name above it", number)
    return usage


def _info(text: str) -> tuple[dict[str, tuple[str, ...]], dict[str, str], dict[str, str]]:
    """Common names, ids and extras of `ID=12 VERN=de:Tanne,fr:Sapin PUB=Mill1768`; `,,` is a comma in a value.

    >>> _info("ID=12 VERN=de:Tanne PUB=Mill,,1768")
    ({'de': ('Tanne',)}, {'id': '12'}, {'pub': 'Mill,1768'})
    """
    common: dict[str, tuple[str, ...]] = {}
    ids: dict[str, str] = {}
    extra: dict[str, str] = {}
    for key, value in _INFO.findall(text):
        parts = [part.replace(",,", ",").strip() for part in _COMMA.split(value)]
        if key == "VERN" and all(re.match(r"[A-Za-z-]{2,}:", part) for part in parts):
            for language, _, name in (part.partition(":") for part in parts):
                language = find_language_code(language)
                common[language] = (*common.get(language, ()), name.strip())
        elif key == "ID":
            ids["id"] = value
        else:
            extra[key.lower()] = value.replace(",,", ",").strip()
    return common, ids, extra
