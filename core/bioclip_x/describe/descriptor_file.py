"""Makes a descriptor file with provenance from the answers of a language model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from bioclip_x import __version__
from bioclip_x.describe.answer_log import StoredAnswer
from bioclip_x.describe.questions import Question
from bioclip_x.errors import DescriptorError
from bioclip_x.messages import list_some, pluralise
from bioclip_x.prompts import json_answers
from bioclip_x.prompts.curation import Curated, curate, summarise_findings
from bioclip_x.prompts.descriptors import Descriptor, DescriptorSet, load_descriptors, write_descriptors
from bioclip_x.prompts.list_answers import ParsedAnswer
from bioclip_x.prompts.llm_prompts import PromptTemplate, ends_in_a_bullet

Answers = dict[Question, list[StoredAnswer]]
"""All answers to each question, in the order of arrival."""


def parse_answer(question: Question, answer: StoredAnswer) -> ParsedAnswer:
    """Parses one answer. An answer of which curation would keep no phrase is unusable."""
    return _parse_cached(question, answer.text, answer.finish_reason)


@lru_cache(maxsize=1 << 16)
def _parse_cached(question: Question, text: str, finish_reason: str) -> ParsedAnswer:
    """Parses an answer; cached, because it is needed on arrival and again when the file is written."""
    parsed = json_answers.parse(
        text,
        name=question.name,
        also=question.also,
        finish_reason=finish_reason,
        continued=ends_in_a_bullet(question.prompt),
    )
    descriptors = DescriptorSet({question.name: _make_descriptors(question, parsed)}, "")
    if parsed.phrases and curate(descriptors).to_ask_again:
        return ParsedAnswer((), "no visible trait", parsed.notes)
    return parsed


def _make_descriptors(question: Question, parsed: ParsedAnswer) -> tuple[Descriptor, ...]:
    return tuple(Descriptor(phrase, question.kind) for phrase in parsed.phrases)


def is_usable(question: Question, answer: StoredAnswer) -> bool:
    return not parse_answer(question, answer).reason


def make_descriptor_set(
    questions: Sequence[Question],
    template: PromptTemplate,
    answers: Answers,
    output: Path,
    about: Mapping[str, Any],
) -> DescriptorSet:
    """Makes descriptors from all answers, in the order of the questions. Of several answers the last usable one counts."""
    classes: dict[str, tuple[Descriptor, ...]] = {}
    unusable: dict[str, str] = {}
    notes: list[str] = []
    for question in questions:
        if question in answers:
            best = _select_best(question, answers[question])
            label = question.key if question.kind == "descriptor" else f"{question.key}, {question.kind}"
            classes[question.key] = (*classes.get(question.key, ()), *_make_descriptors(question, best))
            notes += [f"{label!r}: {note}" for note in best.notes]
            if best.reason:
                unusable[label] = best.reason
    if unusable:
        reasons = [f"{label} ({reason})" for label, reason in unusable.items()]
        notes.append(
            f"{len(unusable)} of {len(answers)} answers are unusable and their classes empty: {list_some(reasons)}; add "
            "--retry-unusable to ask again"
        )
    provenance = _make_provenance(template, answers) | dict(about)
    if unusable:
        provenance["unusable"] = unusable
    if unanswered := list(dict.fromkeys(question.key for question in questions if question not in answers)):
        provenance["unanswered"] = unanswered
    return DescriptorSet(classes, str(output), provenance=provenance, notes=tuple(notes))


def add_curation(descriptors: DescriptorSet, curated: Curated) -> DescriptorSet:
    """Returns the curated descriptors with findings in notes and provenance. Classes that it emptied are unusable."""
    summary = summarise_findings(finding for finding in curated.findings if finding.kind != "empty class")
    emptied = [key for key in curated.to_ask_again if descriptors.classes[key]]
    unusable = {**descriptors.provenance.get("unusable", {}), **dict.fromkeys(emptied, "nothing left after curation")}
    provenance = {**descriptors.provenance, "curation": summary} | ({"unusable": unusable} if unusable else {})
    notes = (*descriptors.notes, *(f"curation: {line}" for line in summary))
    if emptied:
        notes = (*notes, f"curation left nothing of {list_some(emptied)}; add --retry-unusable to ask again")
    return replace(curated.descriptors, provenance=provenance, notes=notes)


def _select_best(question: Question, answers: Sequence[StoredAnswer]) -> ParsedAnswer:
    parsed = [parse_answer(question, answer) for answer in answers]
    return next((one for one in reversed(parsed) if not one.reason), parsed[-1])


def _make_provenance(template: PromptTemplate, answers: Answers) -> dict[str, Any]:
    """Makes the provenance. The date is that of the last answer; tokens are those of all answers, unusable ones included."""
    if not answers:
        return {}
    stored = [answer for several in answers.values() for answer in several]
    key = stored[0].asked
    answered_by = sorted({answer.answered_by for answer in stored} - {"", key.model})
    return {
        "tool": f"bioclip-x {__version__}",
        "model": key.model,
        **({"answered_by": answered_by} if answered_by else {}),
        "host": key.host,
        "prompt": template.name,
        "prompt_source": template.source,
        "prompt_sha256": template.sha256,
        "date": max(answer.date for answer in stored),
        "temperature": key.temperature,
        "max_tokens": key.max_tokens,
        "tokens": count_tokens(stored),
    }


def count_tokens(answers: Iterable[StoredAnswer]) -> dict[str, int | None]:
    """Sums the server's token counts; None if any is missing, because a partial sum would look like the total."""
    counts = [(answer.prompt_tokens, answer.completion_tokens) for answer in answers]
    sums = (None if None in column else sum(column) for column in zip(*counts)) if counts else (0, 0)
    return dict(zip(("prompt", "completion"), sums))


def make_partial_path(output: Path) -> Path:
    """
    >>> make_partial_path(Path("birds.yaml")).name
    'birds.partial.yaml'
    """
    return output.with_name(f"{output.stem}.partial{output.suffix}")


def write_in_place(output: Path, descriptors: DescriptorSet, say: Callable[[str], None]) -> None:
    """Writes to `output`, or to the partial file if the run is incomplete and `output` describes more classes.

    Raises DescriptorError where a file cannot be written; existing files are then unchanged.
    """
    partial = make_partial_path(output)
    if "unanswered" not in descriptors.provenance:
        write_descriptor_file(output, descriptors)
        if "unanswered" in _load_or_empty(partial).provenance:  # written by an earlier run, now obsolete
            with suppress(OSError):
                partial.unlink()
        return
    before, now = (len(one.classes) - len(one.empty_classes) for one in (_load_or_empty(output), descriptors))
    write_descriptor_file(partial if before > now else output, descriptors)
    if before > now:
        kept, new = (pluralise(number, "class", "classes") for number in (before, now))
        say(f"{output} describes {kept} and is kept; what is described so far, {new}, is in {partial}")


def _load_or_empty(path: Path) -> DescriptorSet:
    """Loads a descriptor file; returns an empty set where it does not exist or cannot be read."""
    try:
        return load_descriptors(path)
    except DescriptorError:
        return DescriptorSet({}, str(path))


def write_descriptor_file(output: Path, descriptors: DescriptorSet) -> None:
    """Writes a descriptor file. Raises DescriptorError where that fails."""
    try:
        write_descriptors(output, descriptors)
    except OSError as error:
        raise DescriptorError(f"{output} cannot be written: {error.strerror or error}") from error
