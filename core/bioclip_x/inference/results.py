"""The results of one call, as a list that can be shown, written and converted to tables."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, overload

from bioclip_x.errors import BioclipXError
from bioclip_x.hooks.registry import Registry
from bioclip_x.inference.sinks import make_report, write_all
from bioclip_x.records import Provenance, Result
from bioclip_x.records.notebook import show_results

if TYPE_CHECKING:
    import pandas
    import pyarrow


@dataclass(frozen=True, eq=False, repr=False)
class Results(Sequence[Result]):
    """The results of images, in order, with the provenance of the run; a slice is one, too.

    Immutable, hence safe to read from several threads, and can be pickled (with its plugins, see `Registry`).

    registry: whose reports write it.
    """

    results: tuple[Result, ...]
    provenance: Provenance
    registry: Registry

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> Results: ...
    def __getitem__(self, index: int | slice) -> Result | Results:
        if isinstance(index, slice):
            return Results(self.results[index], self.provenance, self.registry)
        return self.results[index]

    def __repr__(self) -> str:
        failed = sum(bool(one.error) for one in self.results)
        refused = sum(bool(one.refused) for one in self.results)
        counts = [f"{len(self) - failed - refused} named"]
        counts += [f"{refused} not named"] * bool(refused) + [f"{failed} failed"] * bool(failed)
        return f"Results({', '.join(counts)}; {self.provenance.model})"

    def _repr_html_(self) -> str:
        return show_results(self.results)

    def write(self, file: str | os.PathLike[str], format: str | None = None) -> None:
        """Writes a report, which appears when it is complete; see `write_report`."""
        write_report(self, file, format)

    def to_arrow(self) -> pyarrow.Table:
        """Converts to a table: the rows, columns and metadata of the report that writes `.parquet` files."""
        import pyarrow.parquet

        with TemporaryDirectory() as folder:
            file = Path(folder) / "results.parquet"
            self.write(file)
            return pyarrow.parquet.read_table(file, memory_map=False)

    def to_frame(self) -> pandas.DataFrame:
        """Converts to a data frame with the rows and columns of `to_arrow`. Raises BioclipXError if pandas is not installed."""
        try:
            import pandas  # noqa: F401
        except ImportError:
            raise BioclipXError("a data frame needs pandas, which is not installed; pip install pandas") from None
        frame: pandas.DataFrame = self.to_arrow().to_pandas()
        return frame


def write_report(results: Results, file: str | os.PathLike[str], format: str | None = None) -> None:
    """Writes results to a file, as `bioclip-x classify --output FILE --format FORMAT` does.

    format: of the report, with options (`html:title=Birds`); None for the one of the file's suffix.
    Raises RecipeError if there is none, or more than one.
    """
    path = Path(file)
    write_all(results.provenance, results, [(make_report(results.registry, format, path), path)])
