"""The cache of compiled taxonomies: trees that are none, and damaged files. The source is read again."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from hostile.case import OK, Case, Outcome
from hostile.damage import Damage, damage_bytes, damage_places

Arrays = dict[str, np.ndarray]
ROWS = """kingdom,family,genus,species,common_name,conservation
Animalia,Paridae,Parus,Parus major,great tit,LC
Animalia,Paridae,Parus,Parus minor,Japanese tit,LC
Animalia,Paridae,Cyanistes,Cyanistes caeruleus,,LC
Animalia,Turdidae,Turdus,Turdus merula,blackbird,
Plantae,Fagaceae,Quercus,Quercus robur,English oak,
Plantae,Fagaceae,Fagus,,beech genus,
"""
AT = 1_700_000_000
"""Time of the taxonomy's file, by which its compiled tree is found."""


def cases() -> Iterator[Case]:
    for name, damage in (*damage_bytes(24), *damage_places()):
        yield _make_case(name, damage)
    for name, change in _change_arrays():
        yield _make_case(name, partial(_change, change, True))
    for name in ("cycle-of-two", "parent-beyond-the-tree", "names-one-short", "classes-twice", "rank-beyond-the-ranks"):
        yield _make_case(f"{name}-without-checksum", partial(_change, dict(_change_arrays())[name], False))
    for name, field, value in _change_metadata():
        yield _make_case(f"metadata-{name}", partial(_change, partial(_set_metadata, field, value), True))


