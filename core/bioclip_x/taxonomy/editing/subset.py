"""Part of a taxonomy: `class=Insecta`, `genus=Quercus,Fagus`, `Aves`, `park.csv`, without `family!=Apidae`.

A subset is the union of what is included (all classes, if only exclusions are given) minus all that is excluded, whatever
the order. It is a mask over the leaves: each taxon is a contiguous range of them.

Legend: C classes.
"""

from __future__ import annotations

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
from bioclip_x.taxonomy.names.matching import Listed, find_outermost, find_places, match_list
from bioclip_x.taxonomy.names.resolver import Resolver
from bioclip_x.taxonomy.ranks import normalise_rank
from bioclip_x.taxonomy.tree import Taxonomy

Mask = npt.NDArray[np.bool_]
ReadList = Callable[[Path], Sequence[Taxon]]

SUFFIXES: Final = frozenset({
    ".txt", ".lst", ".csv", ".tsv", ".tab", ".parquet", ".pq", ".yaml", ".yml", ".json", ".nwk", ".newick", ".tre", ".tree",
    ".zip", ".dmp", ".gz", ".txtree",
})  # fmt: skip
"""What ends so is a file. So is what holds a path separator, and what is a file's name where there is such a file."""


@dataclass(frozen=True, slots=True)
class Term:
    """One `--subset`. names: of taxa, at `rank` ("" for any); or file: a list of them. text: as it was given."""

    text: str
    names: tuple[str, ...] = ()
    rank: str = ""
    file: Path | None = None
    is_exclusion: bool = False


@dataclass(frozen=True, slots=True)
class Subset:
    """tree: of the chosen classes. classes: int32 [C'], the old class of each of its classes. notes: for outputs."""

    tree: Taxonomy
    classes: npt.NDArray[np.int32]
    notes: tuple[str, ...]


def parse_term(text: str) -> Term:
    """Reads `rank=name,name`, a name, a path of names ("Plantae; Oenanthe"), or a file; `rank!=name` or `!…` excludes.

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
    """A term with its file, if it is one, taken from `folder`."""
    term = parse_term(text)
    return text if term.file is None else f"{'!' * term.is_exclusion}{folder / term.file}"


def subset(taxonomy: Taxonomy, terms: Sequence[str], *, read: ReadList | None = None) -> Subset:
    """The part of a taxonomy that terms describe.

    read: how a list in a file is read, for terms that name one.

    Raises TaxonomyError for a name given by hand that is unknown (with those most like it) or fits several taxa (with their
    paths), for a file none of whose names is found, and where no class is left. What else of a file is not found is a note.
    """
    resolver, notes = Resolver(taxonomy), list[str]()
    included, excluded = np.zeros((2, taxonomy.n_classes), bool)
    parsed = [parse_term(text) for text in terms]
    for term in parsed:
        mask = excluded if term.is_exclusion else included
        if term.file is None:
            mask |= mask_of(taxonomy, _by_hand(resolver, term))
        else:
            listed = _from_file(resolver, term, read)
            mask |= mask_of(taxonomy, listed.nodes)
            notes += listed.notes(str(term.file))
    if all(term.is_exclusion for term in parsed):
        included[:] = True
    classes = np.flatnonzero(included & ~excluded)
    told = " ".join(terms)
    if not len(classes):
        raise TaxonomyError(f"subset {told}: no class is left; all that is included is excluded again")
    notes.insert(0, f"subset {told}: {len(classes)} of {taxonomy.n_classes} classes")
    tree, old_C = slice_classes(taxonomy, classes), classes.astype(np.int32)
    if tree is None:
        tree, old_C = restrict_with_index(taxonomy, classes)
    return Subset(tree, old_C, tuple(notes))


def mask_of(taxonomy: Taxonomy, nodes: Iterable[int]) -> Mask:
    """Bool [C]: the classes at or below any of the nodes."""
    mask = np.zeros(taxonomy.n_classes, bool)
    for node in nodes:
        mask[taxonomy.leaf_start_N[node] : taxonomy.leaf_stop_N[node]] = True
    return mask


def _is_file(what: str) -> bool:
    path = Path(what)
    is_path = "/" in what or "\\" in what or path.suffix.lower() in SUFFIXES
    return is_path or ("=" not in what and path.is_file())


def _by_hand(resolver: Resolver, term: Term) -> list[int]:
    """The node of each name of a term. Raises TaxonomyError that tells all that is wrong with them."""
    taxonomy, nodes, wrong = resolver.taxonomy, list[int](), list[str]()
    if term.rank and term.rank not in taxonomy.rank_names:
        known = ", ".join(filter(None, taxonomy.rank_names)) or "none"
        raise TaxonomyError(f"subset {term.text!r}: the taxonomy has no rank {term.rank!r}; it has: {known}")
    for name in term.names:
        match = resolver.find(name, term.rank)
        nodes += find_places(resolver, match)
        found = find_outermost(taxonomy, match.nodes)
        if not found:
            near = resolver.near(name, term.rank)
            meant = f"did you mean {', '.join(near)}?" if near else "nothing in the taxonomy is called alike"
            wrong.append(f"there is no {' '.join(filter(None, (term.rank, name)))}; {meant}")
        elif not find_places(resolver, match):
            paths = " or ".join(repr("; ".join(n for _, n in taxonomy.taxon(node).lineage)) for node in found)
            wrong.append(f"{name} may be {len(found)} taxa; write its path: {paths}")
    if wrong:
        raise TaxonomyError("\n".join(f"subset {term.text!r}: {message}" for message in wrong))
    return nodes


def _from_file(resolver: Resolver, term: Term, read: ReadList | None) -> Listed:
    assert term.file is not None
    if read is None:
        raise TaxonomyError(f"subset {term.text!r}: lists in files cannot be read here; pass read=")
    listed = match_list(resolver, read(term.file))
    if not listed.nodes:
        raise TaxonomyError(
            f"{term.file}: none of its {listed.n} names is one taxon of {resolver.taxonomy.source or 'the taxonomy'}: "
            + (listed.lost_and_meant or list_some(listed.ambiguous))
        )
    return listed
