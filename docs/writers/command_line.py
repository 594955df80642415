"""docs/reference/command-line.md: every command with its arguments and options, from click's own objects."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from bioclip_x.cli.main import program
from bioclip_x.hooks.registry import Registry
from docs.writers.markdown import NOTICE, escape_text, make_table, quote

_HELP = "-h, --help"
"""Every command's; click keeps the names of the first context that asked for them, which may be that of a command alone."""


def write_command_line(registry: Registry) -> str:
    """Returns the page."""
    parts = ["# Command line", "", NOTICE.format(source="the commands in `core/bioclip_x/cli`")]
    for context in _walk(program.make_context("bioclip-x", [], obj=registry, resilient_parsing=True)):
        parts += ["", *_describe(context)]
    return "\n".join(parts) + "\n"


def _walk(context: click.Context) -> Iterator[click.Context]:
    yield context
    command = context.command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found
            yield from _walk(click.Context(found, parent=context, info_name=name))


def _describe(context: click.Context) -> Iterator[str]:
    command = context.command
    yield f"## {context.command_path}"
    pieces = " ".join(command.collect_usage_pieces(context))
    yield from ("", "```text", f"{context.command_path} {pieces}", "```", "", format_help(command.help or ""))
    rows = [
        (quote(_HELP if "--help" in one.opts else record[0]), escape_text(record[1]))
        for one in command.get_params(context)
        if (record := one.get_help_record(context))
    ]
    yield from ("", *make_table(("option", ""), rows))
    if isinstance(command, click.Group):
        commands = [
            (
                f"[`{name}`](#{f'{context.command_path} {name}'.replace(' ', '-')})",
                escape_text(found.get_short_help_str(200)),
            )
            for name in command.list_commands(context)
            if (found := command.get_command(context, name))
        ]
        yield from ("", *make_table(("command", ""), commands))


def format_help(text: str) -> str:
    """Turns click's help into Markdown: paragraphs marked by `\\b` keep their lines.

    >>> format_help("Name it.\\n\\n\\b\\nbioclip-x a\\nbioclip-x b")
    'Name it.\\n\\n```text\\nbioclip-x a\\nbioclip-x b\\n```'
    """
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(text))
    kept = (one.split("\n", 1) for one in paragraphs)
    return "\n\n".join(
        f"```text\n{parts[1]}\n```" if parts[0].strip() == "\b" and len(parts) > 1 else "\n".join(parts)
        for parts in kept
    )
