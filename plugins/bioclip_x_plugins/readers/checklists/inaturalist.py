"""The categories of iNaturalist's data sets (2017 to 2021, and others in COCO's shape), and the names of their folders.

    {"categories": [{"id": 42, "name": "Pica hudsonia", "common_name": "Black-billed Magpie", "supercategory": "Birds",
                     "kingdom": "Animalia", …, "genus": "Pica", "specific_epithet": "hudsonia", "image_dir_name": "00042_…"}]}

or the list alone; a folder with folders such as `00042_Animalia_Chordata_Aves_Passeriformes_Corvidae_Pica_hudsonia`; or a text
file of such names. The number is that of the category in its data set, not of a taxon at inaturalist.org, and is kept as the
identifier `inaturalist_category`. Categories without ranks stand below their supercategory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bioclip_x.plugin import (
    LINNAEAN,
    RANKS,
    Findings,
    NameUsage,
    Taxonomy,
    TaxonomyError,
    from_usages,
    normalise_rank,
    parse_name,
    read_yaml,
)
from bioclip_x_plugins.readers.lines import decode_head_text, read_text_lines, split_head_lines
from bioclip_x_plugins.readers.tables.lineages import complete_species_name

ICONIC: Final = {
    "Animalia": "kingdom", "Plantae": "kingdom", "Fungi": "kingdom", "Chromista": "kingdom", "Protozoa": "kingdom",
    "Mollusca": "phylum", "Actinopterygii": "class", "Amphibia": "class", "Arachnida": "class", "Aves": "class",
    "Insecta": "class", "Mammalia": "class", "Reptilia": "class",
}  # fmt: skip
"""The supercategories of the data set of 2017, which tells no other ranks."""

_FOLDER = re.compile(r"(\d+)((?:_[^_]*){6})_(.*)")
_CATEGORIES = re.compile(
    r'\s*\{\s*"(?:info|images)"\s*:|.*?"(?:specific_epithet|image_dir_name|supercategory|categories)"\s*:', re.DOTALL
)
_TOLD: Final = frozenset({*RANKS, "id", "name", "common_name", "specific_epithet", "image_dir_name"})


class INaturalistReader:
    """Categories in JSON, and names of folders."""

    def sniff(self, path: Path, head: bytes) -> bool:
        if path.is_dir():
            return any(map(_FOLDER.fullmatch, _folders(path)))
        if path.suffix.lower() == ".json":
            return _CATEGORIES.match(decode_head_text(head)) is not None
        return any(_FOLDER.fullmatch(line.strip()) for line in split_head_lines(head, 1))

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with the file, and the line or the number of the category."""
        findings = Findings(str(path))
        if path.is_dir():
            usages = _of_folders(((0, name) for name in _folders(path)), findings)
        elif path.suffix.lower() == ".json":
            usages = _of_categories(_categories(path), findings)
        else:
            usages = _of_folders(read_text_lines(path), findings)
        found = list(usages)
        _find_repeated(found, findings)
        findings.raise_errors()
        if not found:
            raise TaxonomyError(
                f"{path} is empty; expected categories, or folders called 00042_Animalia_…_Pica_hudsonia"
            )
        return from_usages(found, findings, source=str(path))


def _find_repeated(usages: Iterable[NameUsage], findings: Findings) -> None:
    seen: dict[str, str] = {}
    for usage in usages:
        first = seen.setdefault(usage.id, usage.name)
        if first is not usage.name:
            findings.error("repeated number", f"{first} and {usage.name} are both category {usage.id}", usage.line)


def _folders(path: Path) -> list[str]:
    """The folders in a folder, hidden ones left out."""
    return sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _of_folders(names: Iterable[tuple[int, str]], findings: Findings) -> Iterator[NameUsage]:
    """names: (line, name), the line 0 for folders that are there."""
    for line, text in names:
        name = text.strip()
        found = _FOLDER.fullmatch(name)
        above = list(zip(LINNAEAN, found[2].split("_")[1:])) if found else []
        epithet = found[3].replace("_", " ").strip() if found else ""
        if found and epithet:
            above.append(("species", complete_species_name(epithet, above[-1][1])))
        lineage = [(rank, name) for rank, name in above if name]
        if found and lineage:
            yield _usage(found[1], lineage, line=line)
        else:
            expected = "expected a name such as 00042_Animalia_Chordata_Aves_Passeriformes_Corvidae_Pica_hudsonia"
            findings.error("folder name", f"{expected}, got {name[:60]!r}", line)


def _categories(path: Path) -> list[Any]:
    document = read_yaml(path, TaxonomyError)
    found = document.get("categories") if isinstance(document, Mapping) else document
    if not isinstance(found, list):
        raise TaxonomyError(f"{path}: expected a list of categories, or one under the key 'categories'")
    return found


def _of_categories(categories: list[Any], findings: Findings) -> Iterator[NameUsage]:
    for number, category in enumerate(categories, start=1):
        if not isinstance(category, Mapping) or not _text(category, "id") or not _text(category, "name"):
            findings.error("category", f"category {number}: expected an object with id and name, got {category!r:.80}")
            continue
        common = _text(category, "common_name")
        yield _usage(
            _text(category, "id"),
            _lineage(category),
            common_names={"en": (common,)} if common else {},
            extra={
                str(key): str(value) for key, value in category.items() if key not in _TOLD and value not in (None, "")
            },
        )


def _lineage(category: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Down to the category itself, which is a species, the taxon of its name among its ranks, or has no rank."""
    name, group = _text(category, "name"), _text(category, "supercategory")
    names = {rank: found for rank in RANKS if (found := _text(category, rank))}
    if not names:
        above = [(ICONIC.get(group, ""), group)] if group else []
        return above if name == group else [*above, (_rank_of(name) if group in ICONIC else "", name)]
    own = next((rank for rank, found in names.items() if found == name), None) or _rank_of(name)
    if own in names:
        above_own = list(names)[: list(names).index(own)]
        return [*((rank, names[rank]) for rank in above_own), (own, name)]
    return [*names.items(), (own, name)]


def _rank_of(name: str) -> str:
    """Of a scientific name of two words or three; "" for one word."""
    parsed = parse_name(name)
    if parsed.infraspecific:
        return "subspecies" if len(name.split()) == 3 else normalise_rank(parsed.infraspecific[-1][0])
    return "species" if len(name.split()) > 1 else ""


def _usage(id: str, lineage: list[tuple[str, str]], *, line: int = 0, **about: Any) -> NameUsage:
    rank, name = lineage[-1]
    ids = {"inaturalist_category": id}
    return NameUsage(id, name, rank, lineage=lineage[:-1], line=line, is_class=True, ids=ids, **about)


def _text(category: Mapping[str, Any], key: str) -> str:
    value = category.get(key)
    return " ".join(str(value).split()) if value is not None else ""
