"""The model shipped with the field guide: a small open_clip model trained on its drawings."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Final

from bioclip_x.plugin import KnownModel

FACTS: Final[dict[str, Any]] = {
    "source": "package:bioclip_x_field_guide/model",
    "summary": "the embedded demo: knows drawings of the field guide's species, and nothing of photographs",
    "licence": "MIT",
    "trained_on": "drawings made by bioclip_x_field_guide",
    "caveats": [],
    "sources": {},
}


def make_known_model() -> KnownModel:
    """Returns the description of the model. Imports nothing heavy."""
    config = json.loads(files("bioclip_x_field_guide").joinpath("model/open_clip_config.json").read_text("utf-8"))
    size = config["preprocess_cfg"]["size"]
    return KnownModel(
        name="field-guide",
        source=FACTS["source"],
        summary=FACTS["summary"],
        architecture="its own",
        dim=config["model_cfg"]["embed_dim"],
        image_size=size if isinstance(size, int) else size[0],
        resize=config["preprocess_cfg"]["resize_mode"],
        licence=FACTS["licence"],
        classes="its own species",
        is_cached=True,
        classes_cached=True,
        facts=FACTS,
        encoder="open_clip",
    )
