"""One decision for the images of an event, against loops over its images."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bioclip_x import Classifier
from bioclip_x.events.collecting import Member, group_voters
from bioclip_x.events.pooling import pool_logits, sum_exponentials
from bioclip_x.records import Logits, Region, Result, Source
from helpers import picture

LABELS = ("red fox", "grey wolf", "badger", "otter")


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.integers(2, 9), st.floats(0.1, 60), st.integers(0, 2**32 - 1))
def test_pooled_logits_are_those_of_a_loop(n: int, n_classes: int, scale: float, seed: int) -> None:
    logits = torch.from_numpy(np.random.default_rng(seed).standard_normal((n, n_classes)) * scale).float()
    p = torch.softmax(logits.double(), 1)
    product = torch.softmax(pool_logits(Logits.of(logits), "product").logits_BC.double(), 1)[0]
    log_p = torch.log_softmax(logits.double(), 1).tolist()
    means = [math.fsum(log_p[i][c] for i in range(n)) / n for c in range(n_classes)]
    total = math.fsum(math.exp(one - max(means)) for one in means)
    expected = torch.tensor([math.exp(one - max(means)) / total for one in means], dtype=torch.float64)
    torch.testing.assert_close(product, expected, atol=1e-4, rtol=1e-4)
    mean = torch.softmax(pool_logits(Logits.of(logits), "mean").logits_BC.double(), 1)[0]
    torch.testing.assert_close(mean, p.mean(0), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(sum_exponentials(Logits.of(logits)), logits.logsumexp(1), atol=1e-4, rtol=1e-5)


def classify(classifier: Classifier, images: list[Any], event: str = "e") -> list[Result]:
    """Classifies images as one event."""
    sources = [
        Source(f"{i}", image=one if isinstance(one, Image.Image) else None, error="" if isinstance(one, Image.Image) else one,
               event=event, last_of_event=i == len(images) - 1)
        for i, one in enumerate(images)
    ]  # fmt: skip
    return list(classifier._classify(sources, thumbnails=False))  # noqa: SLF001 - with events of its own


@pytest.mark.parametrize("pooling", ["product", "mean"])
def test_an_event_is_decided_by_all_its_images(tiny_model: str, pooling: Any) -> None:
    classifier = Classifier(tiny_model, labels=LABELS, event_pooling=pooling, k=4, batch_size=2)
    *images, event = classify(classifier, [picture(i) for i in range(3)])
    assert event.level == "event" and event.source == "e" and [one.source for one in event.images] == ["0", "1", "2"]
    shares = np.array(
        [[{p.taxon.name: p.probability for p in one.predictions}[name] for name in LABELS] for one in images]
    )
    expected = np.exp(np.log(shares).mean(0)) if pooling == "product" else shares.mean(0)
    expected /= expected.sum()
    got = {one.taxon.name: one.probability for one in event.predictions}
    np.testing.assert_allclose([got[name] for name in LABELS], expected, rtol=1e-4)
    winner = LABELS.index(event.predictions[0].taxon.name)
    np.testing.assert_allclose([one.probability for one in event.images], shares[:, winner], rtol=1e-4)
    if pooling == "mean":
        assert event.explanation is None and all(one.contribution is None for one in event.images)
        return
    runner_up = LABELS.index(event.predictions[1].taxon.name)
    parts = (np.log(shares[:, winner]) - np.log(shares[:, runner_up])) / 3
    np.testing.assert_allclose([one.contribution for one in event.images], parts, rtol=1e-3, atol=1e-5)
    assert event.explanation is not None and event.explanation.margin == pytest.approx(parts.sum(), rel=1e-3)
    total = sum(one.contribution for one in event.explanation.contributions) + event.explanation.rest
    assert total == pytest.approx(event.explanation.margin, rel=1e-4)
    assert any(f"{int(parts.argmax())} counts most" in note for note in event.notes)


def test_images_that_fail_take_no_part(tiny_model: str) -> None:
    classifier = Classifier(tiny_model, labels=LABELS)
    [alone] = classify(classifier, [picture(0)])[-1:]
    *_, event = classify(classifier, [picture(0), "the file is empty"])
    assert event.predictions[0].probability == pytest.approx(alone.predictions[0].probability, rel=1e-5)
    assert event.images[1].left_out == "the file is empty" and math.isnan(event.images[1].probability)
    assert event.notes == ("decided by 1 image", "1 took no part")


def test_an_event_without_an_image_that_can_be_read_has_an_error(tiny_model: str) -> None:
    *_, event = classify(Classifier(tiny_model, labels=LABELS), ["empty", "gone"])
    assert event.error == "none of its 2 images could be read" and not event.is_last_of_image


def test_blank_frames_do_not_outvote(tiny_model: str) -> None:
    """An image whose best answer stands beside the tree counts only where all do."""
    classifier = Classifier(tiny_model, labels=LABELS, beside=("blank",), k=5, explain=False)
    by_answer: dict[str, list[Any]] = {}
    for seed in range(400):
        image = picture(seed)
        by_answer.setdefault(classifier([image])[0].predictions[0].taxon.name, []).append(image)
        if len(by_answer.get("blank", ())) > 1 and len(by_answer) > 1:
            break
    else:
        pytest.skip("the tiny model finds nothing blank, or all")
    name = next(one for one in by_answer if one != "blank")
    *_, event = classify(classifier, [by_answer[name][0], *by_answer["blank"]])
    assert event.predictions[0].taxon.name != "blank"
    assert [one.left_out for one in event.images][1:] == ["blank"] * len(by_answer["blank"])
    *_, blank = classify(classifier, by_answer["blank"])
    assert blank.predictions[0].taxon.name == "blank"


def test_several_organisms_in_one_image_are_several_decisions(tiny_model: str) -> None:
    """Regions with the same best taxon are one, those of one individual too; averaging two species would name a third."""
    classifier = Classifier(tiny_model, labels=LABELS, explain=False, k=1)
    named = {seed: classifier([picture(seed)])[0].predictions[0].taxon.name for seed in range(60)}
    first = named[0]
    other = next(seed for seed, name in named.items() if name != first)
    same = next(seed for seed, name in named.items() if name == first and seed)

    def vote(image: str, seed: int, individual: str = "") -> Member:
        [result] = classifier([picture(seed)])
        region = Region((0, 0, 1, 1), individual=individual)
        n = 2 if image == "a" else 1
        return Member(
            Source(image, event="e"), replace(result, source=image, region=region, n_regions=n), torch.zeros(4)
        )

    assert len(group_voters([vote("b", 0), vote("c", other)])) == 1
    groups = group_voters([vote("a", 0), vote("a", other), vote("b", same)])
    assert [[one.source.name for one in group] for group in groups] == [["a", "b"], ["a"]]
    assert len(group_voters([vote("a", 0), vote("d", other)])) == 1, "one organism beside what takes no part"
    groups = group_voters([vote("a", 0, "i"), vote("a", same, "k"), vote("b", other, "i")])
    assert [[one.source.name for one in group] for group in groups] == [["a", "b"], ["a"]]


def test_an_image_listed_twice_counts_once(tiny_model: str) -> None:
    classifier = Classifier(tiny_model, labels=LABELS)
    once = classify(classifier, [picture(0), picture(1)])[-1]
    sources = [Source("0", image=picture(0), event="e"), Source("0", image=picture(0), event="e"),
               Source("1", image=picture(1), event="e", last_of_event=True)]  # fmt: skip
    *_, twice = classifier._classify(sources, thumbnails=False)  # noqa: SLF001 - with events of its own
    assert twice.predictions[0].probability == pytest.approx(once.predictions[0].probability, rel=1e-5)
    assert [one.left_out for one in twice.images] == ["", "it is there twice", ""]


def test_large_events_are_pooled_in_parts() -> None:
    logits = torch.randn(3000, 700, generator=torch.Generator().manual_seed(0))
    asked: list[int] = []

    def part(start: int, stop: int) -> torch.Tensor:
        asked.append((stop - start) * 3000)
        return logits[:, start:stop].T.clone()

    pooled = pool_logits(Logits(part, 3000, 700), "mean").logits_BC
    torch.testing.assert_close(torch.softmax(pooled, 1)[0], torch.softmax(logits, 1).mean(0), atol=1e-5, rtol=1e-4)
    assert max(asked) <= 256 * 3000
