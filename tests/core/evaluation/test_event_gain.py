"""The gain of events against a loop over their images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bioclip_x import Classifier
from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.evaluate import evaluate
from bioclip_x.evaluation.event_gain import ALONE, GAIN, TOGETHER
from bioclip_x.evaluation.intervals import compute_difference_interval
from bioclip_x.hooks.registry import create_registry
from bioclip_x.recipe_resolution import resolve_recipe
from helpers import picture

LABELS = ("red fox", "grey wolf", "badger", "otter")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = ["path,label"]
    for event in range(6):
        (tmp_path / f"e{event}").mkdir()
        for number in range(1 + event % 3):
            picture(10 * event + number).save(tmp_path / f"e{event}" / f"{number}.png")
            rows.append(f"e{event}/{number}.png,{LABELS[event % 4]}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "labels.csv"


@pytest.mark.parametrize("pooling", ["product", "mean"])
def test_accuracy_by_event_is_that_of_a_loop(tiny_model: str, table: Path, pooling: str) -> None:
    registry = create_registry()
    flags = {"model": tiny_model, "labels": LABELS, "event_by": "folder", "event_pooling": pooling}
    recipe = resolve_recipe(registry, flags=flags)
    dataset = registry.make("datasets", "manifest", {"path": table})
    [found] = evaluate(registry, [recipe], dataset, "table").texts
    classifier = Classifier(tiny_model, labels=LABELS, k=4, explain=False)
    alone, together = [], []
    for event in range(6):
        results = classifier([table.parent / f"e{event}" / f"{number}.png" for number in range(1 + event % 3)])
        shares = np.array(
            [[{p.taxon.name: p.probability for p in one.predictions}[name] for name in LABELS] for one in results]
        )
        pooled = np.log(shares).mean(0) if pooling == "product" else shares.mean(0)
        alone.append((shares.argmax(1) == event % 4).mean())
        together.append(float(pooled.argmax() == event % 4))
    assert found.events[ALONE].value == pytest.approx(np.mean(alone)) and found.events[ALONE].of == 6
    assert found.events[TOGETHER].value == pytest.approx(np.mean(together))
    gain, expected = found.events[GAIN], np.array(together) - np.array(alone)
    assert gain.value == pytest.approx(expected.mean())
    assert (gain.low, gain.high) == pytest.approx(compute_difference_interval(expected))


def test_columns_and_boxes_are_refused(tiny_model: str, table: Path) -> None:
    registry = create_registry()
    dataset = registry.make("datasets", "manifest", {"path": table})
    boxes = table.with_name("boxes.csv")
    boxes.write_text("path,left,top,right,bottom\ne0/0.png,0,0,1,1\n")
    for flags, message in (
        ({"event_by": "column:x"}, "no further columns"),
        ({"boxes": boxes}, "evaluated as a whole"),
    ):
        recipe = resolve_recipe(registry, flags={"model": tiny_model, "labels": LABELS, **flags})
        with pytest.raises(EvaluationError, match=message):
            evaluate(registry, [recipe], dataset, "table")


def test_blank_images_take_no_part(tiny_model: str) -> None:
    """The rule of `classify`, on logits: those best named beside the tree are left out, unless all are."""
    from bioclip_x.inference.scoring import ScoredBatch
    from bioclip_x.records import Logits

    taxonomy = Classifier(tiny_model, labels=("a", "b"), beside=("blank",), explain=False).taxonomy
    logits = torch.tensor([[1.0, 0.0, 5.0], [2.0, 0.0, 1.0], [0.0, 3.0, 1.0]])
    batch = ScoredBatch(Logits.of(logits), Logits.of(logits), offsets={"p": torch.arange(9.0).reshape(3, 3)})
    assert batch.find_voters(taxonomy) == [1, 2]
    voters = batch.select([1, 2])
    torch.testing.assert_close(voters.logits.logits_BC, logits[1:])
    torch.testing.assert_close(voters.offsets["p"], torch.arange(9.0).reshape(3, 3)[:, 1:])
    blank = ScoredBatch(Logits.of(logits[:1]), Logits.of(logits[:1]))
    assert blank.find_voters(taxonomy) == [0]


def test_folders_of_classes_are_no_events(tiny_model: str, tmp_path: Path) -> None:
    registry = create_registry()
    recipe = resolve_recipe(registry, flags={"model": tiny_model, "labels": LABELS, "event_by": "folder"})
    for number in range(4):
        folder = tmp_path / LABELS[number % 2].replace(" ", "_")
        folder.mkdir(exist_ok=True)
        picture(number).save(folder / f"{number}.png")
    dataset = registry.make("datasets", "image-folder", {"path": tmp_path})
    with pytest.raises(EvaluationError, match="each event is all images of one label"):
        evaluate(registry, [recipe], dataset, "folder")
