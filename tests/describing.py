"""`bioclip-x describe` called as a user calls it, and a language model that answers well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from bioclip_x.cli.describe import command
from bioclip_x.hooks.registry import create_registry
from llm_server import KEY, Reply, said

# Whoever started the tests in the background has had SIGINT ignored for all below; the program's user has not.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from bioclip_x.cli.describe import command
from bioclip_x.hooks.registry import create_registry
command.main(obj=create_registry())
"""


def call(*arguments: Any) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], obj=create_registry())


def named_in(prompt: str) -> str:
    return prompt.rpartition("tell there is a ")[2].split(" in a photo")[0]


def good(body: dict[str, Any]) -> Reply:
    return said(f"- looks like a {named_in(body['messages'][0]['content'])}\n- has traits")


def no_key_in(folder: Path, *texts: str) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    assert not any(KEY.encode() in path.read_bytes() for path in files)
    assert not any(KEY in text for text in texts)
