"""Every command of the README, run as it stands there: real models from a hub cache laid by hand, a local language model."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bioclip_x import Classifier
from llm_server import said, serving
from newcomer import lay_newcomer

INSTALLING = ("pip ", "pytest")
"""Run by `.ci/run`, in a fresh virtual environment."""


def root() -> Path:
    return Path(__file__).parents[1]


def blocks(language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", (root() / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )


def commands() -> list[str]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    return [line for line in lines if not line.startswith(INSTALLING)]


@pytest.fixture
def newcomer(tmp_path: Path, tiny_model: str) -> tuple[Path, dict[str, str]]:
    return lay_newcomer(tmp_path, tiny_model)


def run(command: str, here: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    assert program == "bioclip-x", command
    return subprocess.run(
        [sys.executable, "-m", "bioclip_x", *arguments],
        cwd=here, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("command", [c for c in commands() if " describe " not in c and " train " not in c])
def test_a_command_of_the_readme(command: str, newcomer: tuple[Path, dict[str, str]]) -> None:
    here, environment = newcomer
    done = run(command, here, environment)
    assert done.returncode == 0, done.stderr
    assert "--output" in command or done.stdout.strip()
    for option in ("--report", "--output"):
        if option in shlex.split(command):
            written = here / shlex.split(command)[shlex.split(command).index(option) + 1]
            assert written.stat().st_size > 100


def test_describe(newcomer: tuple[Path, dict[str, str]]) -> None:
    here, environment = newcomer
    [command] = [c for c in commands() if " describe " in c]
    (here / "my-descriptors.yaml").unlink()
    with serving(lambda body: said("- a black cap\n- a yellow breast")) as server:
        done = run(command, here, {**environment, "OPENAI_BASE_URL": server.url})
    assert done.returncode == 0, done.stderr
    assert len(server.asked) == 6
    assert "a yellow breast" in (here / "my-descriptors.yaml").read_text()


def test_train(newcomer: tuple[Path, dict[str, str]]) -> None:
    """The command as it stands, cut to a few drawings by the flags it has for that."""
    here, environment = newcomer
    [command] = [c for c in commands() if " train " in c]
    smaller = "--set epochs=1 --set batch_size=32 --set 'data={name: field-guide, count: 90, seed: 7, size: 64}'"
    done = run(f"{command} {smaller}", here, environment)
    assert done.returncode == 0, done.stderr
    shown = "classify --model local-dir:runs/example/model --taxonomy examples/own-species.csv examples/drawings"
    assert shown in (here / "examples" / "train.yaml").read_text()
    assert run(f"bioclip-x {shown}", here, environment).returncode == 0


def test_the_python_in_the_readme(newcomer: tuple[Path, dict[str, str]]) -> None:
    here, environment = newcomer
    [block] = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", block], cwd=here, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_the_species_list_in_the_readme(tmp_path: Path, tiny_model: str) -> None:
    [block] = blocks("csv")
    table = tmp_path / "species.csv"
    table.write_text(block, "utf-8")
    taxonomy = Classifier(tiny_model, taxonomy=table).taxonomy
    assert taxonomy.class_taxon(0).common_name("de") == "Blaumeise"


def test_own_taxonomy(newcomer: tuple[Path, dict[str, str]]) -> None:
    here, environment = newcomer
    done = subprocess.run(
        [sys.executable, "examples/own_taxonomy.py"],
        cwd=here, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Cyanistes caeruleus" in done.stdout


def test_every_link_leads_somewhere() -> None:
    for page in [root() / "README.md", *sorted((root() / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name}: {target}"
