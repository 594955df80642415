"""Data sets of the Hugging Face hub, or of its library's local builders, read by the library datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bioclip_x.plugin import LINNAEAN, DatasetCapabilities, TrainingError
from bioclip_x_plugins.datasets.published.dataset import OffList, Published
from bioclip_x_plugins.datasets.published.listing import Category, Listing, collect_in_order, make_label, make_taxon


class Hub(Published):
    """name: as `datasets.load_dataset` takes it: ORG/NAME, or imagefolder with data_dir. split: its split.

    image: the column of images. label: the column of labels, as class numbers with names, or texts; columns kingdom … species
    (the epithet, or genus and epithet) take its place where they are there and label is not given. common: the column of
    common names. data_dir, config, revision: passed on.
    """

    capabilities = DatasetCapabilities(lists_nodes=True, brings_classes=True)

    def __init__(
        self, name: str, *, split: str = "test", image: str = "image", label: str | None = None, common: str = "common",
        config: str | None = None, data_dir: Path | None = None, revision: str | None = None, off_list: OffList = "skip",
    ) -> None:  # fmt: skip
        super().__init__(off_list)
        self.hub_name, self.split, self.image_column = name, split, image
        self.label_column, self.common_column = label, common
        self.config, self.data_dir, self.revision = config, data_dir, revision
        self._table: Any = None

    @property
    def name_of_source(self) -> str:  # type: ignore[override]
        return f"hub: {self.hub_name}"

    def read(self) -> Listing:
        """Raises TrainingError without the library, for a data set that cannot be loaded, and for columns that it lacks."""
        table = self._table = self._load()
        columns = table.column_names
        lineage = self.label_column is None and "genus" in columns
        label = self.label_column or "label"
        needed = [self.image_column, *([] if lineage else [label])]
        if missing := [column for column in needed if column not in columns]:
            raise TrainingError(f"data: {self.hub_name} has no column {missing[0]!r}; it has {', '.join(columns)}")
        categories = (
            make_categories(table.select_columns([one for one in (*LINNAEAN, self.common_column) if one in columns]),
                            self.common_column)
            if lineage
            else name_labels(table[label], table.features[label])
        )  # fmt: skip
        names = (f"{self.hub_name}/{self.split}/{index}" for index in range(len(table)))
        return collect_in_order(zip(names, categories))

    def image(self, index: int) -> Any:
        """Returns the decoded image."""
        return self._table[int(self._kept[index])][self.image_column]

    def _load(self) -> Any:
        try:
            from datasets import load_dataset
        except ImportError:
            raise TrainingError(
                "data: data sets of the hub need the library datasets: pip install 'bioclip-x[hub-data]'"
            ) from None
        options = {"name": self.config, "data_dir": self.data_dir and str(self.data_dir), "revision": self.revision}
        try:
            return load_dataset(
                self.hub_name, split=self.split, **{key: value for key, value in options.items() if value is not None}
            )
        except Exception as problem:  # the library raises many kinds, of its own and of others
            raise TrainingError(f"data: {self.hub_name}, split {self.split}, cannot be loaded: {problem}") from problem


def name_labels(labels: Sequence[Any], feature: Any) -> list[Category]:
    """Returns the class of each row; numbers are named by the column's `names`, if it has some."""
    names = getattr(feature, "names", None)
    return [make_label(str(names[label] if names else label)) for label in labels]


def make_categories(rows: Sequence[Mapping[str, Any]], common: str) -> list[Category]:
    """Returns the taxon of each row; a species may be given with its genus or without."""
    return [_make_category({key: str(value or "") for key, value in row.items()}, common) for row in rows]


def _make_category(row: Mapping[str, str], common: str) -> Category:
    epithet = row.get("species", "").removeprefix(f"{row['genus']} ")
    return make_taxon({**row, "species": epithet}, row.get(common, ""))
