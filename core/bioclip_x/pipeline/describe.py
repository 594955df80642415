"""Descriptors written by a language model: questions → answers, each kept as it comes → a descriptor file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bioclip_x import __version__
from bioclip_x.components import LanguageModel
from bioclip_x.errors import DescriptorError, LanguageModelError
from bioclip_x.pipeline.answer_log import AnswerLog, Asked, Kept, log_path, open_log
from bioclip_x.pipeline.questions import Question
from bioclip_x.prompts.answers import Parsed, parse_answer
from bioclip_x.prompts.descriptors import Descriptor, DescriptorSet, load_descriptors, write_descriptors
from bioclip_x.prompts.templates import PromptTemplate
from bioclip_x.wording import some

Progress = Callable[[int, int], None]
Say = Callable[[str], None]
Answered = list[tuple[Question, Kept]]


def describe(
    questions: Sequence[Question],
    template: PromptTemplate,
    model: LanguageModel,
    output: Path,
    *,
    about: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    retry_unusable: bool = False,
    progress: Progress = lambda done, total: None,
    say: Say = lambda line: None,
) -> DescriptorSet:
    """Asks what has not been asked before, and writes the descriptor file at `output`.

    Answers are kept in `output` + ".answers.jsonl" as they come; the same call goes on from there. The descriptor file
    is written at the end, and also when an error or Ctrl-C ends the run early: then it has the classes answered so far,
    and names the rest in its provenance. Where `output` already describes more classes than that, it stays, and the new
    file is `partial_path(output)`. A run without a single answer writes none.

    about: what else its provenance shall say. notes: what the caller found odd; carried on. retry_unusable: ask again
    where the kept answer was of no use. say: is told where the file is, if not at `output`.

    Raises LanguageModelError where the model fails, saying how to go on, and DescriptorError where a file cannot be
    written, or where `output` is a descriptor file that did not come from such a run.
    """
    log_file = log_path(output)
    _refuse_foreign(output, log_file)
    answered: Answered = []
    with open_log(log_file) as log:
        try:
            _ask_all(questions, template, model, log, answered, progress, retry_unusable)
        except LanguageModelError as problem:
            raise LanguageModelError(_going_on(problem, questions, answered, log.path)) from problem
        finally:
            written = _described(questions, template, answered, output, about or {})
            if answered:
                _write_in_place(output, written, say)
    broken = [f"{log_file} has {log.broken} broken lines; what they answered was asked again"] if log.broken else []
    return replace(written, notes=(*notes, *broken, *written.notes))


def _refuse_foreign(output: Path, log_file: Path) -> None:
    """A descriptor file without answers beside it is somebody's work, and not ours to write over."""
    if output.exists() and not log_file.exists():
        raise DescriptorError(
            f"{output} exists and has no answers beside it ({log_file.name}), so it was not written by `describe`; "
            "give another --output, or move it away"
        )


def _ask_all(
    questions: Sequence[Question],
    template: PromptTemplate,
    model: LanguageModel,
    log: AnswerLog,
    answered: Answered,
    progress: Progress,
    retry_unusable: bool,
) -> None:
    """Fills `answered`, from the log first, so that a run that stops early has all that is known."""
    missing: list[tuple[Question, Asked]] = []
    for question in questions:
        asked = _asked(question, template, model)
        kept = log.find(asked)
        if kept is None or (retry_unusable and _parsed(question, kept, template).reason):
            missing.append((question, asked))
        else:
            answered.append((question, kept))
    progress(len(answered), len(questions))
    for question, asked in missing:
        answer = model.complete(question.prompt, temperature=template.temperature, max_tokens=template.max_tokens)
        answered.append((question, log.keep(asked, answer, _now())))
        progress(len(answered), len(questions))


def _asked(question: Question, template: PromptTemplate, model: LanguageModel) -> Asked:
    settings = model.provenance
    return Asked(
        path=question.path,
        prompt_sha256=hashlib.sha256(question.prompt.encode()).hexdigest(),
        model=settings["model"],
        host=settings["host"],
        temperature=settings.get("temperature", template.temperature),
        max_tokens=settings.get("max_tokens", template.max_tokens),
    )


