"""The commands that stand in the examples, and a copy of the checkout to run them in."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAMS = ("bioclip-x ", "python ", "jupyter ")
"""`pip` and `pytest` are run by `.ci/run`, in an environment of their own."""


def read_commands(path: str) -> list[str]:
    """Returns the commands of an example: of a script's docstring, a configuration's comment, a README, or a notebook."""
    text = (ROOT / "examples" / path).read_text("utf-8")
    if path.endswith(".py"):
        text = ast.get_docstring(ast.parse(text)) or ""
    if path.endswith(".ipynb"):
        return re.findall(r"`(jupyter [^`]+)`", text)
    lines = text.replace("\\\n", " ").splitlines()
    shown = [match[1] for line in lines if (match := re.match(r"(?:#? {4,5})(\S.*)", line))]
    return [line.strip() for line in shown if line.startswith(PROGRAMS)]


@dataclass(frozen=True)
class Checkout:
    """The root of a checkout with examples, and what a run needs; its own package is on the path, as if it were installed."""

    folder: Path
    environment: dict[str, str]

    def run(self, command: str) -> str:
        """Runs a command in the root, and returns what it prints."""
        program, *arguments = shlex.split(command)
        start = {"bioclip-x": ["-m", "bioclip_x"], "python": [], "jupyter": ["-m", "jupyter"]}[program]
        done = subprocess.run(
            [sys.executable, *start, *arguments],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run_all(self, path: str) -> list[str]:
        """Runs the commands of an example in their order, and returns what each prints."""
        commands = read_commands(path)
        assert commands, f"expected a command in {path}"
        return [self.run(command) for command in commands]
