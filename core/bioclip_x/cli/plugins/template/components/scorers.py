"""The scorer `my-component`: `bioclip-x classify --scorer my-component`."""

import torch

from bioclip_x.plugin import ComponentSpec, ImageFeatures, Logits, ModelCard, Taxonomy, TextBank, hookimpl

bioclip_x_api = 1


@hookimpl
def scorers() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "the median similarity to a class's texts", f"{__name__}:MyComponent")]


class MyComponent:
    """Scores a class by the median of an image's cosines to its texts, so that one odd text does not count."""

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard, taxonomy: Taxonomy) -> Logits:
        """Returns logits that are computed for any range of classes when they are asked for."""

        def part(start: int, stop: int) -> torch.Tensor:
            rows = []
            for class_index in range(start, stop):
                cosines_pB = bank.embeddings_PD[bank.of_class(class_index)] @ features.embeddings_BD.T
                rows.append(cosines_pB.quantile(0.5, dim=0))
            return card.logit_scale * torch.stack(rows) + card.logit_bias

        return Logits(part, len(features.embeddings_BD), bank.n_classes)
