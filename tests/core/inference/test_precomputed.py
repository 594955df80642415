from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bioclip_x.errors import RecipeError
from bioclip_x.images.files import ImageFiles
from bioclip_x.inference.precomputed import NoEncoder, list_scored_images, make_empty_bank, skip_decoding
from bioclip_x.records import Source
from helpers import picture


class TwoScored:
    """A scorer that has scores for a.png and b.png."""

    model, revision = "other classifier", "sha256:1"

    def image_names(self) -> list[str]:
        return ["a.png", "b.png"]

    def problem(self, name: str) -> str:
        return "" if Path(name).name in self.image_names() else f"no scores for {name}"


def test_the_scored_images_are_the_sources() -> None:
    assert [(source.name, source.path) for source in list_scored_images(TwoScored(), "external")] == [  # type: ignore[arg-type]
        ("a.png", Path("a.png")), ("b.png", Path("b.png")),
    ]  # fmt: skip
    with pytest.raises(RecipeError, match="'text' has no precomputed scores"):
        list_scored_images(None, "text")


def test_images_are_not_decoded_and_need_not_exist(tmp_path: Path) -> None:
    picture(0, (40, 30)).save(tmp_path / "a.png")
    sources = [Source(str(tmp_path / name), tmp_path / name) for name in ("a.png", "b.png", "c.png")]
    first, second = skip_decoding(sources, TwoScored(), ImageFiles(), batch_size=2, with_thumbnail=True)  # type: ignore[arg-type]
    seen, missing = first
    [unscored] = second
    assert (seen.width, seen.height) == (40, 30) and seen.thumbnail
    assert missing.pixels is not None and missing.thumbnail is None and not missing.error
    assert unscored.pixels is None and unscored.error == f"no scores for {tmp_path / 'c.png'}"
    [[plain], *_] = skip_decoding(sources[:1], TwoScored(), ImageFiles(), batch_size=2, with_thumbnail=False)  # type: ignore[arg-type]
    assert plain.thumbnail is None and plain.width == 0


def test_the_encoder_is_empty_and_names_the_other_classifier() -> None:
    encoder = NoEncoder(TwoScored())  # type: ignore[arg-type]
    assert (encoder.card.name, encoder.card.revision, encoder.card.dim) == ("other classifier", "sha256:1", 0)
    features = encoder.encode_images(torch.empty(3, 0))
    assert features.embeddings_BD.shape == (3, 0) and features.refused_B == ("", "", "")
    assert encoder.encode_texts(["a"]).shape == (1, 0) and encoder.count_tokens(["a", "b"]) == [0, 0]
    bank = make_empty_bank(4, "mean")
    assert bank.n_classes == 4 and len(bank.embeddings_PD) == len(bank.owner_P) == 0
