"""Selects part of a taxonomy by terms: `class=Insecta`, `genus=Quercus,Fagus`, `Aves`, `park.csv`, `family!=Apidae`.

A subset is the union of the included taxa (all classes, if only exclusions are given) minus the union of the excluded
ones; the order of terms does not matter. It is a mask over the leaves, of which each taxon is a contiguous range.

Legend: C classes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bioclip_x.errors import TaxonomyError
from bioclip_x.messages import list_some
from bioclip_x.records.taxon import Taxon
from bioclip_x.taxonomy.editing.restrict import restrict_with_index
from bioclip_x.taxonomy.editing.slicing import slice_classes
from bioclip_x.taxonomy.names.matching import ListMatch, find_outermost, find_taxon_nodes, match_list
from bioclip_x.taxonomy.names.resolver import Resolver
from bioclip_x.taxonomy.ranks import normalise_rank
from bioclip_x.taxonomy.tree import Taxonomy

Mask = npt.NDArray[np.bool_]
ReadList = Callable[[Path], Sequence[Taxon]]

SUFFIXES: Final = frozenset({
    ".txt", ".lst", ".csv", ".tsv", ".tab", ".parquet", ".pq", ".yaml", ".yml", ".json", ".nwk", ".newick", ".tre", ".tree",
    ".zip", ".dmp", ".gz", ".txtree",
})  # fmt: skip
"""A term with one of these suffixes is a file. So is one with a path separator, and the name of an existing file."""


SHOWN: Final = 200
"""Characters shown of a term in a message."""


@dataclass(frozen=True, slots=True)
class Term:
    """One `--subset`. names: of taxa, at `rank` ("" for any); or file: a list of taxa. text: the term as given."""

    text: str
    names: tuple[str, ...] = ()
    rank: str = ""
    file: Path | None = None
    is_exclusion: bool = False


@dataclass(frozen=True, slots=True)
class Subset:
    """tree: of the selected classes. classes: int32 [C'], the old class of each of its classes. notes: for outputs."""

    tree: Taxonomy
    classes: npt.NDArray[np.int32]
    notes: tuple[str, ...]


def parse_term(text: str) -> Term:
    """Parses `rank=name,name`, a name, a path of names ("Plantae; Oenanthe"), or a file; `rank!=name` or `!…` excludes.

    >>> parse_term("family!=Apidae,Vespidae").names
    ('Apidae', 'Vespidae')

    Raises TaxonomyError for a term that names nothing.
    """
    what = text.strip()
    is_exclusion = what.startswith("!")
    what = what.removeprefix("!").strip()
    left, equals, right = what.partition("=")
    if equals and not _is_file(what):
        is_exclusion ^= left.endswith("!")
        rank, what = normalise_rank(left.removesuffix("!").strip()), right.strip()
    else:
        rank = ""
        if _is_file(what):
            return Term(text, file=Path(what), is_exclusion=is_exclusion)
    names = tuple(name.strip() for name in what.split(",") if name.strip())
    if not names or (equals and not rank):
        raise TaxonomyError(
            f"subset {text!r} names nothing; expected rank=name (class=Insecta; family!=Apidae to leave out), a name or a file"
        )
    return Term(text, names, rank, is_exclusion=is_exclusion)


def resolve_path(text: str, folder: Path) -> str:
    """Returns a term with its file, if it names one, resolved relative to `folder`."""
    term = parse_term(text)
    return text if term.file is None else f"{'!' * term.is_exclusion}{folder / term.file}"


def subset(taxonomy: Taxonomy, terms: Sequence[str], *, read: ReadList | None = None) -> Subset:
    """Selects the part of a taxonomy that terms describe.

    read: reads a list of taxa from a file, for terms that name one.

    Raises TaxonomyError for a name in a term that is unknown (with similar names) or matches several taxa (with their
    paths), for a file none of whose names is found, and if no class is left. Names of a file that are not found are only
    listed in the notes.
    """
    resolver, notes = Resolver(taxonomy), list[str]()
    included, excluded = np.zeros((2, taxonomy.n_classes), bool)
    parsed = [parse_term(text) for text in terms]
    for term in parsed:
        mask = excluded if term.is_exclusion else included
        if term.file is None:
            mask |= mask_of(taxonomy, _find_named_nodes(resolver, term))
        else:
            match = _match_file(resolver, term, read)
            mask |= mask_of(taxonomy, match.nodes)
            notes += match.notes(str(term.file))
    if all(term.is_exclusion for term in parsed):
        included[:] = True
    n_taxa = taxonomy.n_classes - taxonomy.n_beside
    included[n_taxa:] = True  # labels beside the tree are alternatives to any part of it
    classes = np.flatnonzero(included & ~excluded)
    joined = " ".join(terms)
    if not (classes < n_taxa).any():
        raise TaxonomyError(f"subset {joined}: no class is left; all included classes are also excluded")
    notes.insert(0, f"subset {joined}: {len(classes)} of {taxonomy.n_classes} classes")
    tree, old_C = slice_classes(taxonomy, classes), classes.astype(np.int32)
    if tree is None:
        tree, old_C = restrict_with_index(taxonomy, classes)
    return Subset(tree, old_C, tuple(notes))


def mask_of(taxonomy: Taxonomy, nodes: Iterable[int]) -> Mask:
    """Returns which classes are at or below any of the nodes: bool [C]."""
    mask = np.zeros(taxonomy.n_classes, bool)
    for node in nodes:
        mask[taxonomy.leaf_start_N[node] : taxonomy.leaf_stop_N[node]] = True
    return mask


def _is_file(text: str) -> bool:
    path = Path(text)
    is_path = "/" in text or "\\" in text or path.suffix.lower() in SUFFIXES
    return is_path or ("=" not in text and os.path.isfile(path))  # noqa: PTH113 - no error for long names


def _find_named_nodes(resolver: Resolver, term: Term) -> list[int]:
    """Returns the nodes of a term's names. Raises TaxonomyError that lists all unknown and ambiguous names."""
    taxonomy, nodes, errors = resolver.taxonomy, list[int](), list[str]()
    if term.rank and term.rank not in taxonomy.rank_names:
        known = ", ".join(filter(None, taxonomy.rank_names)) or "none"
        raise TaxonomyError(f"subset {term.text!r}: the taxonomy has no rank {term.rank!r}; it has: {known}")
    for name in term.names:
        match = resolver.find(name, term.rank)
        nodes += find_taxon_nodes(resolver, match)
        candidates = find_outermost(taxonomy, match.nodes)
        if not candidates:
            similar = resolver.near(name, term.rank)
            hint = f"did you mean {', '.join(similar)}?" if similar else "no name in the taxonomy is similar"
            errors.append(f"there is no {' '.join(filter(None, (term.rank, _shorten(name))))}; {hint}")
        elif not find_taxon_nodes(resolver, match):
            paths = " or ".join(repr("; ".join(n for _, n in taxonomy.taxon(node).lineage)) for node in candidates)
            errors.append(f"{name} may be {len(candidates)} taxa; write its path: {paths}")
    if errors:
        shown = repr(_shorten(term.text))
        raise TaxonomyError("\n".join(f"subset {shown}: {message}" for message in errors))
    return nodes


def _shorten(text: str) -> str:
    """The beginning of a long text, for a message."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _match_file(resolver: Resolver, term: Term, read: ReadList | None) -> ListMatch:
    assert term.file is not None
    if read is None:
        raise TaxonomyError(f"subset {term.text!r}: lists in files cannot be read here; pass read=")
    match = match_list(resolver, read(term.file))
    if not match.nodes:
        raise TaxonomyError(
            f"{term.file}: none of its {match.n} names matches one taxon of {resolver.taxonomy.source or 'the taxonomy'}: "
            + (match.unknown_with_suggestions or list_some(match.ambiguous))
        )
    return match
