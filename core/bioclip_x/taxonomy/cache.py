"""Compiled trees on disk: arrays and texts in one file that opens in a moment.

The file is numpy's .npz (no pickle): the tree's arrays as they are, and every list of texts as one run of UTF-8 with line
breaks between, which are escaped within.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from bioclip_x.io.files import open_replacement
from bioclip_x.records.problem import Problem
from bioclip_x.taxonomy.details import DetailColumn, DetailColumns, as_columns
from bioclip_x.taxonomy.tree import Taxonomy

FORMAT: Final = 2
ARRAYS: Final = ("parent_N", "rank_N", "kind_N", "leaf_start_N", "leaf_stop_N", "leaf_node_C")
PERHAPS: Final = ("class_of_row", "line_N")


def save(taxonomy: Taxonomy, file: Path) -> None:
    """Writes the whole tree; the file appears only when it is complete. Raises OSError."""
    columns = as_columns(taxonomy.details).columns
    about = {
        "format": FORMAT,
        "rank_names": taxonomy.rank_names,
        "source": taxonomy.source,
        "line_unit": taxonomy.line_unit,
        "notes": taxonomy.notes,
        "problems": [asdict(problem) for problem in taxonomy.problems],
        "details": [[column.role, column.key] for column in columns],
        "fingerprint": taxonomy.fingerprint,
    }
    arrays: dict[str, Any] = {name: getattr(taxonomy, name) for name in ARRAYS}
    arrays |= {name: found for name in PERHAPS if (found := getattr(taxonomy, name)) is not None}
    arrays["about"] = _packed([json.dumps(about, ensure_ascii=False)])
    arrays["names"] = _packed(taxonomy.names)
    for number, column in enumerate(columns):
        arrays[f"nodes_{number}"] = column.node_n
        arrays[f"values_{number}"] = _packed(column.values)
    with open_replacement(file, "wb") as stream:
        np.savez(stream, **arrays)


def load(file: Path) -> Taxonomy | None:
    """The tree that `save` wrote; None where there is none, or one that is damaged or of another version."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            about = json.loads(_unpacked(stored["about"])[0])
            if about["format"] != FORMAT:
                return None
            columns = [
                DetailColumn(role, key, stored[f"nodes_{number}"], _Texts(stored[f"values_{number}"]))
                for number, (role, key) in enumerate(about["details"])
            ]
            taxonomy = Taxonomy(
                **{name: stored[name] for name in ARRAYS},
                **{name: stored[name] for name in PERHAPS if name in stored},
                names=tuple(_unpacked(stored["names"])),
                rank_names=tuple(about["rank_names"]),
                details=DetailColumns(columns),
                source=about["source"],
                line_unit=about["line_unit"],
                notes=tuple(about["notes"]),
                problems=tuple(Problem(**problem) for problem in about["problems"]),
            )
    except (OSError, ValueError, LookupError, TypeError, EOFError, BadZipFile):
        return None
    taxonomy.__dict__["fingerprint"] = about["fingerprint"]  # what `cached_property` would find out once more
    return taxonomy


def _packed(texts: Iterable[str]) -> npt.NDArray[np.uint8]:
    whole = "\n".join(
        text.replace("\\", "\\\\").replace("\n", "\\n") if "\n" in text or "\\" in text else text for text in texts
    )
    return np.frombuffer(whole.encode(errors="surrogatepass"), np.uint8)


def _unpacked(packed: npt.NDArray[np.uint8]) -> list[str]:
    whole = packed.tobytes().decode(errors="surrogatepass")
    texts = whole.split("\n")
    return [_unescaped(text) if "\\" in text else text for text in texts] if "\\" in whole else texts


def _unescaped(text: str) -> str:
    return "\\".join(part.replace("\\n", "\n") for part in text.split("\\\\"))


class _Texts(Sequence[str]):
    """Texts that are taken apart when one of them is looked at: most columns of details never are."""

    def __init__(self, packed: npt.NDArray[np.uint8]) -> None:
        self._packed = packed
        self._texts: list[str] | None = None

    def _all(self) -> list[str]:
        if self._texts is None:
            self._texts = _unpacked(self._packed)
        return self._texts

    def __len__(self) -> int:
        return len(self._all())

    def __getitem__(self, place: Any) -> Any:
        return self._all()[place]
