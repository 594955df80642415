"""What a run is said to cost before it."""

from __future__ import annotations

from bioclip_x.describe.answer_log import AnswerKey, StoredAnswer
from bioclip_x.describe.estimate import OVERHEAD, TYPICAL_ANSWER, Estimate, compute_cost, estimate
from bioclip_x.describe.questions import Question


def question(key: str, prompt: str) -> Question:
    return Question(key, key, (key,), prompt)


def stored_answer(prompt_tokens: int | None, completion_tokens: int | None) -> StoredAnswer:
    asked = AnswerKey(path=("a",), prompt_sha256="0", model="m", host="h", temperature=None, max_tokens=None)
    return StoredAnswer(
        asked=asked,
        date="",
        text="",
        finish_reason="",
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def test_a_rule_of_thumb_where_nothing_is_known() -> None:
    asked = [question("a", "x" * 350), question("b", "é" * 175)]
    found = estimate(asked, {}, 300)
    assert found == Estimate(2, 0, 200 + 2 * OVERHEAD, 2 * TYPICAL_ANSWER, 600, 0)
    assert "about 216 tokens in, 240 out, at most 600 (estimated: 3.5 bytes per token" in str(found)
    assert estimate(asked, {}, 50).completion_tokens == 100
    assert estimate(asked, {}, None).most is None
    assert estimate([], {}, None).requests == 0


def test_from_the_answers_that_are_stored() -> None:
    asked = [question("a", "x" * 100), question("b", "x" * 300), question("c", "x" * 200)]
    stored = {asked[0]: stored_answer(50, 10), asked[1]: stored_answer(150, 30)}
    assert estimate(asked, stored, None) == Estimate(1, 2, 100, 20, None, 2)
    assert str(estimate(asked, stored, None)).startswith("1 request (2 already answered): about 100 tokens in, 20 out")
    untold = {asked[0]: stored_answer(None, 10)}
    assert estimate(asked, untold, None).measured == 0


def test_prices_are_for_a_million_tokens() -> None:
    assert compute_cost(2_000_000, 1_000_000, 0.5, 2) == 3
