"""Subcommands, each with one fault."""

import click

KIND = "commands"


@click.command(name="mine")
@click.option("--times", default=1, help="How often.")
def right(times: int) -> None:
    """Say hello."""
    click.echo("hello " * times)


@click.command(name="mine")
@click.option("--times", default=1)
def silent(times: int) -> None:
    """Say hello, by an option that nothing explains."""


@click.command(name="mine", context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1)
def tolerant(words: tuple[str, ...]) -> None:
    """Take any option."""


@click.command(name="other")
def other() -> None:
    """Have another name."""


def function() -> None:
    """Be no command."""


RIGHT = (right,)
FAULTY = {
    "it_has_its_name": other,
    "help_explains_it": silent,
    "unknown_options_are_refused": tolerant,
}
