"""The options of `bioclip-x evaluate` for few-shot evaluations."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bioclip_x.cli.option_types import PathName
from bioclip_x.errors import RecipeError
from bioclip_x.hooks.registry import Registry
from bioclip_x.io.numbers import parse_whole_number
from bioclip_x.io.storage.streams import open_output
from bioclip_x.limits import MOST_FOLDS

if TYPE_CHECKING:
    from bioclip_x.hooks.components import Dataset
    from bioclip_x.recipe import Recipe


@dataclass(frozen=True, slots=True)
class FewShotOptions:
    """shots: None to take those of the file of folds. folds: a number or a file. save_folds: where to write the folds."""

    shots: tuple[int, ...] | None
    methods: tuple[str, ...]
    folds: int | Path
    save_folds: Path | None

    @property
    def file(self) -> Path | None:
        """The file of folds that is read."""
        return self.folds if isinstance(self.folds, Path) else None

    def evaluate(
        self,
        registry: Registry,
        recipes: Sequence[Recipe],
        dataset: Dataset,
        source: str,
        notes: Sequence[str],
        format_: str,
        output: Path | None,
        quiet: bool,
    ) -> None:
        """Evaluates, and writes results and folds. notes: on the user's settings. Raises RecipeError for several recipes."""
        from bioclip_x.cli.render.few_shot import print_notes, write
        from bioclip_x.evaluation.few_shot.evaluate import SHOTS, evaluate_few_shot
        from bioclip_x.evaluation.few_shot.methods import parse_method
        from bioclip_x.progress import Progress

        if len(recipes) > 1:
            raise RecipeError("--few-shot and --compare cannot be combined; run it once for each choice of texts")
        methods = [parse_method(text) for text in dict.fromkeys(self.methods)]
        with open_output(output, styled=format_ == "table") as stream:
            with Progress(enabled=not quiet) as progress:
                evaluation = evaluate_few_shot(
                    registry,
                    recipes[0],
                    dataset,
                    source,
                    methods,
                    shots=self.shots or SHOTS,
                    folds=self.folds,
                    texts=progress.texts,
                    labelled=progress.labelled,
                )
            if not quiet:
                print_notes(evaluation, notes)
            write(evaluation, format_, stream)
        if self.save_folds:
            with open_output(self.save_folds) as stream:
                stream.write(json.dumps(evaluation.folds, indent=1, ensure_ascii=False) + "\n")


def add_few_shot_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options, which a command receives together as `few_shot`: None where none is given."""
    options = [
        click.option(
            "--few-shot", "shots", metavar="K,…", callback=_parse_shots,
            help="Classify by K images of each class, for each K: few-shot instead of zero-shot evaluation.",
        ),
        click.option(
            "--few-shot-method", "methods", multiple=True, metavar="M",
            help="simpleshot, ridge, logistic, blend, tip-adapter or zero-shot, on the same images; options follow "
            "(blend:zero_shot=0.3). Repeatable; the first is the baseline.  [default: simpleshot]",
        ),
        click.option(
            "--folds", metavar="N|FILE", callback=_parse_folds,
            help="Number of draws of the K images, or a file from --save-folds with the images to take.  [default: 5]",
        ),
        click.option(
            "--save-folds", type=PathName(), metavar="FILE",
            help="Write the images that were drawn (JSON), to repeat them with --folds or in another program.",
        ),
    ]  # fmt: skip

    def call(*args: Any, shots: Any, methods: Any, folds: Any, save_folds: Any, **others: Any) -> Any:
        few_shot = None
        if shots or isinstance(folds, Path):
            if shots and isinstance(folds, Path):
                raise RecipeError("--few-shot: a file of folds has its own numbers of shots; leave out one of the two")
            few_shot = FewShotOptions(shots, methods or ("simpleshot",), folds or 5, save_folds)
        elif methods or folds or save_folds:
            raise RecipeError("--few-shot-method, --folds and --save-folds need --few-shot K,…, such as --few-shot 1,5")
        return function(*args, few_shot=few_shot, **others)

    call.__doc__ = function.__doc__
    call.__click_params__ = list(getattr(function, "__click_params__", []))  # type: ignore[attr-defined]
    for option in reversed(options):
        call = option(call)
    return call


def _parse_shots(context: click.Context, option: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    parts = [part.strip() for part in value.split(",")]
    numbers = [parse_whole_number(part) if len(part) < 10 else None for part in parts]
    if not all(numbers):
        raise click.BadParameter(f"expected numbers of images from 1, such as 1,5; got {value!r}")
    return tuple(dict.fromkeys(number for number in numbers if number))


def _parse_folds(context: click.Context, option: click.Parameter, value: str | None) -> int | Path | None:
    if value is None:
        return None
    number = parse_whole_number(value)
    if number is None:
        path: Path = PathName().convert(value, option, context)
        return path
    if not 1 <= number <= MOST_FOLDS:
        raise click.BadParameter(f"expected a number of folds from 1 to {MOST_FOLDS:,}, or a file")
    return number
