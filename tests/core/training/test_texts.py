from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from bioclip_x.errors import TrainingError
from bioclip_x.records import Prompt, PromptSet, TextRequest
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.training.texts import TextKind, TextSampler


class Says:
    """Texts "{word}{class}.{i}" with weights 1, 2, …"""

    def __init__(self, word: str, each: int) -> None:
        self.word, self.each = word, each

    def build(self, request: TextRequest) -> PromptSet:
        return PromptSet(
            tuple(
                Prompt(f"{self.word}{c}.{i}", c, self.word, weight=i + 1.0)
                for c in request.classes
                for i in range(self.each)
            )
        )


@pytest.fixture
def draw() -> TextSampler:
    taxonomy = from_labels(["x", "y", "z"])
    request = TextRequest(taxonomy, range(3))
    return TextSampler([TextKind(Says("a", 1), request, 1), TextKind(Says("b", 3), request, 3)], own=0.5)


def test_kinds_and_prompts_are_drawn_by_weight(draw: TextSampler) -> None:
    rng = np.random.default_rng(0)
    n = 6000
    counts = Counter(draw(1, (), rng) for _ in range(n))
    assert set(counts) == {"a1.0", "b1.0", "b1.1", "b1.2"}
    for text, probability in {"a1.0": 1 / 4, "b1.0": 1 / 8, "b1.1": 2 / 8, "b1.2": 3 / 8}.items():
        assert counts[text] / n == pytest.approx(probability, abs=0.03)


def test_own_texts_of_an_image(draw: TextSampler) -> None:
    rng = np.random.default_rng(0)
    own = sum(draw(2, ("mine",), rng) == "mine" for _ in range(2000))
    assert own / 2000 == pytest.approx(0.5, abs=0.05)
    assert {draw(-1, ("mine", "too"), rng) for _ in range(50)} == {"mine", "too"}
    with pytest.raises(TrainingError, match="neither a class nor a text"):
        draw(-1, (), rng)


def test_own_texts_and_those_of_the_class_apply_to_an_image(draw: TextSampler) -> None:
    assert draw.find_applicable(1, ("mine",)) == {"a1.0", "b1.0", "b1.1", "b1.2", "mine"}
    assert draw.find_applicable(1, ()) == {"a1.0", "b1.0", "b1.1", "b1.2"}
    assert draw.find_applicable(-1, ("mine",)) == {"mine"}
