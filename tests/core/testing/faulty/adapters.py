"""Adapters, each with one fault."""

import torch
from torch import nn

from bioclip_x.plugin import TrainableEncoder

KIND = "adapters"


class Right:
    """biases and norms"""

    def apply(self, encoder: TrainableEncoder) -> None:
        for parameter in encoder.module.parameters():
            parameter.requires_grad_(parameter.ndim <= 1)

    def merge(self, encoder: TrainableEncoder) -> None:
        encoder.module.requires_grad_(True)


class Everything(Right):
    """trains all"""

    def apply(self, encoder: TrainableEncoder) -> None:
        encoder.module.requires_grad_(True)


class Unused(Right):
    """a parameter that nothing uses"""

    def apply(self, encoder: TrainableEncoder) -> None:
        super().apply(encoder)
        encoder.module.register_parameter("unused", nn.Parameter(torch.zeros(2)))

    def merge(self, encoder: TrainableEncoder) -> None:
        super().merge(encoder)
        del encoder.module.unused


class Resetting(Right):
    """biases of 0 once it is merged"""

    def merge(self, encoder: TrainableEncoder) -> None:
        with torch.no_grad():
            for name, parameter in encoder.module.named_parameters():
                if name.endswith("bias"):
                    parameter.zero_()


class Remaining(Unused):
    """a parameter that stays"""

    def merge(self, encoder: TrainableEncoder) -> None:
        encoder.module.requires_grad_(True)


RIGHT = (Right,)
FAULTY = {
    "few_parameters_are_trained": Everything,
    "gradients_reach_its_parameters": Unused,
    "merging_keeps_the_embeddings": Resetting,
    "merging_restores_the_module": Remaining,
}
