"""The categories of the iNaturalist data sets (2017 to 2021, and others in COCO format), or the names of their folders.

    {"categories": [{"id": 42, "name": "Pica hudsonia", "common_name": "Black-billed Magpie", "supercategory": "Birds",
                     "kingdom": "Animalia", …, "genus": "Pica", "specific_epithet": "hudsonia", "image_dir_name": "00042_…"}]}

or the list alone; a folder with subfolders such as `00042_Animalia_Chordata_Aves_Passeriformes_Corvidae_Pica_hudsonia`; or a text
file of such names. The number identifies the category in its data set, not a taxon at inaturalist.org, and is kept as the
identifier `inaturalist_category`. Categories without ranks are placed below their supercategory.
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
    FormatExample,
    NameUsage,
    Taxonomy,
    TaxonomyError,
    TaxonomyReaderCapabilities,
    drop_placeholder,
    from_usages,
    name_content,
    normalise_rank,
    parse_name,
    read_yaml,
)
from bioclip_x_plugins.readers.lines import decode_head_text, read_text_lines, split_head_lines
from bioclip_x_plugins.readers.vocabulary.epithets import complete_species_name

ICONIC: Final = {
    "Animalia": "kingdom", "Plantae": "kingdom", "Fungi": "kingdom", "Chromista": "kingdom", "Protozoa": "kingdom",
    "Mollusca": "phylum", "Actinopterygii": "class", "Amphibia": "class", "Arachnida": "class", "Aves": "class",
    "Insecta": "class", "Mammalia": "class", "Reptilia": "class",
}  # fmt: skip
"""The supercategories of the 2017 data set, which gives no other ranks."""

_FOLDER = re.compile(r"(\d+)((?:_[^_]*){6})_(.*)")
_CATEGORIES = re.compile(
    r'\s*\{\s*"(?:info|images)"\s*:|.*?"(?:specific_epithet|image_dir_name|supercategory|categories)"\s*:', re.DOTALL
)
_KNOWN_KEYS: Final = frozenset({*RANKS, "id", "name", "common_name", "specific_epithet", "image_dir_name"})


class INaturalistReader:
    """Reads categories from JSON, or names of folders."""

    capabilities = TaxonomyReaderCapabilities(
        example=FormatExample(
            "categories.json",
            {
                "categories.json": '{"categories": [\n'
                '  {"id": 42, "name": "Pica hudsonia", "common_name": "Black-billed Magpie", "supercategory": "Birds",\n'
                '   "kingdom": "Animalia", "phylum": "Chordata", "class": "Aves", "order": "Passeriformes",\n'
                '   "family": "Corvidae", "genus": "Pica", "specific_epithet": "hudsonia"}]}\n',
            },
        ),
    )

    def sniff(self, path: Path, head: bytes) -> bool:
        if path.is_dir():
            return any(map(_FOLDER.fullmatch, _list_folders(path)))
        if path.suffix.lower() == ".json":
            return _CATEGORIES.match(decode_head_text(head)) is not None
        return any(_FOLDER.fullmatch(line.strip()) for line in split_head_lines(head, 1))

    def read(self, path: Path) -> Taxonomy:
        """Raises TaxonomyError with the file, and the line or the category number."""
        findings = Findings(str(path))
        if path.is_dir():
            usages = _read_folder_names(((0, name) for name in _list_folders(path)), findings)
        elif name_content(path).suffix.lower() == ".json":
            usages = _read_categories(_load_categories(path), findings)
        else:
            usages = _read_folder_names(read_text_lines(path, findings), findings)
        taxa = list(usages)
        _check_unique_ids(taxa, findings)
        findings.raise_errors()
        if not taxa:
            raise TaxonomyError(
                f"{path} is empty; expected categories, or folders named like 00042_Animalia_…_Pica_hudsonia"
            )
        return from_usages(taxa, findings, source=str(path))


def _check_unique_ids(usages: Iterable[NameUsage], findings: Findings) -> None:
    seen: dict[str, str] = {}
    for usage in usages:
        first = seen.setdefault(usage.id, usage.name)
        if first is not usage.name:
            findings.error("repeated number", f"{first} and {usage.name} are both category {usage.id}", usage.line)


def _list_folders(path: Path) -> list[str]:
    """Returns the names of the subfolders, without hidden ones."""
    return sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _read_folder_names(names: Iterable[tuple[int, str]], findings: Findings) -> Iterator[NameUsage]:
    """names: (line, name); line 0 for the name of an actual folder."""
    for line, text in names:
        name = text.strip()
        match = _FOLDER.fullmatch(name)
        taxa = list(zip(LINNAEAN, match[2].split("_")[1:])) if match else []
        epithet = match[3].replace("_", " ").strip() if match else ""
        if match and epithet:
            taxa.append(("species", complete_species_name(epithet, taxa[-1][1])))
        lineage = [(rank, name) for rank, name in taxa if drop_placeholder(name)]
        if match and lineage:
            yield _make_usage(match[1], lineage, line=line)
        else:
            expected = "expected a name such as 00042_Animalia_Chordata_Aves_Passeriformes_Corvidae_Pica_hudsonia"
            findings.error("folder name", f"{expected}, got {name[:60]!r}", line)


def _load_categories(path: Path) -> list[Any]:
    document = read_yaml(path, TaxonomyError)
    categories = document.get("categories") if isinstance(document, Mapping) else document
    if not isinstance(categories, list):
        raise TaxonomyError(f"{path}: expected a list of categories, or one under the key 'categories'")
    return categories


def _read_categories(categories: list[Any], findings: Findings) -> Iterator[NameUsage]:
    for number, category in enumerate(categories, start=1):
        if not isinstance(category, Mapping) or not _get_text(category, "id") or not _get_text(category, "name"):
            findings.error("category", f"category {number}: expected an object with id and name, got {category!r:.80}")
            continue
        common = _get_text(category, "common_name")
        yield _make_usage(
            _get_text(category, "id"),
            _make_lineage(category),
            common_names={"en": (common,)} if common else {},
            extra={
                str(key): str(value)
                for key, value in category.items()
                if key not in _KNOWN_KEYS and value not in (None, "")
            },
        )


def _make_lineage(category: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Makes the lineage down to the category itself, whose rank is that of its name among the rank keys, else inferred."""
    name, group = _get_text(category, "name"), _get_text(category, "supercategory")
    names = {rank: taxon for rank in RANKS if (taxon := _get_text(category, rank))}
    if not names:
        parents = [(ICONIC.get(group, ""), group)] if group else []
        return parents if name == group else [*parents, (_infer_rank(name) if group in ICONIC else "", name)]
    own_rank = next((rank for rank, taxon in names.items() if taxon == name), None) or _infer_rank(name)
    if own_rank in names:
        higher_ranks = list(names)[: list(names).index(own_rank)]
        return [*((rank, names[rank]) for rank in higher_ranks), (own_rank, name)]
    return [*names.items(), (own_rank, name)]


def _infer_rank(name: str) -> str:
    """Infers the rank of a scientific name of two or three words; "" for one word."""
    parsed = parse_name(name)
    if parsed.infraspecific:
        return "subspecies" if len(name.split()) == 3 else normalise_rank(parsed.infraspecific[-1][0])
    return "species" if len(name.split()) > 1 else ""


def _make_usage(id: str, lineage: list[tuple[str, str]], *, line: int = 0, **details: Any) -> NameUsage:
    rank, name = lineage[-1]
    ids = {"inaturalist_category": id}
    return NameUsage(id, name, rank, lineage=lineage[:-1], line=line, is_class=True, ids=ids, **details)


def _get_text(category: Mapping[str, Any], key: str) -> str:
    """Returns a value as text; "" for none, or a placeholder."""
    value = category.get(key)
    return drop_placeholder(" ".join(str(value).split())) if value is not None else ""
