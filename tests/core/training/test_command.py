"""`bioclip-x train`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from bioclip_x import Classifier
from bioclip_x.cli.main import main
from bioclip_x.cli.train import command, parse_changes
from bioclip_x.errors import TrainingError
from bioclip_x.hooks.registry import create_registry


def run(*arguments: str | Path) -> Result:
    """Runs the command; errors are raised, since the main program prints them."""
    return CliRunner().invoke(command, list(map(str, arguments)), obj=create_registry(), catch_exceptions=False)


def test_trains_resumes_and_prints_where_the_model_is(config_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "here"
    first = run(config_file, "--output", output, "--set", "epochs=1", "--device", "cpu")
    assert first.exit_code == 0
    assert first.stdout.strip() == str(output / "model")
    assert "3 steps on cpu in fp32" in first.stderr
    again = run(config_file, "--output", output, "--resume", "--set", "keep=1")
    assert "resuming after step 3" in again.stderr
    lines = [json.loads(line) for line in (output / "log.jsonl").read_text("utf-8").splitlines()]
    assert [line["step"] for line in lines if line["event"] == "step"] == [1, 2, 3, 4, 5, 6]
    assert [line["epoch"] for line in lines if line["event"] == "epoch"] == [1, 2]
    assert set(lines[0]) == {"event", "step", "epoch", "loss", "learning_rate", "logit_scale", "images_per_second"} | {
        "losses",
        "gradient_norm",
        "data_wait",
        "data_wait_fraction",
        "memory",
    }


def test_quiet_prints_only_the_result(config_file: Path) -> None:
    result = run(config_file, "--quiet", "--set", "epochs=1")
    assert result.stderr == ""


def test_a_plugin_file_provides_a_loss(config_file: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "own_loss.py"
    plugin.write_text(
        "from bioclip_x import ComponentSpec, hookimpl\n\n\n"
        "class Pull:\n    def __call__(self, batch):\n        return -(batch.image_BD * batch.text_BD).sum(1).mean()\n\n\n"
        "@hookimpl\ndef losses():\n    return [ComponentSpec('pull', 'own texts near', f'{__name__}:Pull')]\n",
        "utf-8",
    )
    result = run(config_file, "--plugin", plugin, "--set", "loss=pull", "--set", "epochs=1")
    assert result.exit_code == 0
    facts = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert facts["plugins"][0]["file"] == "own_loss.py" and str(tmp_path) not in json.dumps(facts)
    assert run(tmp_path / "run" / "config.yaml", "--output", tmp_path / "again").exit_code == 0


@pytest.mark.parametrize(("sent", "status", "said"), [("SIGTERM", 143, "terminated"), ("SIGINT", 130, "interrupted")])
def test_a_signal_saves_and_the_exit_status_tells(
    config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], sent: str, status: int, said: str
) -> None:
    plugin = tmp_path / "sender.py"
    plugin.write_text(
        "import os, signal\nfrom bioclip_x import hookimpl\n\n\n"
        "@hookimpl\ndef training_step_ended(event):\n"
        f"    if event.step == 1:\n        os.kill(os.getpid(), signal.{sent})\n",
        "utf-8",
    )
    with pytest.raises(SystemExit) as stopped:
        main(["train", str(config_file), "--plugin", str(plugin)])
    assert stopped.value.code == status
    saved = tmp_path / "run" / "checkpoint-0000002.pt"
    errors = capsys.readouterr().err
    assert f"saved {saved} after step 2; --resume continues" in errors and errors.endswith(f"{said}\n")
    assert saved.exists() and not (tmp_path / "run" / "model").exists()


def test_resume_takes_a_value_or_none(config_file: Path) -> None:
    assert "resuming" not in run(config_file, "--resume", "auto", "--set", "epochs=1").stderr
    assert "resuming after step 3" in run("--resume", config_file, "--set", "epochs=2").stderr
    assert "resuming after step 6" in run(config_file, "--resume=auto", "--set", "epochs=3").stderr
    with pytest.raises(TrainingError, match="contains checkpoints: add --resume"):
        run(config_file)


def test_the_example_of_an_average_follows_a_run(
    config_file: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Its average differs from the model of the last step, and loads as it does."""
    plugin = request.config.rootpath / "examples" / "own_average.py"
    validation = "validation={data: 'image-folder:path=squares'}"
    assert run(config_file, "--plugin", plugin, "--set", "epochs=1", "--set", validation).exit_code == 0
    models = [load_file(tmp_path / "run" / name / "open_clip_model.safetensors") for name in ("model", "average")]
    assert models[0].keys() == models[1].keys()
    assert any(not torch.equal(models[0][name], models[1][name]) for name in models[0])
    assert "species_top1" in json.loads((tmp_path / "run" / "average" / "metrics.json").read_text("utf-8"))
    classifier = Classifier(f"local-dir:{tmp_path}/run/average", taxonomy=tmp_path / "taxonomy.csv")
    assert len(list(classifier.classify(tmp_path / "squares" / "Rubrus_primus"))) == 12


def test_progress_without_a_terminal(config_file: Path) -> None:
    """Lines at the first step, each epoch and each validation; what is made before is announced."""
    result = run(
        config_file, "--set", "validation={data: 'image-folder:path=squares'}", "--set", "callbacks=early-stopping"
    )
    lines = result.stderr.splitlines()
    number = r"[-+.e\d,]+"
    expected = [
        r"data: image-folder:path=squares",
        r"text: scientific, for 4 classes",
        r"text: common, for 4 classes",
        r"validation: data: image-folder:path=squares",
        rf"steps: 1 of 6 \(17%\), \S+ elapsed, \S+ left; epoch 1, loss {number}, lr {number}, {number} images/s",
        rf"validation after step 3: species_top1 {number}, species_top5 .*, severity {number} \(best species_top1 so far\)",
        rf"epoch 1 of 2: mean loss {number}",
        rf"epoch 2 of 2: mean loss {number}",
    ]
    found = iter(lines)
    for pattern in expected:
        assert any(re.fullmatch(pattern, line) for line in found), (pattern, result.stderr)


def test_bad_changes() -> None:
    assert parse_changes(("a=1", "b.c=[0.5, 1]", "d=", "e=x=y")) == {"a": 1, "b.c": [0.5, 1], "d": None, "e": "x=y"}
    with pytest.raises(TrainingError, match="expected FIELD=VALUE"):
        parse_changes(("epochs",))
    with pytest.raises(TrainingError, match="not a YAML value"):
        parse_changes(("a=[",))
