"""Generates descriptors with a language model: questions → answers, each stored as it arrives → a descriptor file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bioclip_x.describe.answer_log import AnswerKey, AnswerLog, StoredAnswer, make_log_path, open_log
from bioclip_x.describe.descriptor_file import Answers, add_curation, is_usable, make_descriptor_set, write_in_place
from bioclip_x.describe.questions import Question
from bioclip_x.describe.requests import Request, ask_all
from bioclip_x.errors import DescriptorError, LanguageModelError, NoAnswerError
from bioclip_x.faults import at_hand, naming, refuse
from bioclip_x.hooks.components import LanguageModel
from bioclip_x.io.storage.journal import describe_differences
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
    resume: bool = False,
    curate: Callable[[DescriptorSet], Curated] | None = None,
    progress: Progress = lambda done, total: None,
    say: Say = lambda line: None,
) -> DescriptorSet:
    """Asks the questions without a stored answer, and writes the descriptor file `output`.

    Answers are stored in `output` + ".answers.jsonl" as they arrive, so that the same call resumes a run. The descriptor
    file is written at the end, and also when an error or Ctrl-C ends the run early: then it has the classes answered so
    far, and lists the others in its provenance. If `output` already describes more classes than that, it is kept and the
    new file is `make_partial_path(output)`. A run without any answer writes no file.

    about: further entries of its provenance. notes: the caller's notes, to be passed on. concurrency: requests in flight
    at once. ask_again: further attempts where an answer is unusable. retry_unusable: make these attempts also where
    earlier runs made them. resume: only continue an earlier run; raise DescriptorError where the stored answers are to other
    requests. curate: applied to the descriptors before they are written; its findings go to notes and
    provenance. say: receives a message where the file is not written to `output`.

    Raises LanguageModelError where the model fails, with a hint how to resume, and DescriptorError where a file cannot be
    written, or where `output` exists and was not written by such a run.
    """
    log_file = make_log_path(output)
    _check_output(output, log_file)
    with open_log(log_file) as log:
        if resume:
            _refuse_another_run(log, questions, template, model)
        run = _Run(template, model, log, questions, ask_again, retry_unusable, progress)
        try:
            failure = run.ask(concurrency)
            if failure:
                raise failure
        except LanguageModelError as error:
            raise LanguageModelError(run.add_resume_hint(error)) from error
        finally:
            descriptors = make_descriptor_set(questions, template, run.answers, output, about or {})
            descriptors = add_curation(descriptors, curate(descriptors)) if curate else descriptors
            if run.answers:
                write_in_place(output, descriptors, say)
    return _add_notes(descriptors, notes, log)


def _add_notes(descriptors: DescriptorSet, notes: Sequence[str], log: AnswerLog) -> DescriptorSet:
    broken = [f"{log.path} has {log.broken} broken lines; their questions were asked again"] if log.broken else []
    return replace(descriptors, notes=(*notes, *broken, *descriptors.notes))


def _check_output(output: Path, log_file: Path) -> None:
    """Raises DescriptorError for an existing file without stored answers, which may be written by hand."""
    if output.exists() and not log_file.exists():
        raise DescriptorError(
            f"{output} exists but its answers ({log_file.name}) do not, so it was not written by `describe`; "
            "give another --output, or move the file"
        )


def _refuse_another_run(
    log: AnswerLog, questions: Sequence[Question], template: PromptTemplate, model: LanguageModel
) -> None:
    """Raises DescriptorError where answers are stored, but none to any of the questions; says what is different."""
    keys = [make_answer_key(question, template, model) for question in questions]
    before = log.latest_key
    if before is None or any(log.find(key) for key in keys):
        return
    now = next((key for key in keys if key.path == before.path), None)
    if now is None:
        reason = f"its classes were others ({before.path[-1]!r}, for example)"
    else:
        old, new = before.model_dump(exclude={"path"}), now.model_dump(exclude={"path"})
        reason = "; ".join(describe_differences(old, new))
    raise DescriptorError(
        f"{log.path} is of another run: {reason}. Give another --output, or leave out --resume to ask again"
    )


class _Run:
    """The state of one run. answers: those in the log, then also new ones."""

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
        self._attempts_left: dict[Question, int] = {}
        self.answers: Answers = {}
        for question in questions:
            stored = log.find(make_answer_key(question, template, model))
            attempts = 0 if retry_unusable else len(stored)
            if stored:
                self.answers[question] = list(stored)
            if not stored or not (self._is_usable(question) or attempts > ask_again):
                self._attempts_left[question] = 1 + ask_again - attempts

    def ask(self, concurrency: int) -> NoAnswerError | None:
        self._progress(self._done, len(self.questions))
        template = self.template
        schema = SCHEMA if template.answers == "json" else None
        requests = [
            Request(question, question.prompt, question.taxon, template.temperature, template.max_tokens, schema)
            for question in self._attempts_left
        ]
        return ask_all(self.model, requests, self._take, concurrency=concurrency)

    def _take(self, question: Question, answer: Answer) -> bool:
        """Stores an answer. Returns whether to ask again."""
        stored = self.log.store(make_answer_key(question, self.template, self.model), answer, _format_now())
        self.answers.setdefault(question, []).append(stored)
        self._attempts_left[question] -= 1
        with at_hand(f"the answer on {question.key}"):
            is_usable_now = self._is_usable(question)
        if not is_usable_now and self._attempts_left[question] > 0:
            return True
        del self._attempts_left[question]
        self._progress(self._done, len(self.questions))
        return False

    def _is_usable(self, question: Question) -> bool:
        return any(is_usable(question, answer) for answer in self.answers[question])

    @property
    def _done(self) -> int:
        return len(self.questions) - len(self._attempts_left)

    def add_resume_hint(self, error: Exception) -> str:
        """Returns the message of a run that ended early."""
        if not self.answers:
            return str(error)
        unanswered = list(dict.fromkeys(question.key for question in self.questions if question not in self.answers))
        return (
            f"{error}; {len(self.answers)} of {len(self.questions)} questions are answered and stored in "
            f"{self.log.path}; run the same command to continue"
            + (f"; unanswered: {list_some(unanswered)}" if unanswered else "")
        )


def make_answer_key(question: Question, template: PromptTemplate, model: LanguageModel) -> AnswerKey:
    """Makes the key under which answers to a question are stored."""
    with naming(model, "provenance"):
        settings = model.provenance
    if not isinstance(settings, Mapping) or not settings.keys() >= {"model", "host"}:
        refuse(model, "provenance", "a mapping with 'model' and 'host'", settings)
    return AnswerKey(
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
) -> dict[Question, StoredAnswer]:
    """Reads the last answer to each question that an earlier run for `output` stored; nothing is written."""
    log_file = make_log_path(output)
    if not log_file.exists():
        return {}
    with open_log(log_file) as log:
        answers = {question: log.find(make_answer_key(question, template, model)) for question in questions}
    return {question: stored[-1] for question, stored in answers.items() if stored}


def _format_now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
