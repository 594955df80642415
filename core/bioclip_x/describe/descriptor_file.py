"""Answers of a language model → the descriptor file that they make, with its provenance, put in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from bioclip_x import __version__
from bioclip_x.describe.answer_log import Kept
from bioclip_x.describe.questions import Question
from bioclip_x.errors import DescriptorError
from bioclip_x.messages import list_some
from bioclip_x.prompts import json_answers
from bioclip_x.prompts.curation import Curated, curate, summary
from bioclip_x.prompts.descriptors import Descriptor, DescriptorSet, load_descriptors, write_descriptors
from bioclip_x.prompts.list_answers import Parsed
from bioclip_x.prompts.llm_prompts import PromptTemplate, ends_in_a_bullet

Answered = dict[Question, list[Kept]]
"""All answers to each question, the last one last."""


def parse_answer(question: Question, kept: Kept) -> Parsed:
    """What one answer says. One of which no phrase would stand is of no use."""
    return _parsed(question, kept.text, kept.finish_reason)


@lru_cache(maxsize=1 << 16)
def _parsed(question: Question, text: str, finish_reason: str) -> Parsed:
    """Asked for when an answer comes, and again when the file is written."""
    found = json_answers.parse(
        text,
        name=question.name,
        also=question.also,
        finish_reason=finish_reason,
        continued=ends_in_a_bullet(question.prompt),
    )
    alone = DescriptorSet({question.name: _descriptors(question, found)}, "")
    if found.phrases and curate(alone).to_ask_again:
        return Parsed((), "nothing in it is a visible trait", found.notes)
    return found


def _descriptors(question: Question, found: Parsed) -> tuple[Descriptor, ...]:
    return tuple(Descriptor(phrase, question.kind) for phrase in found.phrases)


def is_usable(question: Question, kept: Kept) -> bool:
    return not parse_answer(question, kept).reason


def make_descriptor_set(
    questions: Sequence[Question],
    template: PromptTemplate,
    answered: Answered,
    output: Path,
    about: Mapping[str, Any],
) -> DescriptorSet:
    """The descriptors of all that is answered, in the order of the questions. Of several answers the last usable counts."""
    classes: dict[str, tuple[Descriptor, ...]] = {}
    unusable: dict[str, str] = {}
    notes: list[str] = []
    for question in questions:
        if question in answered:
            best = _best(question, answered[question])
            label = question.key if question.kind == "descriptor" else f"{question.key}, {question.kind}"
            classes[question.key] = (*classes.get(question.key, ()), *_descriptors(question, best))
            notes += [f"{label!r}: {note}" for note in best.notes]
            if best.reason:
                unusable[label] = best.reason
    if unusable:
        named = [f"{label} ({reason})" for label, reason in unusable.items()]
        notes.append(
            f"{len(unusable)} of {len(answered)} answers are unusable, and their classes empty: {list_some(named)}; to ask "
            "for them again, add --retry-unusable"
        )
    provenance = _provenance(template, answered) | dict(about)
    if unusable:
        provenance["unusable"] = unusable
    if unanswered := list(dict.fromkeys(question.key for question in questions if question not in answered)):
        provenance["unanswered"] = unanswered
    return DescriptorSet(classes, str(output), provenance=provenance, notes=tuple(notes))


def add_curation(written: DescriptorSet, curated: Curated) -> DescriptorSet:
    """What curation left, and in notes and provenance what it found. Classes that it emptied are unusable."""
    told = summary(one for one in curated.findings if one.kind != "empty class")
    emptied = [key for key in curated.to_ask_again if written.classes[key]]
    unusable = {**written.provenance.get("unusable", {}), **dict.fromkeys(emptied, "nothing left after curation")}
    provenance = {**written.provenance, "curation": told} | ({"unusable": unusable} if unusable else {})
    notes = (*written.notes, *(f"curation: {line}" for line in told))
    if emptied:
        notes = (*notes, f"curation left nothing of {list_some(emptied)}; to ask again, add --retry-unusable")
    return replace(curated.descriptors, provenance=provenance, notes=notes)


def _best(question: Question, kept: Sequence[Kept]) -> Parsed:
    found = [parse_answer(question, one) for one in kept]
    return next((one for one in reversed(found) if not one.reason), found[-1])


def _provenance(template: PromptTemplate, answered: Answered) -> dict[str, Any]:
    """Of the answers used; the date is the last one's, and the tokens are all that were paid for."""
    if not answered:
        return {}
    kept = [one for several in answered.values() for one in several]
    asked = kept[0].asked
    answered_by = sorted({one.answered_by for one in kept} - {"", asked.model})
    return {
        "tool": f"bioclip-x {__version__}",
        "model": asked.model,
        **({"answered_by": answered_by} if answered_by else {}),
        "host": asked.host,
        "prompt": template.name,
        "prompt_source": template.source,
        "prompt_sha256": template.sha256,
        "date": max(one.date for one in kept),
        "temperature": asked.temperature,
        "max_tokens": asked.max_tokens,
        "tokens": count_tokens(kept),
    }


def count_tokens(kept: Iterable[Kept]) -> dict[str, int | None]:
    """What the server counted, in all; None as soon as one count is untold: a sum of the others would pass for the whole."""
    each = [(one.prompt_tokens, one.completion_tokens) for one in kept]
    sums = (None if None in column else sum(column) for column in zip(*each)) if each else (0, 0)
    return dict(zip(("prompt", "completion"), sums))


def make_partial_path(output: Path) -> Path:
    """
    >>> partial_path(Path("birds.yaml")).name
    'birds.partial.yaml'
    """
    return output.with_name(f"{output.stem}.partial{output.suffix}")


def write_in_place(output: Path, written: DescriptorSet, say: Callable[[str], None]) -> None:
    """At `output`, but never less over more: what a run had so far, beside the file that has more classes described.

    Raises DescriptorError where it cannot be written; what was there before stays.
    """
    partial = make_partial_path(output)
    if "unanswered" not in written.provenance:
        write(output, written)
        if "unanswered" in _read_again(partial).provenance:  # ours, and no longer of use
            with suppress(OSError):
                partial.unlink()
        return
    before, now = (len(one.classes) - len(one.empty_classes) for one in (_read_again(output), written))
    write(partial if before > now else output, written)
    if before > now:
        say(f"{output} describes {before} classes and stays as it was; the {now} of this run so far are in {partial}")


def _read_again(path: Path) -> DescriptorSet:
    """A descriptor file of an earlier run; nothing where there is none, or none that can be read."""
    try:
        return load_descriptors(path)
    except DescriptorError:
        return DescriptorSet({}, str(path))


def write(output: Path, written: DescriptorSet) -> None:
    """Raises DescriptorError where the file cannot be written."""
    try:
        write_descriptors(output, written)
    except OSError as problem:
        raise DescriptorError(f"{output} cannot be written: {problem.strerror or problem}") from problem
