"""The text members of samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bioclip_x.taxonomy.ranks import LINNAEAN


def make_members(sample: Mapping[str, Any]) -> dict[str, str]:
    """Stands in for BioCLIP's ten members until they are merged."""
    words = [sample[rank] for rank in LINNAEAN[:-1]]
    genus = sample["genus"]
    words.append(sample["species"].removeprefix(f"{genus} ") if sample["species"] else "")
    return {"taxonomic_name.txt": " ".join(filter(None, words))}
