"""The scorer `my-component`: `bioclip-x classify --scorer my-component`."""

import numpy as np
import torch
from bioclip_x.plugin import (
    ComponentSpec,
    ImageFeatures,
    Logits,
    ModelCard,
    ScorerCapabilities,
    Taxonomy,
    TextBank,
    hookimpl,
)

bioclip_x_api = 1


@hookimpl
def scorers() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "the median similarity to a class's texts", f"{__name__}:MyComponent")]


class MyComponent:
    """Scores a class by the median of an image's cosines to its texts, so that one odd text does not count."""

    # A class's logit is scale · Σ a_p · cos_p + bias, with the coefficients below: statistics of single texts are valid.
    capabilities = ScorerCapabilities(pools_prompts=True)

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard, taxonomy: Taxonomy) -> Logits:
        """Returns logits that are computed for any range of classes when they are asked for."""

        def part(start: int, stop: int) -> torch.Tensor:
            rows = []
            for class_index in range(start, stop):
                cosines_pB = bank.embeddings_PD[bank.of_class(class_index)] @ features.embeddings_BD.T
                rows.append(cosines_pB.quantile(0.5, dim=0))
            return card.logit_scale * torch.stack(rows) + card.logit_bias

        return Logits(part, len(features.embeddings_BD), bank.n_classes)

    def coefficients(self, embedding_D: torch.Tensor, bank: TextBank, class_index: int) -> np.ndarray:
        """Returns each text's part of the class's similarity to an image, for explanations: here of the middle text, or two."""
        cosines_p = bank.embeddings_PD[bank.of_class(class_index)] @ embedding_D
        order_p = torch.argsort(cosines_p).numpy()
        middle = order_p[(len(order_p) - 1) // 2 : len(order_p) // 2 + 1]
        coefficients_p = np.zeros(len(order_p), np.float32)
        coefficients_p[middle] = 1 / len(middle)
        return coefficients_p
