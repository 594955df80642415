"""Embedding class texts, 80 templates per class, compared with pybioclip.

pybioclip's `CustomLabelsClassifier` encodes the 80 texts of one class at a time, each padded to 77 tokens. Both load the same
ViT-B-32 with random weights, since the time does not depend on the weights.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import open_clip
import torch
from peers.figures import Agreement, Captions, Figure, Target, measure_alternately, seconds
from safetensors.torch import save_file

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.hooks.components import LoadedEncoder
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records import TextRequest
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.text_bank.bank import build_bank
from bioclip_x.text_bank.class_prompts import write_prompts
from bioclip_x_plugins.encoders.open_clip import OpenClip
from bioclip_x_plugins.scorers.text import make_prototypes
from bioclip_x_plugins.text.names import NAMES, Name
from bioclip_x_plugins.text.templates import Templates

ROUNDS = 3
CLASSES = 20
TARGETS: dict[Name, Target] = {"common": Target("at least", 4), "taxonomic": Target("at least", 3)}
ARCHITECTURE = "ViT-B-32"

Peer = Callable[[list[str]], torch.Tensor]


def measure(rounds: int) -> dict[str, Figure]:
    with TemporaryDirectory() as folder:
        model = f"local-dir:{write_model(Path(folder, 'model'))}"
        taxonomy = _write_species(Path(folder, "species.csv"))
        encoder = OpenClip().load(model, device="cpu")
        pybioclip = _load_pybioclip(model)
        return {
            f"{CLASSES} classes, {name} names": _make_figure(name, encoder, pybioclip, taxonomy, rounds)
            for name in TARGETS
        }


def _make_figure(name: Name, encoder: LoadedEncoder, pybioclip: Peer, taxonomy: Taxonomy, rounds: int) -> Figure:
    labels = [NAMES[name](taxonomy.class_taxon(c), "en") for c in range(taxonomy.n_classes)]
    run_project, run_peer = partial(_embed, encoder, taxonomy, name), partial(pybioclip, labels)
    embeddings: dict[str, torch.Tensor] = {}
    samples = measure_alternately(
        lambda: seconds(lambda: embeddings.update(project=run_project())),
        lambda: seconds(lambda: embeddings.update(peer=run_peer().T)),
        rounds,
    )
    difference = float((embeddings["project"] - embeddings["peer"]).abs().max())
    captions = Captions("bioclip-x", "pybioclip", "s")
    return Figure(captions, TARGETS[name], samples, Agreement(difference))


def _embed(encoder: LoadedEncoder, taxonomy: Taxonomy, name: Name) -> torch.Tensor:
    """Returns the class prototypes as the scorer makes them, one unit vector per class: float32 [C, D]."""
    request = TextRequest(taxonomy, range(taxonomy.n_classes))
    texts = write_prompts([Templates("openai-80", name=name)], request)
    return make_prototypes(build_bank(encoder, texts.prompts, taxonomy.n_classes, pooling="ensemble"))


def _load_pybioclip(model: str) -> Peer:
    """Returns pybioclip's function labels → embeddings [D, C], with a model that is already loaded."""
    try:
        from bioclip import CustomLabelsClassifier
    except ImportError:
        raise SystemExit("the peer is pybioclip: pip install 'bioclip-x[bench]'") from None
    loaded = CustomLabelsClassifier(["organism"], model_str=model, device="cpu")

    class LoadedBefore(CustomLabelsClassifier):
        def load_pretrained_model(self, **_: object) -> None:
            self.model_str, self.model, self.preprocess = loaded.model_str, loaded.model, loaded.preprocess

    return lambda labels: LoadedBefore(labels, device="cpu").txt_embeddings


def write_model(folder: Path, architecture: str = ARCHITECTURE) -> Path:
    """Writes a model with random weights; returns its folder."""
    folder.mkdir()
    torch.manual_seed(0)
    model = open_clip.create_model(architecture)
    config = {
        "model_cfg": open_clip.get_model_config(architecture),
        "preprocess_cfg": dict(open_clip.get_model_preprocess_cfg(model)),
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    return folder


def _write_species(file: Path) -> Taxonomy:
    """Writes a taxonomy of field guide species from all groups, and reads it."""
    with files("bioclip_x_field_guide").joinpath("taxonomy.csv").open(encoding="utf-8") as source:
        header, *rows = csv.reader(source)
    with file.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([header, *rows[:: len(rows) // CLASSES][:CLASSES]])
    return read_taxonomy(create_registry(), file)
