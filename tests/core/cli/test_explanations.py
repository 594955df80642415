"""`--why-not` and `--no-explain` from the command line, with the embedded model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bioclip_x.cli.main import main


def classified(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    drawing = Path(__file__).parents[3] / "examples" / "drawings" / "cyanistes-caeruleus.png"
    with pytest.raises(SystemExit) as done:
        main(["classify", str(drawing), "--plugin", "descriptors", "--quiet", *map(str, arguments)])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


def test_the_asked_for_in_every_output(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = classified(
        capsys, "--why-not", "fly agaric", "--report", tmp_path / "o.md", "--report", tmp_path / "o.json"
    )
    assert code == 0 and "rather than Amanita muscaria: margin +" in out
    assert "rather than *Amanita muscaria*: margin +" in (tmp_path / "o.md").read_text("utf-8")
    document = json.loads((tmp_path / "o.json").read_text("utf-8"))
    why = document["results"][0]["explanation"]
    assert (why["runner_up"], why["is_asked_for"]) == ("Amanita muscaria", True)
    assert document["provenance"]["recipe"]["why_not"] == "fly agaric"
    assert why["margin"] == pytest.approx(sum(one["contribution"] for one in why["descriptors"]) + why["rest"])


def test_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = classified(capsys, "--why-not", "Amanita muscarai")
    assert (code, out) == (2, "") and "did you mean species Amanita muscaria" in err


def test_no_explanation(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = classified(capsys, "--no-explain", "--format", "jsonl")
    assert code == 0 and json.loads(out.splitlines()[1])["explanation"] is None
