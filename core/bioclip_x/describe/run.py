"""Descriptors written by a language model: questions → answers, each kept as it comes → a descriptor file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bioclip_x.components import LanguageModel
from bioclip_x.describe.answer_log import AnswerLog, Asked, Kept, log_path, open_log
from bioclip_x.describe.descriptor_file import Answered, add_curation, is_usable, make_descriptor_set, write_in_place
from bioclip_x.describe.questions import Question
from bioclip_x.describe.requests import Request, ask_all
from bioclip_x.errors import DescriptorError, LanguageModelError, NoAnswerError
from bioclip_x.messages import list_some
from bioclip_x.prompts.curation import Curated
from bioclip_x.prompts.descriptors import DescriptorSet
from bioclip_x.prompts.json_answers import SCHEMA
from bioclip_x.prompts.llm_prompts import PromptTemplate
from bioclip_x.records import Answer

Progress = Callable[[int, int], None]
Say = Callable[[str], None]


def describe(
    questions: Sequence[Question],
    template: PromptTemplate,
    model: LanguageModel,
    output: Path,
    *,
    about: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    concurrency: int = 1,
    ask_again: int = 1,
    retry_unusable: bool = False,
    curate: Callable[[DescriptorSet], Curated] | None = None,
    progress: Progress = lambda done, total: None,
    say: Say = lambda line: None,
) -> DescriptorSet:
    """Asks what has not been asked before, and writes the descriptor file at `output`.

    Answers are kept in `output` + ".answers.jsonl" as they come; the same call goes on from there. The descriptor file
    is written at the end, and also when an error or Ctrl-C ends the run early: then it has the classes answered so far,
    and names the rest in its provenance. Where `output` already describes more classes than that, it stays, and the new
    file is `described.partial_path(output)`. A run without a single answer writes none.

    about: what else its provenance shall say. notes: what the caller found odd; carried on. concurrency: requests in
    flight at once. ask_again: how often the same is asked once more where an answer is of no use. retry_unusable: ask so
    often again also where earlier runs did. curate: what is done to the descriptors before they are written; what it
    finds is told in the notes and in the provenance. say: is told where the file is, if not at `output`.

    Raises LanguageModelError where the model fails, saying how to go on, and DescriptorError where a file cannot be
    written, or where `output` is a descriptor file that did not come from such a run.
    """
    log_file = log_path(output)
    _refuse_foreign(output, log_file)
    with open_log(log_file) as log:
        run = _Run(template, model, log, questions, ask_again, retry_unusable, progress)
        try:
            failure = run.ask(concurrency)
            if failure:
                raise failure
        except LanguageModelError as problem:
            raise LanguageModelError(run.going_on(problem)) from problem
        finally:
            written = make_descriptor_set(questions, template, run.answered, output, about or {})
            written = add_curation(written, curate(written)) if curate else written
            if run.answered:
                write_in_place(output, written, say)
    return _with_notes(written, notes, log)


def _with_notes(written: DescriptorSet, notes: Sequence[str], log: AnswerLog) -> DescriptorSet:
    broken = [f"{log.path} has {log.broken} broken lines; what they answered was asked again"] if log.broken else []
    return replace(written, notes=(*notes, *broken, *written.notes))


def _refuse_foreign(output: Path, log_file: Path) -> None:
    """A descriptor file without answers beside it is somebody's work, and not ours to write over."""
    if output.exists() and not log_file.exists():
        raise DescriptorError(
            f"{output} exists and has no answers beside it ({log_file.name}), so it was not written by `describe`; "
            "give another --output, or move it away"
        )


class _Run:
    """What has been answered, from the log first, so that a run that stops early has all that is known."""

    def __init__(
        self,
        template: PromptTemplate,
        model: LanguageModel,
        log: AnswerLog,
        questions: Sequence[Question],
        ask_again: int,
        retry_unusable: bool,
        progress: Progress,
    ) -> None:
        self.template, self.model, self.log, self.questions = template, model, log, questions
        self._progress = progress
        self._left: dict[Question, int] = {}
        self.answered: Answered = {}
        for question in questions:
            kept = log.find(describe_request(question, template, model))
            tried = 0 if retry_unusable else len(kept)
            if kept:
                self.answered[question] = list(kept)
            if not kept or not (self._is_usable(question) or tried > ask_again):
                self._left[question] = 1 + ask_again - tried

    def ask(self, concurrency: int) -> NoAnswerError | None:
        self._progress(self._done, len(self.questions))
        template = self.template
        schema = SCHEMA if template.answers == "json" else None
        requests = [
            Request(question, question.prompt, question.taxon, template.temperature, template.max_tokens, schema)
            for question in self._left
        ]
        return ask_all(self.model, requests, self._take, concurrency=concurrency)

    def _take(self, question: Question, answer: Answer) -> bool:
        """Keeps an answer. Whether to ask again."""
        kept = self.log.keep(describe_request(question, self.template, self.model), answer, _now())
        self.answered.setdefault(question, []).append(kept)
        self._left[question] -= 1
        if not self._is_usable(question) and self._left[question] > 0:
            return True
        del self._left[question]
        self._progress(self._done, len(self.questions))
        return False

    def _is_usable(self, question: Question) -> bool:
        return any(is_usable(question, kept) for kept in self.answered[question])

    @property
    def _done(self) -> int:
        return len(self.questions) - len(self._left)

    def going_on(self, problem: Exception) -> str:
        """The message of a run that ended early."""
        if not self.answered:
            return str(problem)
        rest = list(dict.fromkeys(question.key for question in self.questions if question not in self.answered))
        return (
            f"{problem}; {len(self.answered)} of {len(self.questions)} questions are answered and kept in "
            f"{self.log.path}, so the same command goes on from there"
            + (f"; not yet: {list_some(rest)}" if rest else "")
        )


def describe_request(question: Question, template: PromptTemplate, model: LanguageModel) -> Asked:
    """What identifies the answers to a question."""
    settings = model.provenance
    return Asked(
        path=question.path,
        prompt_sha256=hashlib.sha256(question.prompt.encode()).hexdigest(),
        model=settings["model"],
        host=settings["host"],
        temperature=settings.get("temperature", template.temperature),
        max_tokens=settings.get("max_tokens", template.max_tokens),
        answers=template.answers,
    )


def read_stored_answers(
    questions: Sequence[Question], template: PromptTemplate, model: LanguageModel, output: Path
) -> dict[Question, Kept]:
    """The last answer that an earlier run kept beside `output` to each question; nothing is written."""
    log_file = log_path(output)
    if not log_file.exists():
        return {}
    with open_log(log_file) as log:
        found = {question: log.find(describe_request(question, template, model)) for question in questions}
    return {question: kept[-1] for question, kept in found.items() if kept}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
