"""The tables of docs/data-set-duplicates.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from duplicates_parts.photos import KINDS

MODELS = {"semantic_field_guide": "field guide's model", "semantic_pixels": "pixels"}


def make_tables(results: Mapping[str, Any]) -> str:
    photos = results["photos"]
    perceptual = photos["perceptual"]["by_distance"]
    columns = {f"≤ {bits} bits": perceptual[bits] for bits in ("0", "2", "4", "6", "8")}
    parts = [
        f"**Planted copies found by perceptual hash**, of {photos['originals']:,} photos and {photos['copies']:,} copies. "
        f"For every distance from 0 to 8 the result equals that of all pairs: "
        f"{'yes' if all(one['equal_to_all_pairs'] for one in perceptual.values()) else 'NO'}.",
        _recall(columns),
    ]
    for key, name in MODELS.items():
        by_epsilon = photos[key]["by_epsilon"]
        parts += [
            f"**Planted copies found by embedding**, {name}, by all pairs.",
            _recall({f"< {epsilon}": one for epsilon, one in by_epsilon.items()}),
        ]
    parts += [
        "**Similar pairs that are in one cluster**, which is the part of them that SemDeDup can find.",
        _clusters(photos),
    ]
    parts += ["**Times and peak memory**, of generated rows, a tenth of them copies.", _scale(results["scale"])]
    return "\n\n".join(parts)


def _recall(columns: Mapping[str, Any]) -> str:
    rows = [["copy", *columns], ["---"] * (len(columns) + 1)]
    rows += [[kind, *(f"{100 * one['recall'][kind]:.0f}%" for one in columns.values())] for kind in KINDS]
    rows.append(["pairs of different photos", *(f"{one['pairs_of_originals']:,}" for one in columns.values())])
    return _format(rows)


def _clusters(photos: Mapping[str, Any]) -> str:
    first = next(iter(photos["semantic_pixels"]["by_epsilon"].values()))
    numbers = [number for number in first["clusters"] if number != "1"]
    rows = [
        ["embedding", "cosine distance", "pairs", *(f"{n} clusters" for n in numbers)],
        ["---"] * (len(numbers) + 3),
    ]
    for key, name in MODELS.items():
        for epsilon, one in photos[key]["by_epsilon"].items():
            shares = [f"{100 * one['clusters'][number]['pairs_in_one_cluster']:.1f}%" for number in numbers]
            rows.append([name, f"< {epsilon}", f"{one['pairs_with_one_copy']:,}", *shares])
    return _format(rows)


def _scale(measured: list[Mapping[str, Any]]) -> str:
    rows = [["finder", "rows", "seconds", "peak memory"], ["---"] * 4]
    for one in measured:
        name = one["kind"] + (f", ≤ {one['distance']} bits" if "distance" in one else "")
        rows.append([name, f"{one['rows']:,}", f"{one['seconds']:.0f}", f"{one['peak_rss_gib']:.1f} GiB"])
    return _format(rows)


def _format(rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