def _change_arrays() -> Iterator[tuple[str, Callable[[Arrays], Arrays]]]:
    def put(name: str, place: Any, value: Any) -> Callable[[Arrays], Arrays]:
        def change(arrays: Arrays) -> Arrays:
            changed = arrays[name].copy()
            changed[place] = value
            return {**arrays, name: changed}

        return change

    def on(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Arrays], Arrays]:
        return lambda arrays: {**arrays, name: change(arrays[name])}

    yield "parent-of-itself", put("parent_N", 3, 3)
    yield "cycle-of-two", put("parent_N", [3, 4], [4, 3])
    yield "cycle-of-all", put("parent_N", 1, -1 % 5)
    yield "parent-after-it", put("parent_N", 2, 7)
    yield "parent-beyond-the-tree", put("parent_N", 4, 10_000)
    yield "parent-negative", put("parent_N", 4, -5)
    yield "parent-least", put("parent_N", 4, -(2**31))
    yield "second-root", put("parent_N", 5, -1)
    yield "root-with-a-parent", put("parent_N", 0, 0)
    yield "another-parent", put("parent_N", -1, 0)
    yield "parent-is-a-leaf", lambda arrays: put("parent_N", -1, arrays["leaf_node_C"][0])(arrays)
    yield "rank-beyond-the-ranks", put("rank_N", 2, 99)
    yield "rank-negative", put("rank_N", 2, -3)
    yield "rank-of-another", put("rank_N", 2, 3)
    yield "kind-unknown", put("kind_N", 2, 9)
    yield "kind-root-twice", put("kind_N", 2, 3)
    yield "kind-hole-everywhere", put("kind_N", slice(None), 1)
    yield "kind-hole", put("kind_N", 2, 1)
    yield "starts-falling", on("leaf_start_N", lambda x: x[::-1].copy())
    yield "starts-negative", put("leaf_start_N", 1, -4)
    yield "stops-beyond", put("leaf_stop_N", 1, 1_000_000)
    yield "stops-before-starts", put("leaf_stop_N", 2, 0)
    yield "stops-all-zero", on("leaf_stop_N", np.zeros_like)
    yield "root-with-fewer-leaves", put("leaf_stop_N", 0, 2)
    yield "classes-twice", put("leaf_node_C", 1, 4)
    yield "classes-exchanged", on("leaf_node_C", lambda x: x[::-1].copy())
    yield "class-beyond-the-tree", put("leaf_node_C", 0, 10_000)
    yield "class-negative", put("leaf_node_C", 0, -1)
    yield "class-above-the-leaves", put("leaf_node_C", 0, 1)
    yield "class-missing", on("leaf_node_C", lambda x: x[:-1])
    yield "class-too-many", on("leaf_node_C", lambda x: np.r_[x, x[-1:]])
    for name in ("parent_N", "rank_N", "kind_N", "leaf_start_N", "leaf_stop_N"):
        word = name.replace("_", "-")
        yield f"{word}-short", on(name, lambda x: x[:-1])
        yield f"{word}-long", on(name, lambda x: np.r_[x, x[-1:]])
        yield f"{word}-empty", on(name, lambda x: x[:0])
        yield f"{word}-of-floats", on(name, lambda x: x.astype(np.float64))
        yield f"{word}-in-a-column", on(name, lambda x: x[:, None])
        yield f"{word}-missing", partial(_drop, name)
    yield "parents-of-int64", on("parent_N", lambda x: x.astype(np.int64))
    yield "parents-of-text", on("parent_N", lambda x: x.astype(str))
    yield "names-cut", on("names", lambda x: x[: len(x) // 2])
    yield "names-one-short", on("names", lambda x: x[: -bytes(x[::-1]).index(b"\n") - 1])
    yield "names-one-more", on("names", lambda x: np.r_[x, np.frombuffer(b"\nx", np.uint8)])
    yield "names-no-utf-8", put("names", 5, 0xFF)
    yield "names-changed", put("names", 12, 65)
    yield "names-of-int64", on("names", lambda x: x.astype(np.int64))
    yield "names-empty", on("names", lambda x: x[:0])
    yield "lines-short", on("line_N", lambda x: x[:-1])
    yield "lines-of-floats", on("line_N", lambda x: x * 1.5)
    yield "details-of-no-node", put("nodes_0", -1, 5000)
    yield "details-negative", put("nodes_0", 0, -1)
    yield "details-unsorted", on("nodes_0", lambda x: x[::-1].copy())
    yield "details-short", on("nodes_0", lambda x: x[:-1])
    yield "details-of-floats", on("nodes_0", lambda x: x.astype(float))
    yield "details-without-values", partial(_drop, "values_0")
    yield "details-no-utf-8", put("values_0", 0, 0xFF)
    yield "without-metadata", partial(_drop, "about")
    yield "metadata-no-json", on("about", lambda x: x[:-2])
    yield "metadata-nested", on("about", lambda x: np.frombuffer(b"[" * 100_000, np.uint8))
    yield "empty-archive", lambda arrays: {}


def _drop(name: str, arrays: Arrays) -> Arrays:
    return {key: array for key, array in arrays.items() if key != name}


def _change_metadata() -> Iterator[tuple[str, str, Any]]:
    for number, value in enumerate((99, 0, None, "3", [])):
        yield f"format-{number}", "format", value
    for field in ("rank_names", "source", "line_unit", "notes", "n_beside", "problems", "details", "fingerprint"):
        for number, value in enumerate((None, 7, [1, 2], {"a": 1})):
            if (field, value) not in (("fingerprint", None),):
                yield f"{field.replace('_', '-')}-{number}", field, value
    yield "ranks-cut", "rank_names", ["", "kingdom"]
    yield "beside-huge", "n_beside", 10**9
    yield "beside-negative", "n_beside", -1
    yield "beside-one", "n_beside", 1
    yield "other-fingerprint", "fingerprint", "0" * 16
    yield "details-role", "details", [["spell", "x"]] * 2


def _set_metadata(field: str, value: Any, arrays: Arrays) -> Arrays:
    document = {**json.loads(arrays["about"].tobytes()), field: value}
    return {**arrays, "about": np.frombuffer(json.dumps(document).encode(), np.uint8)}


def _change(change: Callable[[Arrays], Arrays], checksum: bool, path: Path) -> None:
    """Changes the arrays of a compiled tree. checksum: whether the right one is written with them."""
    from bioclip_x.io.storage.seals import seal

    with np.load(path) as stored:
        arrays = change(dict(stored))
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    if checksum:
        seal(stream)
    path.write_bytes(stream.getvalue())


def _make_case(name: str, damage: Damage) -> Case:
    environment = {"BIOCLIP_X_CACHE": "{folder}/cache"}
    return Case(name, partial(_make, damage), OK, check=_check, environment=environment, seconds=5)


def _make(damage: Damage, folder: Path) -> list[str]:
    from bioclip_x.taxonomy.cache import save

    file = _find_cache_file(_write_rows(folder), folder / "cache")
    file.parent.mkdir(parents=True)
    save(_compile()[0], file)
    damage(file)
    return ["taxonomy", "convert", "birds.csv", "--to", "json"]


def _write_rows(folder: Path) -> Path:
    path = folder / "birds.csv"
    path.write_text(ROWS)
    os.utime(path, (AT, AT))
    return path


def _find_cache_file(path: Path, cache: Path) -> Path:
    """Where the compiled tree of a file is cached. Files that are read in an instant are not cached, but looked for."""
    from bioclip_x.classes import taxonomy_files
    from bioclip_x.classes.taxonomy_formats import detect_format, read_head
    from bioclip_x.hooks.options import ComponentRef

    registry = _compile()[2]
    ref = ComponentRef(name=detect_format(registry, path, read_head(path)))
    reader = registry.make("taxonomy_readers", ref.name)
    found = taxonomy_files._find_cache_file(cache / "taxonomies", path, ref, reader, None)  # noqa: SLF001 - the name alone
    assert found is not None
    return found


@cache
def _compile() -> tuple[Any, str, Any]:
    """Returns the tree, what `taxonomy convert` prints of it, and the registry."""
    from bioclip_x.classes.taxonomy_files import read_taxonomy
    from bioclip_x.hooks.registry import create_registry
    from bioclip_x.taxonomy.writers import find_format, make_document

    registry = create_registry()
    with tempfile.TemporaryDirectory() as name:
        tree = read_taxonomy(registry, _write_rows(Path(name)))
    return tree, "".join(make_document(tree, find_format(None, "json")).chunks()), registry


def _check(outcome: Outcome) -> str:
    return "" if json.loads(outcome.stdout) == json.loads(_compile()[1]) else f"another tree: {outcome.stdout[:500]}"
