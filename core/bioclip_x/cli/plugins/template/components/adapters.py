"""The adapter `my-component`: `adapter: my-component` in the configuration of `bioclip-x train`."""

from bioclip_x.plugin import ComponentSpec, TrainableEncoder, hookimpl

bioclip_x_api = 1


@hookimpl
def adapters() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "trains biases and norms only", f"{__name__}:MyComponent")]


class MyComponent:
    """Trains only parameters of one dimension: biases, and the scales of norms (BitFit, arXiv 2106.10199)."""

    def apply(self, encoder: TrainableEncoder) -> None:
        """Leaves only the parameters to train with `requires_grad`. Others would add layers here."""
        for parameter in encoder.module.parameters():
            parameter.requires_grad_(parameter.ndim <= 1)

    def merge(self, encoder: TrainableEncoder) -> None:
        """Makes the module as it was before `apply`, but for its weights. Others would merge their layers here."""
        encoder.module.requires_grad_(True)
