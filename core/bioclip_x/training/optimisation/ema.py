"""The exponential moving average of the weights (Polyak & Juditsky 1992).

After step t (from 0), the average is θ̄ ← d_t · θ̄ + (1 − d_t) · θ with the decay d_t = min(decay, (1 + t) / (10 + t)): a warm-up,
without which the average would remember the initial weights for 1 / (1 − decay) steps (as in TensorFlow's
`ExponentialMovingAverage` and diffusion models).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def compute_decay(step: int, decay: float) -> float:
    """Computes d_t. step: completed updates, from 0.

    >>> [round(compute_decay(step, 0.999), 3) for step in (0, 10, 100_000)]
    [0.1, 0.55, 0.999]
    """
    return min(decay, (1 + step) / (10 + step))


class Average:
    """The average of a module's weights. Buffers, such as the statistics of batch norms, are copied: they are averages already.

    module: the averaged copy, in evaluation mode. decay: the largest.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self._steps = 0
        self._averaged = AveragedModel(module, multi_avg_fn=self._average)
        self._averaged.requires_grad_(False).eval()
        self._averaged.update_parameters(module)  # the first one copies

    @property
    def module(self) -> nn.Module:
        averaged: nn.Module = self._averaged.module
        return averaged

    def update(self, module: nn.Module) -> None:
        """Takes one optimiser step's weights into the average."""
        self._averaged.update_parameters(module)
        self._steps += 1

    def _average(self, averaged: Any, current: Any, _: Any) -> None:
        update = get_ema_multi_avg_fn(compute_decay(self._steps, self.decay))  # type: ignore[no-untyped-call]
        update(averaged, current, _)

    @contextmanager
    def applied_to(self, module: nn.Module) -> Iterator[None]:
        """Puts the average into the module, for validation or export, and the module's own weights back at the end."""
        own = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
        module.load_state_dict(self.module.state_dict())
        try:
            yield
        finally:
            module.load_state_dict(own)

    def state_dict(self) -> dict[str, Any]:
        return {"module": self.module.state_dict(), "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.module.load_state_dict(state["module"])
        self._steps = int(state["steps"])
