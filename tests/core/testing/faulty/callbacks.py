"""Callbacks, each with one fault."""

from typing import Any

from bioclip_x.plugin import EpochEnd, RunContext, StepEnd, hookimpl

KIND = "callbacks"


class Right:
    """counts steps"""

    def __init__(self) -> None:
        self.steps = 0

    @hookimpl
    def training_started(self, run: RunContext) -> None:
        self.steps = 0

    @hookimpl
    def training_step_ended(self, event: StepEnd, run: RunContext) -> None:
        self.steps += 1

    @hookimpl
    def epoch_ended(self, event: EpochEnd, run: RunContext) -> Any:
        return self.steps > 4

    @hookimpl
    def training_ended(self, run: RunContext) -> None:
        self.steps = 0


class Unmarked:
    """no @hookimpl"""

    def training_ended(self, run: RunContext) -> None:
        pass


class OtherArguments:
    """an argument that the hook has not"""

    @hookimpl
    def training_ended(self, run: RunContext, loss: float) -> None:
        pass


class Failing(Right):
    """a failure after the second step"""

    @hookimpl
    def training_step_ended(self, event: StepEnd, run: RunContext) -> None:
        if event.step > 2:
            raise ValueError("no third step")


class Talking(Right):
    """an answer in words"""

    @hookimpl
    def epoch_ended(self, event: EpochEnd, run: RunContext) -> Any:
        return "go on"


class OfSteps(Right):
    """an end that needs a step"""

    @hookimpl
    def training_ended(self, run: RunContext) -> None:
        assert self.steps > 0, "no step"


class Endless(Right):
    """a count that goes on in the next run"""

    @hookimpl
    def training_started(self, run: RunContext) -> None:
        pass

    @hookimpl
    def training_ended(self, run: RunContext) -> None:
        pass


RIGHT = (Right,)
FAULTY = {
    "it_follows_a_run": Unmarked,
    "hooks_take_their_arguments": OtherArguments,
    "a_run_goes_through": Failing,
    "it_answers_whether_to_stop": Talking,
    "an_interrupted_run_ends": OfSteps,
    "runs_do_not_affect_each_other": Endless,
}
