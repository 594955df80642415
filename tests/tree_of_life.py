"""A tree of life of 1,000 names as BioCLIP's authors publish theirs, and a hub cache with it, both made here."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers import COMMIT, lay_hub_cache

Entry = list[Any]
DATASET = "imageomics/TreeOfLife-200M"
TEXT = "an image of {}."


def names(n: int = 1000, seed: int = 0) -> list[Entry]:
    """Sorted rows of seven ranks and a common name: holes at every rank between kingdom and genus, homonyms."""
    rng = random.Random(seed)
    rows: dict[tuple[str, ...], str] = {
        # A genus of one name in two kingdoms, with one epithet: the same binomial twice.
        ("Animalia", "Chordata", "Aves", "Passeriformes", "Muscicapidae", "Oenanthe", "pumila"): "",
        ("Plantae", "Tracheophyta", "Magnoliopsida", "Apiales", "Apiaceae", "Oenanthe", "pumila"): "",
        ("Animalia", "Chordata", "", "Cypriniformes", "Cyprinidae", "Carassius", "auratus"): "Goldfish",
        ("Animalia", "", "", "", "", "", "incerta"): "",
        ("Fungi", "Basidiomycota", "Agaricomycetes", "", "", "Incertus", "major"): "",
    }
    while len(rows) < n:
        lineage = tuple(
            "" if 0 < rank < 6 and rng.random() < 0.08 else f"{'KPCOFGe'[rank]}{rng.randrange(size)}{'aeiou'[rank % 5]}"
            for rank, size in enumerate((3, 6, 12, 24, 48, 200, 90))
        )
        rows.setdefault(lineage, f"name {len(rows)}" if rng.random() < 0.4 else "")
    return [[list(lineage), common] for lineage, common in sorted(rows.items())]


def text(row: Entry) -> str:
    """What the authors' script embeds, without its double spaces where a rank is missing."""
    lineage = " ".join(filter(None, row[0]))
    return TEXT.format(f"{lineage} with common name {row[1]}" if row[1] else lineage)


def embeddings(encoder: Any, rows: list[Entry]) -> np.ndarray:
    """float32 [D, len(rows)], unit columns."""
    units_ND: torch.Tensor = encoder.encode_texts([text(row) for row in rows])
    return np.ascontiguousarray(units_ND.numpy().T)


def lay(home: Path, model: Path, rows: list[Entry], columns_DR: np.ndarray, commit: str = COMMIT) -> Path:
    """Model, names and embeddings of the alias bioclip-2 in a hub cache. Returns the cache."""
    folder = home / "made" / "embeddings"
    folder.mkdir(parents=True)
    (folder / "txt_emb_species.json").write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    np.save(folder / "txt_emb_species.npy", columns_DR)
    lay_hub_cache(home, "imageomics/bioclip-2", model)
    lay_hub_cache(home, DATASET, home / "made", commit, kind="dataset")
    return home / "hub"
