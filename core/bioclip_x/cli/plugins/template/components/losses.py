"""The loss `my-component`: `loss: my-component` in the configuration of `bioclip-x train`."""

from typing import Annotated

import torch
from bioclip_x.plugin import ComponentSpec, LossInput, hookimpl
from pydantic import Field

bioclip_x_api = 1


@hookimpl
def losses() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "hinge loss of images and texts", f"{__name__}:MyComponent")]


class MyComponent:
    """Asks that each image is closer to its own text than to every other, by a margin.

    margin: in cosines.
    """

    def __init__(self, *, margin: Annotated[float, Field(ge=0)] = 0.2) -> None:
        self.margin = margin

    def __call__(self, batch: LossInput) -> torch.Tensor:
        """Returns this process's part of the loss: the mean over the processes is the loss of the whole batch."""
        gathered = batch.gathered  # images and texts of all processes
        cosine_BS = batch.image_BD @ gathered.text_SD.T
        own_B = (batch.image_BD * batch.text_BD).sum(1)
        wrong_BS = ~gathered.right_BS & gathered.known_BS
        hinge_BS = (self.margin - own_B[:, None] + cosine_BS).clamp(min=0)
        return batch.mean((hinge_BS * wrong_BS).sum(1) / wrong_BS.sum(1).clamp(min=1))
