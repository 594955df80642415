"""Saves and loads compiled trees: arrays and texts in one file that loads quickly.

The file is a NumPy .npz without pickle. It holds the tree's arrays, and each list of texts as UTF-8 joined by line breaks;
line breaks within a text are escaped. It ends with a checksum (`io/storage/seals.py`).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from bioclip_x.caches import mark_used, open_cache_file
from bioclip_x.io.storage.seals import open_sealed, seal
from bioclip_x.records.problem import Problem
from bioclip_x.taxonomy.details import DetailColumn, DetailColumns, as_columns
from bioclip_x.taxonomy.invariants import find_fault
from bioclip_x.taxonomy.tree import Taxonomy

FORMAT: Final = 3
ARRAYS: Final = ("parent_N", "rank_N", "kind_N", "leaf_start_N", "leaf_stop_N", "leaf_node_C")
OPTIONAL_ARRAYS: Final = ("class_of_row", "line_N")
_DAMAGED: Final = (
    OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, EOFError, BadZipFile, MemoryError,
    RuntimeError, zlib.error,
)  # fmt: skip
"""What NumPy, `zipfile` and the lines below raise for a file that `save` did not write, RecursionError included."""


def save(taxonomy: Taxonomy, file: Path) -> None:
    """Writes a tree; the file appears only when it is complete. Raises OSError."""
    columns = as_columns(taxonomy.details).columns
    metadata = {
        "format": FORMAT,
        "rank_names": taxonomy.rank_names,
        "source": taxonomy.source,
        "line_unit": taxonomy.line_unit,
        "notes": taxonomy.notes,
        "n_beside": taxonomy.n_beside,
        "problems": [asdict(problem) for problem in taxonomy.problems],
        "details": [[column.role, column.key] for column in columns],
        "fingerprint": taxonomy.fingerprint,
    }
    arrays: dict[str, Any] = {name: getattr(taxonomy, name) for name in ARRAYS}
    arrays |= {name: array for name in OPTIONAL_ARRAYS if (array := getattr(taxonomy, name)) is not None}
    arrays["about"] = _pack([json.dumps(metadata, ensure_ascii=False)])
    arrays["names"] = _pack(taxonomy.names)
    for number, column in enumerate(columns):
        arrays[f"nodes_{number}"] = column.node_n
        arrays[f"values_{number}"] = _pack(column.values)
    with open_cache_file(file) as stream:
        np.savez(stream, **arrays)
        seal(stream)


def load(file: Path) -> Taxonomy | None:
    """Reads a tree that `save` wrote; returns None if it is missing, damaged, no tree, or of another format version."""
    try:
        with open_sealed(file) as (stream, length), np.load(stream, allow_pickle=False) as stored:
            if sum(member.file_size for member in stored.zip.infolist()) > length:  # `save` packs nothing
                return None
            metadata = json.loads(_unpack(stored["about"])[0])
            if metadata["format"] != FORMAT:
                return None
            columns = [
                DetailColumn(role, key, stored[f"nodes_{number}"], _PackedTexts(stored[f"values_{number}"]))
                for number, (role, key) in enumerate(metadata["details"])
            ]
            taxonomy = Taxonomy(
                **{name: stored[name] for name in ARRAYS},
                **{name: stored[name] for name in OPTIONAL_ARRAYS if name in stored},
                names=tuple(_unpack(stored["names"])),
                rank_names=tuple(metadata["rank_names"]),
                details=DetailColumns(columns),
                source=metadata["source"],
                line_unit=metadata["line_unit"],
                notes=tuple(metadata["notes"]),
                n_beside=metadata["n_beside"],
                problems=tuple(Problem(**problem) for problem in metadata["problems"]),
            )
        if find_fault(taxonomy) or not _has_texts(taxonomy) or taxonomy.fingerprint != metadata["fingerprint"]:
            return None
    except _DAMAGED:
        return None
    mark_used(file)
    return taxonomy


def _has_texts(taxonomy: Taxonomy) -> bool:
    """Whether what should be text is."""
    problems = [text for one in taxonomy.problems for text in (one.kind, one.message, one.file, one.unit)]
    texts = [*taxonomy.rank_names, *taxonomy.notes, *problems, taxonomy.source, taxonomy.line_unit]
    return all(isinstance(text, str) for text in texts) and all(isinstance(one.line, int) for one in taxonomy.problems)


def _pack(texts: Iterable[str]) -> npt.NDArray[np.uint8]:
    joined = "\n".join(
        text.replace("\\", "\\\\").replace("\n", "\\n") if "\n" in text or "\\" in text else text for text in texts
    )
    return np.frombuffer(joined.encode(errors="surrogatepass"), np.uint8)


def _unpack(packed: npt.NDArray[np.uint8]) -> list[str]:
    joined = packed.tobytes().decode(errors="surrogatepass")
    texts = joined.split("\n")
    return [_unescape(text) if "\\" in text else text for text in texts] if "\\" in joined else texts


def _unescape(text: str) -> str:
    return "\\".join(part.replace("\\n", "\n") for part in text.split("\\\\"))


class _PackedTexts(Sequence[str]):
    """A sequence of texts, unpacked on first access: most columns of details are never read."""

    def __init__(self, packed: npt.NDArray[np.uint8]) -> None:
        self._packed = packed
        self._texts: list[str] | None = None

    def _unpack_once(self) -> list[str]:
        if self._texts is None:
            self._texts = _unpack(self._packed)
        return self._texts

    def __len__(self) -> int:
        return len(self._unpack_once())

    def __getitem__(self, index: Any) -> Any:
        return self._unpack_once()[index]
