"""`bioclip-x evaluate`: how well labelled images are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bioclip_x.cli.flags import make_recipe_flags, plugin_option
from bioclip_x.cli.labelled_images import FIELDS, find_dataset, prepare
from bioclip_x.errors import RecipeError
from bioclip_x.io.streams import open_output
from bioclip_x.registry import Registry

if TYPE_CHECKING:
    from bioclip_x.recipe import Recipe

FORMATS: Final = ("table", "json", "csv")


@click.command(name="evaluate", params=make_recipe_flags(*FIELDS, "head"))
@click.argument("pictures")
@plugin_option
@click.option("--recipe", type=click.Path(path_type=Path), help="A recipe file (YAML); flags win over it.")
@click.option(
    "--compare",
    multiple=True,
    metavar="T",
    help="A text builder to hold against the others, on the same images. Repeatable; the first is what the rest is "
    "compared with, or else --text or --plugin, if they are given.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    metavar="K",
    help="Seeds of texts in which something is drawn (swapped, random-words, …).  [default: 5]",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="[default: table, or what the suffix of --output says]",
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to this file instead of stdout.")
@click.option("--quiet", is_flag=True, help="No progress and no notes on stderr.")
@click.pass_obj
def command(
    registry: Registry,
    /,
    pictures: str,
    plugins: tuple[str, ...],
    recipe: Path | None,
    compare: tuple[str, ...],
    seeds: int | None,
    format_: str | None,
    output: Path | None,
    quiet: bool,
    **fields: Any,
) -> None:
    """Tell how well labelled PICTURES are named: a folder of folders named by class, a table with columns path and label, or a
    data set by name.

    \b
    bioclip-x evaluate field-guide:count=200,seed=9 --plugin descriptors
    bioclip-x evaluate labelled-photos/ --model bioclip-2 --taxonomy my-species.csv --descriptors d.yaml \\
        --compare descriptors --compare taxonomic --compare swapped --compare random-words
    """  # fmt: skip
    prepare(fields)
    format_ = format_ or format_of(output)
    names = registry.load(plugins)
    dataset, source = find_dataset(registry, pictures)
    recipes, told = resolve_alternatives(registry, recipe, names, fields, compare)

    from bioclip_x.cli.render.evaluation import print_notes, write
    from bioclip_x.cli.render.progress import Progress
    from bioclip_x.evaluation.evaluate import evaluate

    with open_output(output) as stream:  # now: a file that cannot be written is no surprise at the end
        with Progress(enabled=not quiet) as progress:
            found = evaluate(
                registry, recipes, dataset, source, seeds=seeds, texts=progress.texts, labelled=progress.labelled
            )
        if not quiet:
            print_notes(found, told)
        write(found, format_, stream)


def format_of(output: Path | None) -> str:
    """What a file's suffix says, else a table."""
    suffix = output.suffix.lower().removeprefix(".") if output else ""
    return suffix if suffix in FORMATS else "table"


def resolve_alternatives(
    registry: Registry, file: Path | None, plugins: Sequence[str], fields: Mapping[str, Any], compare: Sequence[str]
) -> tuple[list[Recipe], tuple[str, ...]]:
    """A recipe for each of the texts to compare, and notes on what the user's settings made of them.

    The recipe's own texts come first where it is said which, by flag, file or plugin, and where there are no others.
    """
    from bioclip_x.cli.recipe_flags import TEXT_FLAGS, apply_text_flags, resolve, take_text_flags

    fields, given = dict(fields), take_text_flags(fields)
    for name in TEXT_FLAGS:
        fields.pop(name)
    own, told = resolve(registry, file=file, plugins=plugins, flags=fields)
    others = [resolve(registry, file=file, plugins=plugins, flags=fields | {"text": (text,)})[0] for text in compare]
    is_chosen = [str(ref) for ref in own.text] != [registry.default("text_builders")] and own not in others
    chosen = [own, *others] if fields["text"] is not None or is_chosen or not others else others
    taken = [apply_text_flags(registry, one, given, required=False) for one in chosen]
    if taken == chosen:
        taken[0] = apply_text_flags(registry, chosen[0], given)  # says what is wrong, if none takes them
    recipes = [one.model_copy(update={"calibration": "none", "depth": None}) for one in taken]
    distinct = [one for place, one in enumerate(recipes) if one not in recipes[:place]]
    if len(distinct) < len(recipes) and len(distinct) == 1:
        raise RecipeError(f"--compare: there is nothing to compare {', '.join(map(str, own.text))} with")
    return distinct, told
