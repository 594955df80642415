"""Batches: which texts are drawn for an image, and which apply to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bioclip_x.components import Sample
from bioclip_x.records import Prompt, PromptSet, TextRequest
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.training.augment import View
from bioclip_x.training.config import Augment
from bioclip_x.training.data import ImageReader, Loader
from bioclip_x.training.texts import TextKind, TextSampler, Tokens
from bioclip_x.training.truth import Truth, make_text_id, make_tree_tensors
from helpers import picture

TEXTS = {0: ("zero", "both"), 1: ("one", "both"), -1: ("own", "zero")}
"""The texts of an image of each class; -1 has texts of its own, one of which is also a text of class 0."""


class Builder:
    def build(self, request: TextRequest) -> PromptSet:
        return PromptSet(tuple(Prompt(text, c, "kind") for c in request.classes for text in TEXTS[c]))


class Squares:
    """Image i has class i mod 3 - 1, whose node is the next, and brightness i."""

    def __len__(self) -> int:
        return 12

    def name(self, index: int) -> str:
        return f"square {index}"

    def sample(self, index: int) -> Sample:
        c = index % 3 - 1
        return Sample(-1, TEXTS[-1], ("first", "second")) if c < 0 else Sample(c + 1)

    def image(self, index: int) -> np.ndarray:
        return np.full((4, 4, 3), index, np.uint8)


class Lengths:
    context_length = 8

    def tokenize(self, texts: list[str]) -> torch.Tensor:
        return torch.tensor([[sum(map(ord, text))] for text in texts])

    def count_tokens(self, texts: list[str]) -> list[int]:
        return [1] * len(texts)


@pytest.mark.parametrize("texts_per_image", [1, 3])
def test_right_marks_drawn_texts_and_all_others_that_apply(texts_per_image: int) -> None:
    taxonomy = from_labels(["a", "b"])
    draw = TextSampler([TextKind(Builder(), TextRequest(taxonomy, range(2)), 1)], own=1)
    loader = Loader(
        ImageReader([Squares()]),  # type: ignore[list-item]
        draw,
        Tokens(Lengths(), []),  # type: ignore[arg-type]
        view=View((4, 4), "squash", "bicubic"),
        augment=Augment(),
        texts_per_image=texts_per_image,
        batch_size=12,
        seed=3,
        workers=0,
    )
    [batch] = loader.batches(np.array([(0, i) for i in range(12)]), epoch=0)
    name = {sum(map(ord, text)): text for texts in TEXTS.values() for text in texts}
    distinct = [name[int(row[0])] for row in batch.tokens_TL]
    assert len(set(distinct)) == len(distinct)
    assert batch.text_BK.shape == (12, texts_per_image)
    number = {"own": None, "zero": None, "one": -1, "both": -1} | dict(zip(distinct, batch.aspect_T.tolist()))
    assert number["own"] != number["zero"] and -1 not in (number["own"], number["zero"])
    assert number["one"] == number["both"] == -1
    assert batch.text_id_T.tolist() == [make_text_id(text) for text in distinct]
    node = {"own": -1, "both": -1, "zero": int(taxonomy.leaf_node_C[0]), "one": int(taxonomy.leaf_node_C[1])}
    assert batch.text_node_T.tolist() == [node[text] for text in distinct]
    tree = make_tree_tensors(taxonomy, torch.device("cpu"))
    right_BT, known_BT = Truth(draw.pairs, tree).match(batch.node_B, batch.own_id_BO, batch.text_id_T)
    assert known_BT.all() and (batch.source_B == 0).all()
    for image, (drawn, right) in enumerate(zip(batch.text_BK, right_BT)):
        taxon = image % 3 - 1
        assert int(batch.node_B[image]) == (-1 if taxon < 0 else taxonomy.leaf_node_C[taxon])
        assert {distinct[t] for t in drawn} <= set(TEXTS[taxon])
        assert {distinct[t] for t in right.nonzero().flatten()} == set(TEXTS[taxon]) & set(distinct)


def test_image_files_are_read_as_classify_reads_them(tmp_path: Path) -> None:
    frames = [picture(i) for i in range(3)]
    frames[0].save(tmp_path / "three.tif", save_all=True, append_images=frames[1:])
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42")

    class Files(Squares):
        def __len__(self) -> int:
            return 2

        def image(self, index: int) -> Path:  # type: ignore[override]
            return tmp_path / ("clip.mp4", "three.tif")[index]

    reader = ImageReader([Files()])  # type: ignore[list-item]
    sample, image = reader.read(0, 0)
    np.testing.assert_array_equal(np.asarray(image), np.asarray(frames[0]))
    assert sample == Files().sample(1), "the next image that can be read"
    assert reader.unreadable == {(0, 0): f"{tmp_path / 'clip.mp4'}: a video; extract frames from it as JPEG or PNG"}
    assert reader.noted == {(0, 1): f"{tmp_path / 'three.tif'}: first of 3 frames"}