def _parsed(question: Question, kept: Kept, template: PromptTemplate) -> Parsed:
    return parse_answer(
        kept.text, name=question.name, finish_reason=kept.finish_reason, continued=template.ends_in_a_bullet
    )


def _described(
    questions: Sequence[Question],
    template: PromptTemplate,
    answered: Answered,
    output: Path,
    about: Mapping[str, Any],
) -> DescriptorSet:
    parsed = {question.key: _parsed(question, kept, template) for question, kept in answered}
    order = [question.key for question in questions]
    done = [key for key in order if key in parsed]
    unusable = {key: parsed[key].reason for key in done if parsed[key].reason}
    classes = {key: tuple(Descriptor(phrase, template.kind) for phrase in parsed[key].phrases) for key in done}
    notes = [f"{key!r}: {note}" for key in done for note in parsed[key].notes]
    if unusable:
        named = [f"{key} ({reason})" for key, reason in unusable.items()]
        notes.append(
            f"{len(unusable)} of {len(classes)} answers are unusable, and their classes empty: {some(named)}; to ask "
            "for them again, add --retry-unusable"
        )
    provenance = _provenance(template, answered) | dict(about)
    if unusable:
        provenance["unusable"] = unusable
    if unanswered := [key for key in order if key not in parsed]:
        provenance["unanswered"] = unanswered
    return DescriptorSet(classes, str(output), provenance=provenance, notes=tuple(notes))


def _provenance(template: PromptTemplate, answered: Answered) -> dict[str, Any]:
    """Of the answers used; the date is the last one's."""
    if not answered:
        return {}
    asked = answered[0][1].asked
    return {
        "tool": f"bioclip-x {__version__}",
        "model": asked.model,
        "host": asked.host,
        "prompt": template.name,
        "prompt_source": template.source,
        "prompt_sha256": template.sha256,
        "date": max(kept.date for _, kept in answered),
        "temperature": asked.temperature,
        "max_tokens": asked.max_tokens,
        "tokens": {
            "prompt": _total(kept.prompt_tokens for _, kept in answered),
            "completion": _total(kept.completion_tokens for _, kept in answered),
        },
    }


def _total(counts: Any) -> int | None:
    """None as soon as one count is untold: a sum of the others would pass for the whole."""
    known = list(counts)
    return None if None in known else sum(known)


def partial_path(output: Path) -> Path:
    """
    >>> partial_path(Path("birds.yaml")).name
    'birds.partial.yaml'
    """
    return output.with_name(f"{output.stem}.partial{output.suffix}")


def _write_in_place(output: Path, written: DescriptorSet, say: Say) -> None:
    """At `output`, but never less over more: what a run had so far, beside the file that has more classes described."""
    partial = partial_path(output)
    if "unanswered" not in written.provenance:
        _write(output, written)
        if "unanswered" in _read_again(partial).provenance:  # ours, and no longer of use
            with suppress(OSError):
                partial.unlink()
        return
    before, now = (len(one.classes) - len(one.empty_classes) for one in (_read_again(output), written))
    _write(partial if before > now else output, written)
    if before > now:
        say(f"{output} describes {before} classes and stays as it was; the {now} of this run so far are in {partial}")


def _read_again(path: Path) -> DescriptorSet:
    """A descriptor file of an earlier run; nothing where there is none, or none that can be read."""
    try:
        return load_descriptors(path)
    except DescriptorError:
        return DescriptorSet({}, str(path))


def _write(output: Path, written: DescriptorSet) -> None:
    try:
        write_descriptors(output, written)
    except OSError as problem:
        raise DescriptorError(f"{output} cannot be written: {problem.strerror or problem}") from problem


def _going_on(problem: Exception, questions: Sequence[Question], answered: Answered, kept_in: Path) -> str:
    if not answered:
        return str(problem)
    done = {question.key for question, _ in answered}
    rest = [question.key for question in questions if question.key not in done]
    return (
        f"{problem}; {len(done)} of {len(questions)} classes are answered and kept in {kept_in}, so the same command "
        f"goes on from there; not yet: {some(rest)}"
    )


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
