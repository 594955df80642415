"""Plugins that fail, on the command line: the error names them, and what fails at one image is a row."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bioclip_x.cli.main import main

PLUGIN = '''
import sys
from bioclip_x.plugin import ComponentSpec, Logits, Prompt, PromptSet, hookimpl, roll_up

class Head:
    def __init__(self, *, at: str = ""):
        self.at = at
    def decide(self, given):
        if self.at == "exit":
            sys.exit(0)
        raise ValueError("no\\nidea")

class Scorer:
    """Fails at images named b.jpg, when the head asks for the scores."""
    def logits(self, features, bank, card, taxonomy):
        scores = bank.embeddings_PD @ features.embeddings_BD.T
        def part(start, stop):
            if any("b.jpg" in name for name in features.names):
                raise RuntimeError("no score")
            return scores[start:stop].clone()
        return Logits(part, len(features.names), bank.n_classes)
    def coefficients(self, embedding_D, bank, class_index):
        import numpy as np
        return np.ones(1, np.float32)

class Text:
    def build(self, request):
        return PromptSet(tuple(self.write(request.taxonomy.class_taxon(c), c) for c in request.classes))
    def write(self, taxon, class_index):
        if taxon.name == "Turdus merula":
            raise KeyError("merula")
        return Prompt(taxon.name, class_index, kind="t")

@hookimpl
def heads():
    return [ComponentSpec("bad-head", "", f"{__name__}:Head")]
@hookimpl
def scorers():
    return [ComponentSpec("bad-scorer", "", f"{__name__}:Scorer")]
@hookimpl
def text_builders():
    return [ComponentSpec("bad-text", "", f"{__name__}:Text")]
'''


@pytest.fixture
def plugin(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(PLUGIN)
    return str(tmp_path / "mine.py")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


def test_a_failure_at_one_image_is_a_row(
    plugin: str, tiny_model: str, birds_csv: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(
        capsys, "classify", pictures, "--model", tiny_model, "--taxonomy", birds_csv, "--plugin", plugin,
        "--scorer", "bad-scorer", "--format", "csv", "--quiet",
    )  # fmt: skip
    errors = {Path(row["file_name"]).name: row["error"] for row in csv.DictReader(out.splitlines())}
    assert code == 1 and errors.keys() == {"a.png", "b.jpg", "c.png"}
    assert not errors["a.png"] and not errors["c.png"]
    assert (
        errors["b.jpg"]
        == f"the scorer 'bad-scorer' of plugin {plugin!r} ({plugin}) failed in logits: RuntimeError: no score"
    )
    code, _, err = run(
        capsys, "classify", pictures / "b.jpg", "--model", tiny_model, "--taxonomy", birds_csv, "--plugin", plugin,
        "--scorer", "bad-scorer", "--quiet", "--debug",
    )  # fmt: skip
    assert code == 1 and "Traceback" in err and 'raise RuntimeError("no score")' in err


def test_leaving_the_program_is_no_success(
    plugin: str, tiny_model: str, birds_csv: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(
        capsys, "classify", pictures / "a.png", "--model", tiny_model, "--taxonomy", birds_csv, "--plugin", plugin,
        "--head", "bad-head:at=exit", "--format", "csv", "--quiet",
    )  # fmt: skip
    assert code == 1 and "failed in decide: it called sys.exit(0)" in out


def test_a_text_builder_that_fails_is_named_with_the_class(
    plugin: str, tiny_model: str, birds_csv: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(
        capsys, "classify", pictures, "--model", tiny_model, "--taxonomy", birds_csv, "--plugin", plugin,
        "--text", "bad-text",
    )  # fmt: skip
    assert (code, out) == (2, "")
    assert err.endswith("failed in build at the class 'Turdus merula': KeyError: 'merula'\n") and "Traceback" not in err


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys\nsys.exit(0)", "cannot be imported: it called sys.exit(0)"),
        ("from bioclip_x.plugin import hookimpl\n@hookimpl\ndef heads():\n    raise SystemExit", "failed in its hook heads"),
        ("from bioclip_x.plugin import hookimpl\n@hookimpl\ndef configure(recipe):\n    raise SystemExit(0)",
         "its configure failed: it called sys.exit(0)"),
    ],
)  # fmt: skip
def test_a_hook_that_leaves_the_program_is_an_error(
    code: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone.py").write_text(code)
    status, out, err = run(capsys, "classify", "x.png", "--plugin", tmp_path / "gone.py")
    assert (status, out) == (2, "") and "gone.py" in err and message in err


def test_a_fault_of_the_program_has_a_status_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*given: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("bioclip_x.cli.config.list_setting_rows", fail)
    code, out, err = run(capsys, "config")
    assert (
        (code, out) == (3, "") and err.startswith("error: config: ZeroDivisionError: a bug (") and err.count("\n") == 1
    )
    code, _, err = run(capsys, "config", "--debug")
    assert code == 3 and "Traceback" in err
