"""What the columns of one table mean, by their names and by what their cells hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from bioclip_x.plugin import Column, Findings, TaxonomyError, combine_columns, list_some
from bioclip_x_plugins.readers.checklists.rows import clean_name
from bioclip_x_plugins.readers.tables.cells import clean_rank_cell, clean_species_cell, split_cell
from bioclip_x_plugins.readers.vocabulary.columns import (
    WEAK_NAMES,
    Meaning,
    compact_name,
    describe_meaning,
    find_meanings,
)
from bioclip_x_plugins.readers.vocabulary.epithets import complete_species_name

MAX_COLUMNS: Final = 12
"""Columns named in an error."""

_NUMBER: Final = re.compile(r"[\d.,:\s-]*\d[\d.,:\s-]*")
_BINOMIAL: Final = re.compile(r"[×†]?\s?[A-Z][a-zà-ÿ-]+[ _](?:× ?)?[a-zà-ÿ-]{3,}\b.*")
_LATIN: Final = re.compile(r"[^ _]+[ _](?:× ?)?[a-zà-ÿ-]*(?:a|us|um|is|i|ae|ens|ans|oides|es|or)\b.*")
_LATIN_CLASS: Final = re.compile(r"(?:[^\W\d_]|-)+(?:ae|a|es|ii|i|us|um)", re.IGNORECASE)
_LABEL: Final = re.compile(r".*(?:\d|_[^A-Z]|_[A-Z][a-z]|\s[a-zà-ÿ]).*|[a-z]+[-/].*")


def assign_meanings(columns: Mapping[str, Column], findings: Findings) -> dict[str, Meaning]:
    """Returns column → meaning. Columns whose cells contradict their names lose their meaning, with a warning."""
    meanings = find_meanings(columns)
    _drop_numbers(columns, meanings, findings)
    _check_classes(columns, meanings, findings)
    if not _has_species(meanings):
        _find_weak_names(columns, meanings)
    _choose_names(columns, meanings, findings)
    return meanings


def holds_names(meanings: Mapping[str, Meaning]) -> bool:
    """Whether any column names taxa."""
    return any(role in ("rank", "epithet", "name") for role, _ in meanings.values())


def explain_meanings(meanings: Mapping[str, Meaning]) -> str:
    """Says for an error what each column was taken for."""
    known = [f"{column!r} is the {describe_meaning(one)}" for column, one in meanings.items() if one[0] != "extra"]
    others = [repr(column) for column, meaning in meanings.items() if meaning[0] == "extra"]
    unknown = [f"nothing is known of {list_some(others, MAX_COLUMNS)}"] if others else []
    return "; ".join([*known, *unknown])


def make_no_names_error(where: str, meanings: Mapping[str, Meaning]) -> TaxonomyError:
    return TaxonomyError(
        f"{where}: no column is a rank, and none holds scientific names; expected some of kingdom, phylum, class, order, "
        f"family, genus, species, or scientific_name; found {explain_meanings(meanings)}"
    )


def _drop_numbers(columns: Mapping[str, Column], meanings: dict[str, Meaning], findings: Findings) -> None:
    for column, (role, argument) in list(meanings.items()):
        texts = columns[column].texts
        if role == "rank" and argument != "class" and texts and all(map(_NUMBER.fullmatch, texts)):
            meanings[column] = ("extra", column.strip())
            findings.warn("column", f"{column!r} holds numbers ({_show(texts)}), not names of the rank {argument}")


def _check_classes(columns: Mapping[str, Column], meanings: dict[str, Meaning], findings: Findings) -> None:
    """Notices a column "class" that holds the labels of a data set: they are no rank, or, if nothing else is, the names."""
    column = next((column for column, meaning in meanings.items() if meaning == ("rank", "class")), None)
    if column is None:
        return
    is_alone = not any(role in ("rank", "epithet", "name") for other, (role, _) in meanings.items() if other != column)
    if is_alone and compact_name(column) not in ("class", "cls"):  # class_name, without any other rank
        meanings[column] = ("extra", column.strip())
    elif _are_binomials(columns[column].texts, _LATIN) and not _has_species(meanings):
        meanings[column] = ("name", "")
    elif _are_labels(columns, meanings, column):
        shown = f"{column!r} holds labels ({_show(columns[column].texts)}), not taxonomic classes such as Aves"
        is_numbered = all(map(_NUMBER.fullmatch, columns[column].texts))
        meanings[column] = ("name", "") if is_alone and not is_numbered else ("extra", column.strip())
        findings.warn("column", f"{shown}: {'they have no rank' if is_alone and not is_numbered else 'it is not used'}")


def _are_labels(columns: Mapping[str, Column], meanings: Mapping[str, Meaning], column: str) -> bool:
    """Numbers, texts with digits, underscores or several words; or one plain word for each order, family or species."""
    texts = list(filter(None, (split_cell(clean_rank_cell(text), "class")[0] for text in columns[column].texts)))
    if sum(_LABEL.fullmatch(text) is not None for text in texts) > len(texts) / 2:
        return True
    ranks = {rank for role, rank in meanings.values() if role == "rank"}
    if not texts or ranks & {"kingdom", "phylum"}:
        return False
    if sum(_LATIN_CLASS.fullmatch(text) is not None for text in texts) > len(texts) / 3:
        return False
    below = [
        len(columns[other].texts)
        for other, (role, rank) in meanings.items()
        if role == "name" or (role == "rank" and rank in ("order", "family", "genus", "species"))
    ]
    return len(texts) >= max(below, default=0)


def _has_species(meanings: Mapping[str, Meaning]) -> bool:
    return any(role in ("name", "epithet") or (role, rank) == ("rank", "species") for role, rank in meanings.values())


def _find_weak_names(columns: Mapping[str, Column], meanings: dict[str, Meaning]) -> None:
    """Takes the first column "taxon", "name", … whose cells look like scientific names as the names."""
    for column, (role, _) in meanings.items():
        if role == "extra" and compact_name(column) in WEAK_NAMES:
            pattern = _BINOMIAL if compact_name(column) in ("taxon", "taxa") else _LATIN
            if _are_binomials(columns[column].texts, pattern):
                meanings[column] = ("name", "")
                return


def _are_binomials(texts: Sequence[str], pattern: re.Pattern[str]) -> bool:
    """Whether most texts have the form of species names, and of `pattern`."""
    filled = [text for text in texts if clean_rank_cell(text)]
    n_names = sum(bool(_BINOMIAL.fullmatch(text) and pattern.fullmatch(text)) for text in filled)
    return bool(filled) and n_names >= 0.6 * len(filled)


def _choose_names(columns: Mapping[str, Column], meanings: dict[str, Meaning], findings: Findings) -> None:
    """Where a table has names and species, uses the rank columns if they say the same, and the names otherwise."""
    column_of = {meaning: column for column, meaning in meanings.items() if meaning[0] != "extra"}
    name = column_of.get(("name", ""))
    species = column_of.get(("rank", "species")) or column_of.get(("epithet", ""))
    if name is None or species is None:
        return
    genus = column_of.get(("rank", "genus"))
    cells = [columns[name], columns[species], *([columns[genus]] if genus else [])]
    relations = combine_columns(_compare, *cells)
    counts = {text: int((relations.code_R == code).sum()) for code, text in enumerate(relations.texts)}
    if counts.get("same", 0) + counts.get("blank", 0) >= len(relations.code_R) / 2 and not counts.get("below", 0):
        meanings[name] = ("extra", name.strip())
    elif counts.get("other", 0) > len(relations.code_R) / 2:
        meanings[species] = ("extra", species.strip())
        findings.warn("column", f"{species!r} ({_show(columns[species].texts)}) is not used: {name!r} has other names")


def _compare(name: str, species: str, genus: str = "") -> str:
    """Compares a name with the species in its row."""
    if not (name and species):
        return "blank" if not name else "above"
    name = clean_name(clean_species_cell(name))[0].casefold()
    species = clean_name(complete_species_name(clean_species_cell(species), clean_rank_cell(genus)))[0].casefold()
    return "same" if name == species else "below" if name.startswith(f"{species} ") else "other"


def _show(texts: Sequence[str]) -> str:
    return list_some([repr(text) for text in texts], 3)
