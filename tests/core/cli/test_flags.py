from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import click
import pytest
from pydantic import BaseModel, Field, ValidationError

from bioclip_x.cli.classify import command as classify
from bioclip_x.cli.embed import command as embed
from bioclip_x.cli.evaluation.evaluate import command as evaluate
from bioclip_x.cli.flags import MACHINE, make_field_option, make_recipe_flags
from bioclip_x.cli.recipe_flags import resolve
from bioclip_x.hooks.registry import create_registry
from bioclip_x.inference.calibration import ACCURACY
from bioclip_x.recipe import Flag, Recipe
from bioclip_x.recipe_resolution import resolve_recipe

FIELDS = [name for name in Recipe.model_fields if name != "plugins"]  # --plugin is an option of its own
OF_THE_COMMAND = {
    "plugins",
    "recipe",
    "background",
    "inherit",
    "bins",
    "format_",
    "output",
    "reports",
    "resume",
    "quiet",
    "metadata",
    "engine",
    "ray_workers",
    "ray_address",
    "gpus_per_worker",
    "partition_size",
}
"""The flags of `classify` that are no fields of the recipe."""


@pytest.fixture(scope="module")
def defaults() -> dict[str, Any]:
    """A whole recipe, as plain values."""
    return resolve_recipe(create_registry()).dump()


def options(command: click.Command) -> dict[str, click.Option]:
    return {str(flag.name): flag for flag in command.params if isinstance(flag, click.Option)}


def one(name: str) -> click.Option:
    [flag] = make_recipe_flags(name)
    assert isinstance(flag, click.Option)
    return flag


def parsed(flags: list[click.Parameter], *arguments: str) -> dict[str, Any]:
    with click.Command("any", params=flags).make_context("any", list(arguments)) as context:
        return context.params


def test_every_field_is_a_flag_and_every_flag_is_a_field_or_the_commands_own() -> None:
    flags = options(classify)
    assert set(flags) - OF_THE_COMMAND == set(FIELDS) and set(flags) >= OF_THE_COMMAND
    assert all(f"--{name.replace('_', '-')}" in flags[name].opts for name in FIELDS)


def test_the_order_is_the_recipes_with_the_machine_last() -> None:
    names = [name for name in options(classify) if name in FIELDS]
    assert names == [name for name in FIELDS if name not in MACHINE] + [name for name in FIELDS if name in MACHINE]
    every = [flag.name for flag in make_recipe_flags(*FIELDS, "background", "inherit")]
    assert every[every.index("missing") + 1 :][:2] == ["background", "inherit"]


def test_commands_take_the_flags_they_name() -> None:
    assert "dag" in options(evaluate) and "rank" not in options(evaluate)
    assert "subset" in options(embed) and "head" not in options(embed)
    with pytest.raises(ValueError, match="no flags: kk, taxonomie"):
        make_recipe_flags("k", "taxonomie", "kk")


def test_flags_that_are_not_given_are_none() -> None:
    assert set(parsed(make_recipe_flags(*FIELDS, "background", "inherit")).values()) == {None}


def test_every_flag_has_a_help() -> None:
    for name in FIELDS:
        assert re.fullmatch(r"\w.*\.(  \[default: .+\])?", one(name).help or ""), name


def samples(flag: click.Option) -> list[tuple[list[str], Any]]:
    """What to type, and the same as a recipe file would have it."""
    if flag.is_flag:
        return [([flag.opts[0]], True), *(([word], False) for word in flag.secondary_opts)]
    kind = flag.type
    if isinstance(kind, click.Choice):
        words = list(kind.choices)
    elif isinstance(kind, (click.types.IntParamType, click.types.FloatParamType)):
        words = ["3"] if isinstance(kind, click.types.IntParamType) else ["0.25"]
    else:
        words = {"frames": ["8", "1/s"], "event_by": ["folder", "60s"]}.get(flag.name or "", ["auto", "x"])
    if flag.multiple:
        return [([part for word in words for part in (flag.opts[0], word)], words)]
    return [([flag.opts[0], word], word) for word in words]


