"""The logit adjustment `my-component`: `bioclip-x classify --adjust my-component:taxon=Parus`."""

from collections.abc import Sequence
from typing import Annotated

import torch
from bioclip_x.plugin import ComponentSpec, Source, Taxonomy, hookimpl
from pydantic import Field

bioclip_x_api = 1


@hookimpl
def adjust_logits() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "favours the classes of one taxon", f"{__name__}:MyComponent")]


class MyComponent:
    """Raises the logits of all classes at or below a taxon.

    taxon: its name. strength: log-odds, above 0.
    """

    def __init__(self, taxon: str = "Aves", *, strength: Annotated[float, Field(gt=0)] = 1.0) -> None:
        self.taxon, self.strength = taxon, strength

    def offsets(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> torch.Tensor:
        """Returns float32 [C], the same for all images. Offsets that depend on the image are [C, B]."""
        offsets_C = torch.zeros(taxonomy.n_classes)
        for class_index in range(taxonomy.n_classes):
            names = [taxonomy.names[node] for node in taxonomy.path(int(taxonomy.leaf_node_C[class_index]))]
            if self.taxon in names:
                offsets_C[class_index] = self.strength
        return offsets_C

    def notes(self, taxonomy: Taxonomy) -> Sequence[str]:
        """Returns lines for the outputs."""
        count = int((self.offsets(taxonomy, ()) > 0).sum())
        return [f"my-component: {count} of {taxonomy.n_classes} classes are of {self.taxon}"]
