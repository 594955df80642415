"""The plugin `my-component`: `bioclip-x train train.yaml --plugin my-component` writes my-component.txt into the run's folder."""

from bioclip_x.plugin import EpochEnd, RunContext, StepEnd, Validated, hookimpl

bioclip_x_api = 1


def tell(run: RunContext, line: str) -> None:
    with (run.folder / "my-component.txt").open("a", encoding="utf-8") as story:
        story.write(f"{line}\n")


@hookimpl
def training_started(run: RunContext) -> None:
    tell(run, "started")


@hookimpl
def training_step_ended(event: StepEnd, run: RunContext) -> None:
    tell(run, f"step {event.step}: loss {event.loss:.3f}")


@hookimpl
def validated(event: Validated, run: RunContext) -> None:
    tell(run, f"validated: {event.metrics}")


@hookimpl
def epoch_ended(event: EpochEnd, run: RunContext) -> bool:
    tell(run, f"epoch {event.epoch}")
    return False  # True ends the run


@hookimpl
def training_ended(run: RunContext) -> None:
    tell(run, "ended")
