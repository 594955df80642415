"""Writes the usefulness of descriptors as a table, JSON or CSV."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from typing import Any, Final

from bioclip_x.io.delimited import write_cells
from bioclip_x.io.storage.streams import escape_surrogates
from bioclip_x.records.evaluation.descriptor_usefulness import Area, ClassUse, DescriptorUse, LeftOut, Usefulness

FORMAT: Final = "bioclip-x/descriptors-of-a-data-set/1"
INTERVALS: Final = {
    "level": 0.95,
    "over": "pictures",
    "accuracy": "Clopper & Pearson 1934",
    "auroc": "DeLong 1988 with arms of Gaffke 2005",
    "change": "Gaffke 2005",
}
COLUMNS: Final = (
    "class", "common_name", "pictures", "right", "phrase", "text", "kind", "weight", "inherited_from", "inherited_rank",
    "shared_by", "with_siblings", "sibling_rank", "sibling_taxon", "siblings", "sibling_pictures", "auroc_siblings",
    "auroc_siblings_low", "auroc_siblings_high", "other_pictures", "auroc_all", "auroc_all_low", "auroc_all_high",
    "cosine_own", "cosine_siblings", "cosine_others", "between_classes", "spread", "same_everywhere", "without_fixed",
    "without_broken", "without_change", "without_low", "without_high",
)  # fmt: skip


def write(usefulness: Usefulness, format_: str, stream: Any, *, in_full: bool = False, safe_csv: bool = False) -> None:
    """Writes as "table", "json" or "csv". in_full: the table lists every descriptor, not only the best and worst.

    safe_csv: see `write_cells`.
    """
    if format_ == "json":
        stream.write(
            json.dumps(make_document(usefulness), indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"
        )
    elif format_ == "csv":
        text = io.StringIO(newline="")
        write_cells(text, [COLUMNS])
        write_cells(text, make_rows(usefulness), safe=safe_csv)
        stream.write(escape_surrogates(text.getvalue()))
    else:
        from bioclip_x.cli.render.descriptor_table import render_table

        stream.write(escape_surrogates(render_table(usefulness, in_full=in_full)))


def write_provenance(usefulness: Usefulness, stream: Any) -> None:
    """Writes everything except the descriptors, which the CSV file has."""
    document = {
        name: value for name, value in make_document(replace(usefulness, classes=())).items() if name != "classes"
    }
    stream.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n")


def make_document(usefulness: Usefulness) -> dict[str, Any]:
    """Makes the JSON document."""
    plain = asdict(usefulness)
    for one, of in zip(plain["classes"], usefulness.classes):
        for descriptor, use in zip(one["descriptors"], of.descriptors):
            descriptor["is_same_everywhere"] = use.is_same_everywhere
    return {"format": FORMAT, "intervals": INTERVALS, **plain}


def make_rows(usefulness: Usefulness) -> Iterator[tuple[Any, ...]]:
    """Makes a row for each descriptor of each class, with `COLUMNS`; "" for missing values."""
    for one in usefulness.classes:
        for use in one.descriptors:
            yield tuple("" if value is None else value for value in _make_row(one, use))


def _make_row(one: ClassUse, use: DescriptorUse) -> tuple[Any, ...]:
    return (
        one.name, one.common_name, one.pictures, one.right, use.phrase, use.text, use.kind, use.weight, use.taxon, use.rank,
        use.shared_by, use.with_siblings, one.sibling_rank or "all", one.sibling_taxon, one.siblings, one.sibling_pictures,
        *_make_area_cells(use.from_siblings), use.from_all and use.from_all.others, *_make_area_cells(use.from_all), use.own,
        use.siblings, use.others, use.between, use.spread, str(use.is_same_everywhere).lower(),
        *_make_left_out_cells(use.left_out),
    )  # fmt: skip


def _make_area_cells(area: Area | None) -> tuple[float | None, ...]:
    return (area.value, area.low, area.high) if area else (None,) * 3


def _make_left_out_cells(without: LeftOut | None) -> tuple[float | None, ...]:
    return tuple(getattr(without, one.name) for one in fields(LeftOut) if one.name != "of") if without else (None,) * 5
