"""Indented text trees in the format of the Catalogue of Life (https://github.com/gbif/text-tree):

    Pinaceae Spreng. [family]
      Abies [genus]
        Abies alba Mill. [species] {ID=1234 VERN=de:Weißtanne,fr:Sapin blanc}  # a comment
          =Pinus picea L. [species]
        †Abies chaneyi Mason [species]

Each level is indented by two spaces or two hyphens (`-- Abies`). `=`, `≡` and `*` mark synonyms of the taxon above, `$` a
basionym, `†` an extinct and `?` a provisional taxon. Each line is a separate taxon, even if names repeat.
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
    FormatExample,
    Mismatch,
    NameUsage,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    from_usages,
    normalise_rank,
    split_authorship,
)
from bioclip_x_plugins.readers.lines import read_text_lines, split_head_lines
from bioclip_x_plugins.readers.vocabulary.languages import find_language_code

OTHER_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json", ".csv", ".tsv"})
"""Suffixes of other indented or tabular formats."""

_MARKS = re.compile(r"((?:--)+ |\s*)([=≡*]?)([$?†]*)\s*")
_INFO = re.compile(r"(\w+)=(.*?)(?=\s+[A-Z]+=|$)")
_COMMA = re.compile(r"(?<!,),(?!,)")


class TextTreeReader:
    """Reads one name per line, indented below its parent."""

    capabilities = TaxonomyReaderCapabilities(
        explains_mismatch=True,
        example=FormatExample(
            "conifers.txtree",
            {
                "conifers.txtree": "Pinaceae Spreng. [family]\n"
                "  Abies [genus]\n"
                "    Abies alba Mill. [species] {ID=1234 VERN=de:Weißtanne,fr:Sapin blanc}\n"
                "      =Pinus picea L. [species]\n"
                "    †Abies chaneyi Mason [species]\n",
            },
        ),
    )

    def sniff(self, path: Path, head: bytes) -> bool:
        if path.suffix.lower() == ".txtree":
            return bool(head)
        lines = [line for line in split_head_lines(head) if not line.startswith("#")]
        if not lines or path.suffix.lower() in OTHER_SUFFIXES or not re.match(r"[^\W\d_]|[†?×]", lines[0]):
            return False
        is_ranked = any(_is_ranked(line) for line in lines[:2])
        is_indented = any(re.match(r"(?:--|  )[^\s-]|-- ", line) for line in lines[1:])
        return is_ranked or (is_indented and not re.search(r"[\t,;:]", lines[0]))

    def explain_mismatch(self, path: Path, head: bytes) -> Mismatch | None:
        lines = split_head_lines(head)
        if any(line.startswith("\t") for line in lines[1:]) and not any("\t" in line.lstrip("\t") for line in lines):
            return Mismatch(0.8, "it is indented by tabs; indent by two spaces per level")
        return None

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with file and line: wrong indentation, a skipped level, a synonym without a taxon."""
        findings = Findings(str(path))
        usages = list(_read_usages(path, findings))
        if not usages and not any(problem.is_error for problem in findings.problems):
            raise TaxonomyError(f"{path} is empty; expected one name per line")
        return from_usages(usages, findings, source=str(path))


@dataclass(frozen=True, slots=True)
class _Line:
    """The parts of a line. is_synonym: marked as one. marks: any of `$`, `?` and `†`. info: the text within braces."""

    indent: str
    is_synonym: bool
    marks: str
    name: str
    rank: str
    info: str


def _parse_line(text: str) -> _Line:
    marks = _MARKS.match(text)
    assert marks is not None  # the pattern matches the empty string
    rest = text[marks.end() :].partition(" #")[0].rstrip()
    info = rank = ""
    if rest.endswith("}") and "=" in rest.rpartition(" {")[2]:
        rest, _, info = rest[:-1].rpartition(" {")
        rest = rest.rstrip()
    if rest.endswith("]"):
        rest, _, rank = rest[:-1].rpartition(" [")
    return _Line(marks[1], bool(marks[2]), marks[3], " ".join(rest.split()), rank, " ".join(info.split()))


def _is_ranked(line: str) -> bool:
    rank = _parse_line(line).rank
    return bool(rank) and (normalise_rank(rank) in RANKS or rank.strip().lower() == "unranked")


def _read_usages(path: Path, findings: Findings) -> Iterator[NameUsage]:
    """Yields one usage per line; its id is the line number."""
    ancestors: list[NameUsage] = []
    seen: dict[tuple[str, str, str, str], int] = {}
    for number, text in read_text_lines(path, findings):
        if text.startswith("#"):
            continue
        line = _parse_line(text)
        if not re.search(r"\w", line.name):
            findings.error("no name", f"expected a name, got {text.strip()[:40]!r}", number)
            continue
        del ancestors[_compute_depth(line.indent, len(ancestors), number, findings) :]
        usage = _make_usage(line, number, ancestors, findings)
        ancestors.append(usage)
        if not usage.accepted:
            key = usage.parent, usage.rank, usage.name, usage.authorship
            first = seen.setdefault(key, number)
            if first != number:
                findings.warn(
                    "listed twice", f"{usage.name!r} is in line {first} too; each is a separate taxon", number
                )
        yield usage


def _compute_depth(indent: str, deepest: int, number: int, findings: Findings) -> int:
    """Returns the level of a line, the nearest one after reporting wrong indentation. deepest: of a child of the line above."""
    width = len(indent.rstrip()) if indent.startswith("-") else len(indent)
    depth = (width + 1) // 2
    if "\t" in indent:
        findings.error("indentation", "indented by a tab; expected two spaces per level", number)
    elif width % 2:
        findings.error("indentation", f"indented by {width} spaces; expected two per level", number)
    elif depth > deepest:
        expected = f"at most {2 * deepest}, two more than the line above" if deepest else "none in the first line"
        findings.error("indentation", f"indented by {width}; expected {expected}", number)
    return min(depth, deepest)


def _make_usage(line: _Line, number: int, ancestors: list[NameUsage], findings: Findings) -> NameUsage:
    rank = normalise_rank(line.rank)
    name, authorship = split_authorship(line.name, rank)
    common, ids, extra = _parse_info(line.info)
    if "†" in line.marks:
        extra["extinct"] = "true"
    if "?" in line.marks:
        extra["provisional"] = "true"
    usage = NameUsage(
        str(number), name, rank, authorship=authorship, line=number, common_names=common, ids=ids, extra=extra
    )
    if not line.is_synonym:
        if ancestors and ancestors[-1].accepted:
            findings.error("synonym", f"{name!r} is below a synonym; put it below an accepted name", number)
        usage.parent = ancestors[-1].id if ancestors else ""
    elif ancestors:
        usage.accepted = ancestors[-1].accepted or (ancestors[-1].id,)
    else:
        findings.error("synonym", f"the synonym {name!r} has no name above it", number)
    return usage


def _parse_info(text: str) -> tuple[dict[str, tuple[str, ...]], dict[str, str], dict[str, str]]:
    """Parses `ID=12 VERN=de:Tanne,fr:Sapin PUB=Mill1768` into common names, ids and extras; `,,` is a comma in a value.

    >>> _parse_info("ID=12 VERN=de:Tanne PUB=Mill,,1768")
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
