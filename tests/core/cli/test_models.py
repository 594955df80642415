from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bioclip_x.cli.main import main
from bioclip_x_plugins.encoders.aliases import read_aliases


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["models", *arguments])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


def test_the_list_is_readable_at_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys)
    assert code == 0 and max(map(len, out.splitlines())) <= 82
    for name, alias in read_aliases().items():
        [row] = [line for line in out.splitlines() if line.split()[:1] == [name]]
        assert alias.architecture is None or {alias.architecture, str(alias.dim), alias.licence} <= set(row.split())
    assert "brings 867,455 species" in " ".join(out.split()) and "…" not in out


def test_one_model_with_all_facts_and_sources(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "bioclip-2")
    flat = " ".join(out.split())
    alias = read_aliases()["bioclip-2"]
    assert code == 0 and alias.image and alias.classes
    for fact in (alias.image.evidence, alias.classes.revision, alias.trained_on, "0.48145466, 0.4578275, 0.40821073"):
        assert " ".join(fact.split()) in flat
    for url in alias.sources.values():
        assert url in out, "whole, to be copied"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(run(capsys, "--format", "json")[1])
    assert [one["name"] for one in listed] == ["field-guide", *read_aliases()]
    assert (listed[0]["source"], listed[0]["encoder"]) == ("package:bioclip_x_field_guide/model", "open_clip")
    one = json.loads(run(capsys, "biocap", "--format", "json")[1])
    assert one == next(model for model in listed if model["name"] == "biocap")
    assert one["classes_cached"] is None and one["facts"]["image"]["interpolation"] == "bicubic"


def test_an_unknown_name_lists_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "unicorn")
    assert (code, out) == (2, "") and "no model has the short name 'unicorn'; known: field-guide, bioclip" in err


def test_it_needs_no_torch() -> None:
    code = (
        "import sys; from bioclip_x.cli.main import main\n"
        "try: main(['models'])\n"
        "except SystemExit as done: sys.exit(done.code or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120).returncode == 0
