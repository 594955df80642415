"""Checks of subcommands."""

from __future__ import annotations

import click
from click.testing import CliRunner

from bioclip_x.testing.checks import Subject


def find_command(subject: Subject) -> click.Command:
    command = subject.registry.target("commands", subject.name)
    assert isinstance(command, click.Command), f"expected a click.Command, got {type(command).__name__}"
    return command


def check_it_has_its_name(subject: Subject) -> None:
    """It is a click command of the component's name."""
    assert find_command(subject).name == subject.name, (
        f"expected the name {subject.name!r}, got {find_command(subject).name!r}"
    )


def check_help_explains_it(subject: Subject) -> None:
    """`--help` works, and says what the command and each of its options do."""
    command = find_command(subject)
    done = CliRunner().invoke(command, ["--help"])
    assert done.exit_code == 0, f"expected --help to work, got {done.output}"
    assert command.help, "expected a docstring that says what it does"
    silent = [p.name for p in command.params if isinstance(p, click.Option) and not p.help and not p.hidden]
    assert not silent, f"expected a help text of each option, none is given for {', '.join(map(str, silent))}"


def check_unknown_options_are_refused(subject: Subject) -> None:
    """An unknown option is an error of status 2."""
    done = CliRunner().invoke(find_command(subject), ["--an-option-that-nobody-has"])
    assert done.exit_code == 2, f"expected exit status 2, got {done.exit_code}"
