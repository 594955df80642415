"""The fixture of the pytest plugin, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FAULTY = """
from bioclip_x.plugin import ComponentSpec, Prompt, PromptSet, hookimpl

class Faulty:
    def build(self, request):
        return PromptSet(tuple(Prompt("", c, "faulty") for c in request.classes))

@hookimpl
def text_builders():
    return [ComponentSpec("faulty", "an empty text for each class", f"{__name__}:Faulty")]
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "faulty.py").write_text(FAULTY)
    (folder / "test_it.py").write_text("def test_conformance(bioclip_x_check):\n    bioclip_x_check()\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments]
    if "bioclip_x.testing.pytest_plugin" not in {p.value for p in _find_entry_points()}:
        command += ["-p", "bioclip_x.testing.pytest_plugin"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False
    )


def _find_entry_points():  # type: ignore[no-untyped-def]
    from importlib.metadata import entry_points

    return entry_points(group="pytest11")


def test_every_check_of_a_plugin_is_a_test(tmp_path: Path) -> None:
    done = run(tmp_path, "--bioclip-x-plugins", "faulty.py")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "text_builders-faulty-prompts_are_texts" in done.stdout and "expected a text, got ''" in done.stdout
    assert "1 failed" in done.stdout and "skipped" in done.stdout


def test_plugins_may_stand_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nbioclip_x_plugins = faulty.py\n")
    assert "1 failed" in run(tmp_path).stdout


def test_without_plugins_it_says_what_is_missing(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode != 0 and "--bioclip-x-plugins NAME" in done.stdout + done.stderr