@pytest.mark.parametrize("name", FIELDS)
def test_a_flags_value_is_what_the_recipe_makes_of_it(name: str, defaults: dict[str, Any]) -> None:
    flag = one(name)
    for arguments, written in samples(flag):
        value = parsed([flag], *arguments)[name]
        through_flag = getattr(Recipe.model_validate(defaults | {name: value}), name)
        assert through_flag == getattr(Recipe.model_validate(defaults | {name: written}), name)
        if not isinstance(flag.type, click.types.StringParamType):
            assert value == through_flag and type(value) is type(through_flag)


@pytest.mark.parametrize("name", FIELDS)
def test_flags_refuse_what_the_recipe_refuses(name: str, defaults: dict[str, Any]) -> None:
    flag = one(name)
    if flag.is_flag or isinstance(flag.type, click.types.StringParamType):
        return  # strings are left to the recipe
    for word in ("-1", "0", "0.5", "1", "2", "auto", "x"):
        try:
            Recipe.model_validate(defaults | {name: word})
        except ValidationError:
            with pytest.raises(click.BadParameter):
                parsed([flag], flag.opts[0], word)
        else:
            parsed([flag], flag.opts[0], word)


def test_the_defaults_that_the_help_states_are_the_command_lines() -> None:
    recipe, _ = resolve(create_registry(), file=None, plugins=(), flags={})
    stated = {name: found[1] for name in FIELDS if (found := re.search(r"\[default: (.*)\]", one(name).help or ""))}
    said_in_words = {
        "frames",
        "detector",
        "box_classes",
        "taxonomy",
        "taxonomy_format",
        "dag",
        "descriptors",
        "pooling",
        "rank",
        "accuracy",
        "workers",
    }
    assert stated.keys() >= said_in_words | {"preprocess", "k", "explain", "calibration", "device", "batch_size"}
    assert stated["accuracy"] == str(ACCURACY) and stated["explain"] == "explain" and "heat_maps" not in stated
    for name in stated.keys() - said_in_words - {"explain"}:
        assert stated[name] == str(getattr(recipe, name)), name


class Odd(BaseModel):
    """A field of every kind that the recipe might get."""

    a_word: Literal["one", "two"] = Field("one", description="A word.")
    required: int = Field(ge=2, le=4, description="A number.")
    unbounded: Annotated[float | None, Flag("F", default="all")] = Field(None, description="A number.")
    open_below: Annotated[int, Flag("N")] = Field(7, gt=3, description="A number.")
    numbers: tuple[int, ...] = Field((), description="A number.")
    switch: bool = Field(False, description="A switch.")
    on_off: bool = Field(True, description="A switch.")
    mapping: dict[str, int] = Field({}, description="No flag.")
    numbered: Literal[1, 2] = Field(1, description="No flag.")
    mixed: int | str = Field(1, description="No flag.")


def made(name: str) -> click.Option:
    [flag] = click.command()(make_field_option(name, Odd.model_fields[name])(lambda: None)).params
    assert isinstance(flag, click.Option)
    return flag


def test_flags_are_made_of_annotations() -> None:
    assert made("a_word").opts == ["--a-word"] and made("a_word").help == "A word.  [default: one]"
    assert parsed([made("required")], "--required", "4") == {"required": 4} and made("required").help == "A number."
    with pytest.raises(click.BadParameter):
        parsed([made("required")], "--required", "5")
    assert parsed([made("unbounded")], "--unbounded", "-1.5") == {"unbounded": -1.5}
    assert (made("unbounded").metavar, made("unbounded").help) == ("F", "A number.  [default: all]")
    with pytest.raises(click.BadParameter):
        parsed([made("open_below")], "--open-below", "3")
    assert parsed([made("numbers")], "--numbers", "3", "--numbers", "1") == {"numbers": (3, 1)}
    assert made("numbers").help == "A number. Repeatable."
    assert parsed([made("switch")], "--switch") == {"switch": True} and made("switch").secondary_opts == []
    assert parsed([made("on_off")], "--no-on-off") == {"on_off": False}
    assert made("on_off").help == "A switch.  [default: on-off]"


@pytest.mark.parametrize("name", ["mapping", "numbered", "mixed"])
def test_a_field_that_can_be_no_flag_says_so(name: str) -> None:
    with pytest.raises(TypeError, match=f"the recipe's field '{name}': options do not support "):
        made(name)


def test_paths_are_paths() -> None:
    assert parsed(make_recipe_flags("taxonomy"), "--taxonomy", "a.csv") == {"taxonomy": Path("a.csv")}
