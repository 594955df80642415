"""Exports the linear heads of a run's losses next to the model, for classification without texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bioclip_x.classes.linear_heads import save_linear_head
from bioclip_x.faults import naming
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.training.loss_terms import Term

FOLDER = "heads"


def export_heads(terms: Sequence[Term], taxonomy: Taxonomy, model: Path) -> list[Path]:
    """Writes `heads/RANK.safetensors` into the model's folder, or `heads/LOSS/RANK.safetensors` if several losses have heads.

    Returns the files. Raises OSError.
    """
    exporting = [term for term in terms if term.capabilities.exports_heads]
    paths = []
    for term in exporting:
        folder = model / FOLDER / (term.name if len(exporting) > 1 else "")
        with naming(term.loss, "export_heads"):
            heads = term.loss.export_heads()
        for name, head in heads.items():
            save_linear_head(folder / f"{name}.safetensors", head, taxonomy)
            paths.append(folder / f"{name}.safetensors")
    return paths
