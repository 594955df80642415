"""The head `my-component`: `bioclip-x classify --head my-component`."""

from typing import Annotated

from bioclip_x.plugin import ComponentSpec, HeadCapabilities, HeadInput, Scores, hookimpl, roll_up
from pydantic import Field

bioclip_x_api = 1


@hookimpl
def heads() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "shares spread out by a temperature", f"{__name__}:MyComponent")]


class MyComponent:
    """A softmax at another temperature.

    temperature: above 1, shares are spread out.
    """

    # Its shares are not the softmax of the logits, so a calibration's temperature does not apply.
    capabilities = HeadCapabilities(is_softmax=False)

    def __init__(self, *, temperature: Annotated[float, Field(gt=0)] = 2.0) -> None:
        self.temperature = temperature

    def decide(self, given: HeadInput) -> Scores:
        """Returns log-probabilities of the nodes, and the best classes."""
        logits = given.logits.map(lambda start, stop, part: part / self.temperature)
        return roll_up(logits, given.taxonomy, n_best=given.n_best)
