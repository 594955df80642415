from pathlib import Path

import pytest
import yaml
from bioclip_x.cli.main import main
from PIL import Image

CONFIG = {
    "model": {
        "embed_dim": 8,
        "vision_cfg": {"image_size": 16, "patch_size": 8, "layers": 1, "width": 16, "head_width": 8},
        "text_cfg": {"context_length": 32, "width": 16, "heads": 2, "layers": 1},
    },
    "taxonomy": "species.csv",
    "text": "scientific",
    "data": {"name": "image-folder", "path": "images"},
    "loss": "clip",
    "epochs": 1,
    "batch_size": 2,
    "output": "run",
}


def test_a_run_is_followed(tmp_path: Path) -> None:
    for species in ("Parus major", "Pica pica"):
        (tmp_path / "images" / species).mkdir(parents=True)
        for number in (1, 2):
            Image.new("RGB", (16, 16), (90 * number, 0, 0)).save(tmp_path / "images" / species / f"{number}.png")
    (tmp_path / "species.csv").write_text("genus,species\nParus,Parus major\nPica,Pica pica\n", "utf-8")
    (tmp_path / "train.yaml").write_text(yaml.safe_dump(CONFIG), "utf-8")
    with pytest.raises(SystemExit, match="0"):
        main(["train", str(tmp_path / "train.yaml"), "--plugin", "my-component"])
    story = (tmp_path / "run" / "my-component.txt").read_text("utf-8").splitlines()
    assert [line.split(":")[0] for line in story] == ["started", "step 1", "step 2", "epoch 1", "ended"]
