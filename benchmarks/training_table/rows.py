"""The rows of the training table: what each run changes in one common configuration.

Every row of `LOSSES` is trained from scratch for the same number of steps on the same photos in the same order. Those of `WAYS`
start from the model of another row with the same seed, or add a loss beside; `SOUPS` average models, without training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from training_table.photos import SETS

KINDS = ("taxonomic", "scientific", "common", "scientific+common", "taxonomic+common")
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
EPOCHS, BATCH, SIZE = 3, 96, 36
SHORT = 2
"""Epochs of a fine-tune with a head; those with the same loss continue for one."""
IMAGE_TOWER: dict[str, Any] = {
    "image_size": SIZE, "patch_size": 6, "layers": 3, "width": 96, "head_width": 32, "mlp_ratio": 2,
    "patch_dropout": 0.5, "pool_type": "avg", "no_ln_pre": True, "pos_embed_type": "sin_cos_2d",
}  # fmt: skip
MODEL: dict[str, Any] = {
    "embed_dim": 128,
    "vision_cfg": IMAGE_TOWER,
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1},
    "preprocess": {
        "size": [SIZE, SIZE], "mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bicubic", "resize_mode": "shortest",
    },
}  # fmt: skip
SIGLIP = {"init_logit_scale": 2.302585, "init_logit_bias": -10.0}
"""SigLIP's initial logit scale log 10 and bias -10 (Zhai et al. 2023, arXiv 2303.15343)."""

Start = Literal["scratch", "model", "image tower"]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table.

    title: in the table. changes: fields of the configuration. text: kinds of text trained on, and named by. by_nearest_mean:
    whether the model has nothing to name photos by. start: what of the model of row `of` a run starts from; of a soup, `of`
    are the rows that it averages. greedy: of a soup, whether models that lower the validation accuracy are left out (Wortsman
    et al. 2022, arXiv 2203.05482).
    """

    title: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    text: tuple[str, ...] = KINDS
    by_nearest_mean: bool = False
    start: Start = "scratch"
    of: tuple[str, ...] = ()
    greedy: bool | None = None

    @property
    def is_soup(self) -> bool:
        return self.greedy is not None


def _loss(name: str, title: str, **options: Any) -> Row:
    return Row(title, {"loss": {"name": name, **options}})


def _tuned(rate: float, seed: int) -> Row:
    changes = {"loss": "clip", "learning_rate": rate, "epochs": 1, "warmup_steps": 20, "seed": seed}
    return Row(f"`clip` continued, learning rate {rate:g}", changes, start="model", of=("clip",))


def _headed(title: str, probe: float) -> Row:
    """A fine-tune with a linear head. probe: the fraction of the steps in which only the head is trained."""
    changes = {
        "loss": {"name": "cross-entropy", "learning_rate": 1e-2}, "learning_rate": 3e-4, "epochs": SHORT, "probe": probe,
    }  # fmt: skip
    return Row(title, changes, start="model", of=("clip",))


LOSSES: dict[str, Row] = {
    **{f"clip-{kind}": Row(f"`clip`, {kind}", {"loss": "clip"}, (kind,)) for kind in KINDS},
    "clip": _loss("clip", "`clip`, five kinds of text mixed"),
    "unicl": _loss("unicl", "`unicl`"),
    "siglip": Row("`siglip`", {"loss": "siglip", "model": MODEL | SIGLIP}),
    "level-restricted": Row("`level-restricted`", {"loss": "level-restricted", "text_ranks": list(RANKS)}),
    "himulcon": Row("`himulcon`", {"loss": "himulcon"}, by_nearest_mean=True),
    "cross-entropy": _loss("cross-entropy", "`cross-entropy`"),
    "rank-cross-entropy": _loss("rank-cross-entropy", "`rank-cross-entropy`"),
    "hxe-0.1": _loss("hxe", "`hxe`, α = 0.1", alpha=0.1),
    "hxe-0.5": _loss("hxe", "`hxe`, α = 0.5", alpha=0.5),
    "soft-labels-4": _loss("soft-labels", "`soft-labels`, β = 4", beta=4.0),
    "soft-labels-15": _loss("soft-labels", "`soft-labels`, β = 15", beta=15.0),
}
TUNED = {"tuned-1": _tuned(1e-4, 101), "tuned-2": _tuned(3e-4, 102), "tuned-3": _tuned(1e-3, 103)}
WAYS: dict[str, Row] = {
    "slip": Row("SLIP: `clip` and `simclr`", {"loss": ["clip", "simclr"]}),
    "lit": Row("LiT: the image tower of `clip` locked", {"loss": "clip", "lock": {"image_groups": 0}},
               start="image tower", of=("clip",)),
    "ft": _headed("`cross-entropy` from `clip`", 0.0),
    "lp-ft": _headed("LP-FT: the head first, then all", 0.5),
    **TUNED,
}  # fmt: skip
SOUPS: dict[str, Row] = {
    "uniform-soup": Row("uniform soup of these three", of=tuple(TUNED), greedy=False),
    "greedy-soup": Row("greedy soup of these three", of=tuple(TUNED), greedy=True),
}
ROWS: dict[str, Row] = LOSSES | WAYS | SOUPS


def make_config(
    row: Row, seed: int, data: Path, folder: Path, output: Path, *, epochs: int, steps: int, start: Path | None
) -> dict[str, Any]:
    """Returns the training configuration of a row.

    data: folder of the data sets. folder: of the prepared photos. epochs: of a run from scratch; others have their share.
    steps: of an epoch. start: the model to start from.
    """
    config: dict[str, Any] = {
        "model": MODEL,
        "taxonomy": str(folder / "taxonomy.csv"),
        "text": list(row.text),
        "data": [{"name": "preloaded", "path": str(folder / f"{name}.csv"), "images": str(data)} for name in SETS],
        "augment": {"crop_scale": [0.5, 1.0], "horizontal_flip": 0.5},
        "views": {"crop_scale": [0.3, 1.0], "horizontal_flip": 0.5, "colour_jitter": 0.4},
        "epochs": epochs, "batch_size": BATCH, "learning_rate": 1e-3, "warmup_steps": 30, "weight_decay": 0.1, "seed": seed,
        "precision": "fp32", "device": "cpu", "threads": 1, "workers": 0, "keep": 1, "output": str(output),
    }  # fmt: skip
    changes = dict(row.changes)
    if "epochs" in changes:
        changes["epochs"] = max(1, round(changes["epochs"] * epochs / EPOCHS))
    if "probe" in changes:
        changes["probe_steps"] = round(changes.pop("probe") * changes["epochs"] * steps)
    if "seed" in changes:
        changes["seed"] += 1000 * seed
    config |= changes
    if start:
        config["model"] = f"local-dir:{start}"
    return config
