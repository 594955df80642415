"""The callback `my-component`: `callbacks: [my-component]` in the configuration of `bioclip-x train`."""

from bioclip_x.plugin import ComponentSpec, EpochEnd, RunContext, StepEnd, hookimpl

bioclip_x_api = 1


@hookimpl
def callbacks() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "stops a run that diverges", f"{__name__}:MyComponent")]


class MyComponent:
    """Stops a run at the end of an epoch in which a step's loss was far above the first.

    times: how far.
    """

    def __init__(self, *, times: float = 3.0) -> None:
        self.times = times
        self._first: float | None = None
        self._diverges = False

    @hookimpl
    def training_step_ended(self, event: StepEnd, run: RunContext) -> None:
        self._first = event.loss if self._first is None else self._first
        self._diverges |= event.loss > self.times * self._first

    @hookimpl
    def epoch_ended(self, event: EpochEnd, run: RunContext) -> bool:
        return self._diverges
