"""LoRA (Hu et al. 2022, arXiv 2106.09685), by the library peft."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn

from bioclip_x.plugin import TrainableEncoder, TrainingError
from bioclip_x_plugins.adapters.layers import (
    Tower,
    close_attention,
    freeze,
    list_layers,
    open_attention,
    replace_layer,
)


class Lora:
    """Adds B·A · alpha / r to the weight of every linear layer, A of r rows and B, zero at first, of r columns.

    r: the rank. alpha: the scale; none: r, so that the factor is 1. dropout: of the input of A. towers: those adapted.
    seed: of A's initial values.

    peft's own adapter of torch's attention adds the product to the weights before each forward pass and subtracts it
    afterwards, which adds rounding errors to the frozen weights at every step, and replaces their parameters; so the
    attention of open_clip's blocks is taken apart into linear layers here.
    """

    def __init__(
        self,
        *,
        r: Annotated[int, Field(ge=1)] = 8,
        alpha: Annotated[float, Field(gt=0)] | None = None,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        towers: Sequence[Tower] = ("image", "text"),
        seed: int = 0,
    ) -> None:
        self.r, self.alpha, self.dropout, self.towers, self.seed = r, alpha or r, dropout, tuple(towers), seed

    def apply(self, encoder: TrainableEncoder) -> None:
        """Adds the parameters. Raises TrainingError if peft is not installed."""
        try:
            from peft import LoraConfig, inject_adapter_in_model
        except ImportError:
            raise TrainingError(
                "adapter: lora needs the library peft; run: pip install 'bioclip-x[adapters]'"
            ) from None
        module = encoder.module
        freeze(module)
        trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
        open_attention(module)
        names = [name for name, _ in list_layers(module, (nn.Linear,), self.towers)]
        options: dict[str, Any] = {"r": self.r, "lora_alpha": self.alpha, "lora_dropout": self.dropout}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            inject_adapter_in_model(LoraConfig(target_modules=names, **options), module)
        for parameter in trained:  # peft has locked them
            parameter.requires_grad_(True)

    def merge(self, encoder: TrainableEncoder) -> None:
        """Adds the products to the weights, and removes the adapters."""
        from peft.tuners.lora import LoraLayer

        module = encoder.module
        for name, layer in list(module.named_modules()):
            if isinstance(layer, LoraLayer):
                layer.merge(safe_merge=True)
                replace_layer(module, name, layer.get_base_layer())
        if hasattr(module, "peft_config"):
            del module.peft_config
        close_attention(module)
