"""Batches: which texts are drawn for an image, and that they do not depend on who makes them."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch

from bioclip_x.errors import ImageError, TrainingError
from bioclip_x.hooks.components import Sample
from bioclip_x.records import Prompt, PromptSet, TextRequest
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.training.config import Augment
from bioclip_x.training.data.augment import View, apply_geometry
from bioclip_x.training.data.batch import Batch
from bioclip_x.training.data.images import ImageReader
from bioclip_x.training.data.incidents import Incidents, describe_incidents
from bioclip_x.training.data.loader import ChunkMaker, Loader
from bioclip_x.training.data.order import EpochOrder, Source, make_view_rng
from bioclip_x.training.data.texts import TextKind, TextSampler
from bioclip_x.training.data.tokens import Tokens
from bioclip_x.training.truth import Truth, make_text_id, make_tree_tensors

TEXTS = {0: ("zero", "both"), 1: ("one", "both"), -1: ("own", "zero")}
"""The texts of an image of each class; -1 has texts of its own, one of which is also a text of class 0."""


class Builder:
    def build(self, request: TextRequest) -> PromptSet:
        return PromptSet(tuple(Prompt(text, c, "kind") for c in request.classes for text in TEXTS[c]))


class Squares:
    """Image i has class i mod 3 - 1, whose node is the next, and brightness i.

    bad: images that cannot be read. dying: images that end the process, if it is a worker.
    """

    def __init__(self, length: int = 12, bad: Sequence[int] = (), dying: Sequence[int] = ()) -> None:
        self.length, self.bad, self.dying, self.main = length, bad, dying, os.getpid()

    def __len__(self) -> int:
        return self.length

    def name(self, index: int) -> str:
        return f"square {index}"

    def sample(self, index: int) -> Sample:
        c = index % 3 - 1
        return Sample(-1, TEXTS[-1], ("first", "second")) if c < 0 else Sample(c + 1)

    def image(self, index: int) -> np.ndarray:
        if index in self.bad:
            raise ImageError(f"square {index}: it is bad")
        if index in self.dying and os.getpid() != self.main:
            os.kill(os.getpid(), signal.SIGKILL)
        pixels = np.full((6, 5, 3), index, np.uint8)
        pixels[:3] += 20
        return pixels


class Lengths:
    context_length = 8

    def tokenize(self, texts: Sequence[str]) -> torch.Tensor:
        return torch.tensor([[1, sum(map(ord, text)), 0] for text in texts])

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [9 if text == "zero" else 1 for text in texts]


TAXONOMY = from_labels(["a", "b"])


def make_loader(*datasets: Any, workers: int = 0, batch_size: int = 12, seed: int = 3, **changes: Any) -> Loader:
    datasets = datasets or (Squares(),)
    maker = ChunkMaker(
        ImageReader(datasets),
        TextSampler([TextKind(Builder(), TextRequest(TAXONOMY, range(2)), 1)], own=1),
        Tokens(Lengths()),
        view=View((4, 4), "squash", "bilinear"),
        augments=(Augment(crop_scale=(0.3, 1), horizontal_flip=0.5, colour_jitter=0.2),),
        prefixes=("",) * len(datasets),
        texts_per_image=1,
        text_per="image",
        seed=seed,
    )
    own = {field.name for field in fields(ChunkMaker)} & set(changes)
    order = EpochOrder(tuple(Source(len(one)) for one in datasets), seed)
    maker = replace(maker, **{name: changes.pop(name) for name in own})
    return Loader(maker, order, batch_size, workers, **changes)


def assert_equal(first: Batch, second: Batch) -> None:
    for field in fields(Batch):
        ours, theirs = getattr(first, field.name), getattr(second, field.name)
        if isinstance(ours, torch.Tensor):
            assert ours.dtype == theirs.dtype
            torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
        elif field.name in ("views", "view_factors"):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
        else:
            assert ours == theirs, field.name


@pytest.mark.parametrize("texts_per_image", [1, 3])
def test_batches_have_the_texts_that_are_drawn_for_their_images(texts_per_image: int) -> None:
    loader = make_loader(texts_per_image=texts_per_image)
    [batch] = loader.batches(1)
    order = loader.order.draw(0)[:, 1].tolist()
    name = {sum(map(ord, text)): text for texts in TEXTS.values() for text in texts}
    distinct = [name[int(row[1])] for row in batch.tokens_TL]
    assert len(set(distinct)) == len(distinct)
    assert batch.text_BK.shape == (12, texts_per_image)
    number = {"own": None, "zero": None, "one": -1, "both": -1} | dict(zip(distinct, batch.aspect_T.tolist()))
    assert number["own"] != number["zero"] and -1 not in (number["own"], number["zero"])
    assert number["one"] == number["both"] == -1
    assert batch.text_id_T.tolist() == [make_text_id(text) for text in distinct]
    node = {"own": -1, "both": -1, "zero": int(TAXONOMY.leaf_node_C[0]), "one": int(TAXONOMY.leaf_node_C[1])}
    assert batch.text_node_T.tolist() == [node[text] for text in distinct]
    truth = Truth(loader.make.texts.pairs, make_tree_tensors(TAXONOMY, torch.device("cpu")))
    right_BT, known_BT = truth.match(batch.node_B, batch.own_id_BO, batch.text_id_T)
    assert known_BT.all() and (batch.source_B == 0).all()
    for image, drawn, right, node_of_image in zip(order, batch.text_BK, right_BT, batch.node_B.tolist()):
        taxon = image % 3 - 1
        assert node_of_image == (-1 if taxon < 0 else TAXONOMY.leaf_node_C[taxon])
        assert {distinct[t] for t in drawn} <= set(TEXTS[taxon])
        assert {distinct[t] for t in right.nonzero().flatten()} == set(TEXTS[taxon]) & set(distinct)


DATA = (Squares(50, bad=(3, 4)), Squares(31, bad=(30, 0)))
OPTIONS: dict[str, Any] = {
    "batch_size": 30,
    "texts_per_image": 2,
    "prefixes": ("", "photo: "),
    "augments": (Augment(crop_scale=(0.3, 1)), Augment(crop_scale=(0.2, 1), colour_jitter=0.4, greyscale=0.5)),
}


@pytest.mark.parametrize(("workers", "context"), [(1, None), (3, None), (2, "spawn")])
def test_batches_do_not_depend_on_the_workers(workers: int, context: str | None) -> None:
    alone, ours = make_loader(*DATA, **OPTIONS), make_loader(*DATA, workers=workers, context=context, **OPTIONS)
    count = 0
    for expected, batch in zip(alone.batches(3), ours.batches(3), strict=True):
        assert_equal(batch, expected)
        count += 1
    assert count == 3 * 2 and ours.incidents == alone.incidents
    assert ours.incidents.replaced.keys() <= {(0, 3), (0, 4), (1, 30), (1, 0)}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_continues_from_any_step(workers: int) -> None:
    whole = list(make_loader(*DATA, **OPTIONS).batches(3))
    for epoch, step in [(0, 1), (1, 0), (2, 1)]:
        rest = list(make_loader(*DATA, workers=workers, **OPTIONS).batches(3, epoch, step))
        assert len(rest) == len(whole) - epoch * 2 - step
        for batch, expected in zip(rest, whole[-len(rest) :]):
            assert_equal(batch, expected)


@pytest.mark.parametrize("size", [2, 3])
def test_processes_share_the_batches_of_one(size: int) -> None:
    for number, whole in enumerate(make_loader(*DATA, **OPTIONS).batches(2)):
        parts = [list(make_loader(*DATA, rank=r, size=size, **OPTIONS).batches(2))[number] for r in range(size)]
        for name in ("pixels_BHW3", "node_B", "source_B"):
            assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(whole, name))
        assert torch.equal(torch.cat([part.text_id_T[part.text_BK] for part in parts]), whole.text_id_T[whole.text_BK])


def test_prefixes_are_part_of_the_texts_of_their_data_set() -> None:
    for batch in make_loader(*DATA, **OPTIONS).batches(1):
        plain = {make_text_id(text) for texts in TEXTS.values() for text in texts}
        prefixed = {make_text_id(f"photo: {text}") for texts in TEXTS.values() for text in texts}
        for source, rows, own in zip(batch.source_B.tolist(), batch.text_BK, batch.own_id_BO.tolist()):
            allowed = prefixed if source else plain
            assert set(batch.text_id_T[rows].tolist()) <= allowed and set(own) - {-1} <= allowed
        node_of = dict(zip(batch.text_id_T.tolist(), batch.text_node_T.tolist()))
        assert node_of.get(make_text_id("photo: one"), TAXONOMY.leaf_node_C[1]) == TAXONOMY.leaf_node_C[1]


def test_further_views_change_nothing_else() -> None:
    augments = OPTIONS["augments"]
    plain = make_loader(*DATA, **OPTIONS | {"augments": augments[:1]})
    for batch, expected in zip(make_loader(*DATA, **OPTIONS).batches(1), plain.batches(1)):
        assert_equal(replace(batch, views=(), view_factors=()), expected)
        [view], [factors] = batch.views, batch.view_factors
        assert batch.factors_B3 is None and factors is not None
        grey = (factors[:, 2] == 0).float().mean()
        assert 0.2 < grey < 0.8 and not torch.equal(view, batch.pixels_BHW3)
    loader = make_loader(Squares(12), augments=(Augment(), augments[1], augments[1]))
    [batch] = loader.batches(1)
    assert not torch.equal(batch.views[0], batch.views[1])
    image = Squares().image(int(loader.order.draw(0)[5, 1]))
    again = apply_geometry(image, loader.make.view, augments[1], make_view_rng(3, 0, 5, 1))
    assert torch.equal(batch.views[1][5], torch.from_numpy(again.copy()))


def test_bad_images_are_replaced_and_counted_once() -> None:
    loader = make_loader(Squares(12, bad=(4, 5, 11)), workers=2, batch_size=6, augments=(Augment(),))
    images = [int(one) for batch in loader.batches(4) for one in batch.pixels_BHW3[:, -1, 0, 0]]
    assert set(images).isdisjoint({4, 5, 11}) and images.count(6) > images.count(8)
    assert sorted(loader.incidents.replaced) == [(0, 4), (0, 5), (0, 11)]
    assert loader.incidents.replaced[0, 4] == "square 4: it is bad"
    [note, *_] = describe_incidents(loader.incidents, 8)
    assert note.startswith("replaced 3 images that cannot be read: square 4: it is bad; square 5")
    with pytest.raises(TrainingError, match=r"none of the 2 images of data set 1 can be read: square .: it is bad"):
        list(make_loader(Squares(2, bad=(0, 1)), workers=1, batch_size=2).batches(1))


def test_a_resumed_run_knows_all_incidents(tmp_path: Any) -> None:
    whole, first = (make_loader(Squares(20, bad=(4, 15)), batch_size=4) for _ in range(2))
    list(whole.batches(1))
    batches = first.batches(1)
    next(batches), next(batches)
    torch.save(first.incidents.state_dict(), tmp_path / "state")
    second = make_loader(Squares(20, bad=(4, 15)), batch_size=4)
    second.incidents.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    list(second.batches(1, 0, 2))
    assert second.incidents == whole.incidents and len(whole.incidents.replaced) == 2
    both = Incidents()
    both.merge(first.incidents)
    both.merge(second.incidents)
    assert both == whole.incidents


def test_truncated_texts_are_counted() -> None:
    class Full(Lengths):
        def tokenize(self, texts: Sequence[str]) -> torch.Tensor:
            return torch.tensor([[1, sum(map(ord, text)), 2 if text else 0] for text in texts])

    loader = make_loader(Squares(30), tokens=Tokens(Full()), batch_size=10)
    list(loader.batches(1))
    assert loader.incidents.truncated == {make_text_id("zero")}
    assert describe_incidents(loader.incidents, 8) == ("truncated 1 text to the model's 8 tokens",)


def test_a_worker_that_dies_ends_the_run() -> None:
    loader = make_loader(Squares(40, dying=(7,)), workers=1, batch_size=20)
    with pytest.raises(TrainingError, match="killed by SIGKILL"):
        list(loader.batches(1))
    assert len(list(make_loader(Squares(40, dying=(7,)), batch_size=20).batches(1))) == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_one_kind_of_text_is_drawn_for_a_whole_batch(workers: int) -> None:
    class Names(Builder):
        def build(self, request: TextRequest) -> PromptSet:
            return PromptSet(tuple(Prompt(f"name {c}", c, "kind") for c in request.classes))

    request = TextRequest(TAXONOMY, range(2))
    texts = TextSampler([TextKind(Builder(), request, 1), TextKind(Names(), request, 1)], own=0.0)
    data = Squares(96)
    data.sample = lambda index: Sample(1 + index % 2)  # type: ignore[method-assign]
    names = {make_text_id("name 0"), make_text_id("name 1")}
    kinds = []
    for rank in range(2):
        loader = make_loader(data, texts=texts, text_per="batch", workers=workers, batch_size=16, rank=rank, size=2)
        kinds.append([len(set(batch.text_id_T.tolist()) & names) for batch in loader.batches(2)])
        for batch in loader.batches(2):
            assert len({text in names for text in batch.text_id_T.tolist()}) == 1
    assert [bool(kind) for kind in kinds[0]] == [bool(kind) for kind in kinds[1]], "of all processes"
    assert 0 < sum(map(bool, kinds[0])) < 12


def test_the_size_of_images_may_change_with_the_step() -> None:
    loader = make_loader(batch_size=6, workers=1, find_image_size=lambda step: (3, 5) if step < 3 else (8, 8))
    assert [tuple(batch.pixels_BHW3.shape[1:3]) for batch in loader.batches(3)] == [(3, 5)] * 3 + [(8, 8)] * 3
