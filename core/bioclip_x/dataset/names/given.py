"""The columns of given identifications, each distinct cell and each distinct lineage read once.

Legend: R rows (identifications), K forms of a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from bioclip_x.dataset.names.cells import clean_cell, make_key
from bioclip_x.dataset.names.parsed import ParsedName, parse_given
from bioclip_x.dataset.names.ranked import CODES
from bioclip_x.errors import DatasetError
from bioclip_x.taxonomy.names.authorship import is_surely_authorship
from bioclip_x.taxonomy.names.nomenclature import guess_nomenclatural_code
from bioclip_x.taxonomy.names.normalise import fold_common_name
from bioclip_x.taxonomy.ranks import LINNAEAN

if TYPE_CHECKING:
    import pyarrow as pa

HIGHER: Final = LINNAEAN[:-1]
GIVEN_COLUMNS: Final = ("name", "rank", *LINNAEAN, "common_name")
"""The columns by which an identification is told from others."""

FORMS: Final = 5
"""Most forms of one name that are looked up."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cells:
    """A column of R texts: its distinct values, and the number of each row's."""

    values: Sequence[str]
    code_R: npt.NDArray[np.int32]

    def __getitem__(self, row: int) -> str:
        value: str = self.values[int(self.code_R[row])]
        return value

    def __iter__(self) -> Iterator[str]:
        return map(self.values.__getitem__, self.code_R.tolist())


@dataclass(frozen=True, slots=True)
class Lineage:
    """The ranks above species as given. keys: kingdom to genus as compared, "" for none. code: index into `CODES`."""

    keys: tuple[str, ...]
    code: int

    @property
    def hints(self) -> list[int]:
        """The hashes of the names."""
        return [hash(key) for key in self.keys if key]


@dataclass(frozen=True, eq=False)
class Given:
    """Identifications, read. Names are hashes of what is compared, 0 for none.

    cells: column → texts, those of ranks cleaned. lineage_R: into `lineages`. ranks: of the names. name_RK: the forms of the
    name, the last one that of the species of a name below species; species_RK: the same of the column species. above_R: what
    the name tells of the taxon above. folded_R: the name as a common name; of a row without a name, the given common name.
    is_open_R: whether the name is of no one species. is_blank_R: whether nothing is given.
    """

    cells: dict[str, Cells]
    lineage_R: npt.NDArray[np.int64]
    lineages: list[Lineage]
    ranks: list[str]
    name_RK: Ints
    species_RK: Ints
    above_R: Ints
    folded_R: Ints
    is_open_R: npt.NDArray[np.bool_]
    is_blank_R: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.lineage_R)

    def higher_R(self, level: int) -> Ints:  # noqa: N802 - a shape suffix
        """Returns the hashes of the given names of one rank above species."""
        keys = np.array([hash(one.keys[level]) if one.keys[level] else 0 for one in self.lineages], np.int64)
        return keys[self.lineage_R] if len(keys) else np.zeros(len(self), np.int64)


def read_given(given: pa.Table) -> Given:
    """Reads a table with the `GIVEN_COLUMNS`; null and absent texts are blank. Raises DatasetError for another type."""
    cells = {column: read_column(given, column, clean=column not in ("name", "rank")) for column in GIVEN_COLUMNS}
    n = given.num_rows
    lineage_R, lineages = _read_lineages(cells, n)
    name_RK, species_RK = np.zeros((n, FORMS + 1), np.int64), np.zeros((n, FORMS + 1), np.int64)
    above_R, folded_R = np.zeros(n, np.int64), np.zeros(n, np.int64)
    is_open_R, is_blank_R = np.zeros(n, bool), np.zeros(n, bool)
    ranks: list[str] = []
    columns = (cells[column] for column in ("name", "rank", *reversed(LINNAEAN), "common_name"))
    for row, (name, rank, species, genus, *higher, common) in enumerate(zip(*columns)):
        species = _join_species(species, genus)
        texts = ((species, "species"), (genus, "genus"), *zip(higher, reversed(HIGHER[:-1])))
        if not clean_cell(name):
            name, rank = next((one for one in texts if one[0]), ("", ""))
        parsed = parse_given(name, rank)
        _put(parsed, name_RK, row)
        if species and species != name:
            _put(parse_given(species, "species"), species_RK, row)
        above_R[row] = hash(parsed.above) if parsed.above else 0
        folded = parsed.folded if parsed.text else fold_common_name(common)
        folded_R[row] = hash(folded) if folded else 0
        is_open_R[row], is_blank_R[row] = parsed.is_open, not parsed.text and not common
        ranks.append(parsed.rank)
    return Given(cells, lineage_R, lineages, ranks, name_RK, species_RK, above_R, folded_R, is_open_R, is_blank_R)


def read_column(given: pa.Table, column: str, *, clean: bool = False) -> Cells:
    """Reads one column of texts. Raises DatasetError for a column of something else."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column not in given.column_names:
        return Cells([""], np.zeros(given.num_rows, np.int32))
    try:
        texts = pc.fill_null(given[column].cast(pa.string()), "")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise DatasetError(f"the column {column} of the given names must hold texts: {error}") from error
    encoded = pc.dictionary_encode(pa.concat_arrays(texts.chunks) if texts.num_chunks else pa.array([], pa.string()))
    values = encoded.dictionary.to_pylist()
    return Cells([clean_cell(text) for text in values] if clean else values, encoded.indices.to_numpy())


def _read_lineages(cells: dict[str, Cells], n: int) -> tuple[npt.NDArray[np.int64], list[Lineage]]:
    columns = [cells[rank] for rank in HIGHER]
    stacked = np.stack([column.code_R for column in columns], axis=1).reshape(n, len(HIGHER))
    distinct, lineage_R = np.unique(stacked, axis=0, return_inverse=True)
    keys = [[_make_rank_key(text, rank) for text in column.values] for rank, column in zip(HIGHER, columns)]
    rows = [tuple(keys[level][code] for level, code in enumerate(row)) for row in distinct.tolist()]
    codes = [CODES.index(guess_nomenclatural_code(frozenset(filter(None, row)))) for row in rows]
    return lineage_R.reshape(-1), list(map(Lineage, rows, codes))


def _join_species(species: str, genus: str) -> str:
    """Returns the species as a whole binomial, also where only the epithet is given."""
    return f"{genus} {species}" if species and genus and " " not in species and species.islower() else species


def _make_rank_key(text: str, rank: str) -> str:
    """Returns a higher taxon as compared, without its author."""
    first, _, rest = text.partition(" ")
    return make_key(first if rest and is_surely_authorship(rest.split()) else text, rank)


def _put(parsed: ParsedName, name_RK: Ints, row: int) -> None:
    for place, key in enumerate(parsed.keys[:FORMS]):
        name_RK[row, place] = hash(make_key(key, parsed.rank))
    if parsed.species:
        name_RK[row, FORMS] = hash(parsed.species)
