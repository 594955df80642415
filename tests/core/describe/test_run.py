"""Questions, the answers kept on disk, and the descriptor file that comes of them."""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.describe.answer_log import AnswerKey, AnswerLog, make_log_path, open_log
from bioclip_x.describe.descriptor_file import make_partial_path
from bioclip_x.describe.questions import Question, make_questions
from bioclip_x.describe.run import describe
from bioclip_x.errors import ComponentError, DescriptorError, LanguageModelError
from bioclip_x.prompts import Descriptor, DescriptorSet, load_descriptors
from bioclip_x.prompts.llm_prompts import PromptTemplate, load_template
from bioclip_x.records import Answer
from bioclip_x.records.taxon import Taxon
from bioclip_x.taxonomy import Details, TaxonomyBuilder
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.names.resolver import Resolver

LABELS = ("hen", "red fox", "fly agaric")


class Model:
    """Answers `- trait of PROMPT`, or what `says` has for the prompt; an exception in there is raised."""

    def __init__(self, says: Mapping[str, Any] | None = None, **provenance: Any) -> None:
        self.says = dict(says or {})
        self.provenance = {"model": "m", "host": "here"} | provenance
        self.asked: list[str] = []
        self.taxa: list[Taxon | None] = []

    def complete(self, prompt: str, *, taxon: Taxon | None, **wishes: Any) -> Answer:
        self.asked.append(prompt)
        self.taxa.append(taxon)
        answer = self.says.get(prompt, f"- trait of {prompt}")
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, Answer) else Answer(answer, "stop", 7, 5)

    def close(self) -> None:
        pass


@pytest.fixture
def template() -> PromptTemplate:
    return PromptTemplate(name="short", source="tests", text="{name}", temperature=0.5, max_tokens=9)


def asked_of(template: PromptTemplate, labels: tuple[str, ...] = LABELS) -> tuple[Question, ...]:
    return make_questions(from_labels(labels), template)[0]


def run(
    template: PromptTemplate, model: Model, output: Path, labels: tuple[str, ...] = LABELS, **options: Any
) -> DescriptorSet:
    return describe(asked_of(template, labels), template, model, output, **options)


def test_questions_call_a_class_by_common_or_scientific_name(template: PromptTemplate) -> None:
    builder = TaxonomyBuilder()
    lineage = [("family", "Paridae"), ("species", "Parus major")]
    builder.add_lineage(lineage, Details(common_names={"en": ("great tit",), "de": ("Kohlmeise",)}))
    builder.add_lineage([("family", "Paridae"), ("species", "Parus minor")])
    tree = builder.build()
    asked, notes = make_questions(tree, template, language="de")
    assert [(q.key, q.prompt, q.path) for q in asked] == [
        ("Parus major", "Kohlmeise", ("Paridae", "Parus major")),
        ("Parus minor", "Parus minor", ("Paridae", "Parus minor")),
    ]
    assert notes == ("1 of 2 classes have no common name in language 'de'; prompts use their scientific name",)
    asked, notes = make_questions(tree, template, called_by="scientific")
    assert ([q.prompt for q in asked], notes) == (["Parus major", "Parus minor"], ())


def test_homonyms_get_their_paths_as_keys_which_the_resolver_reads(template: PromptTemplate) -> None:
    builder = TaxonomyBuilder()
    for kingdom in ("Animalia", "Plantae"):
        builder.add_lineage([("kingdom", kingdom), ("genus", "Morus")])
    tree = builder.build()
    text = template.model_copy(update={"text": "{name} ({scientific_name}) of {lineage}"})
    asked, _ = make_questions(tree, text)
    assert [q.key for q in asked] == ["Animalia; Morus", "Plantae; Morus"]
    assert asked[1].prompt == "Morus (Morus) of Plantae"
    assert all(Resolver(tree).find(q.key).found for q in asked)


def test_answers_become_a_descriptor_file_with_its_provenance(template: PromptTemplate, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    output = tmp_path / "new" / "d.yaml"
    written = describe(
        asked_of(template), template, Model(), output, about={"language": "en"}, notes=["odd"],
        progress=lambda done, total: steps.append((done, total)),
    )  # fmt: skip
    read = load_descriptors(output)
    assert read.classes == written.classes == {label: (Descriptor(f"trait of {label}"),) for label in LABELS}
    about = dict(read.provenance)
    assert about.pop("date") <= "9999" and about.pop("tool").startswith("bioclip-x ")
    assert about == {
        "model": "m", "host": "here", "prompt": "short", "prompt_source": "tests", "prompt_sha256": template.sha256,
        "temperature": 0.5, "max_tokens": 9, "tokens": {"prompt": 21, "completion": 15}, "language": "en",
    }  # fmt: skip
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert written.notes == ("odd",)


def test_the_model_is_told_the_taxon_of_each_question(template: PromptTemplate, tmp_path: Path) -> None:
    model = Model()
    run(template, model, tmp_path / "d.yaml")
    tree = from_labels(LABELS)
    assert model.taxa == [tree.taxon(int(node)) for node in tree.leaf_node_C]


def test_what_was_asked_is_not_asked_again(template: PromptTemplate, tmp_path: Path) -> None:
    output = tmp_path / "d.yaml"
    run(template, Model(), output)
    first = output.read_text("utf-8")
    again = Model()
    run(template, again, output)
    assert (again.asked, output.read_text("utf-8")) == ([], first)
    more = Model()
    assert list(run(template, more, output, ("owl", *LABELS)).classes) == ["owl", *LABELS]
    assert more.asked == ["owl"]


@pytest.mark.parametrize(
    ("name", "value"), [("model", "n"), ("host", "there"), ("temperature", 1.0), ("max_tokens", 90)]
)
def test_another_model_or_setting_is_asked_anew(
    template: PromptTemplate, tmp_path: Path, name: str, value: Any
) -> None:
    output = tmp_path / "d.yaml"
    run(template, Model(), output)
    other = Model(**{name: value})
    written = run(template, other, output)
    assert len(other.asked) == 3
    assert written.provenance[name] == value
    back = Model()
    run(template, back, output)
    assert back.asked == []


def test_unusable_answers_are_empty_classes_counted_and_named(template: PromptTemplate, tmp_path: Path) -> None:
    says = {"hen": "I cannot help with that.", "red fox": Answer("- a bushy tail\n- poin", "length")}
    written = run(template, Model(says), tmp_path / "d.yaml", ask_again=0)
    read = load_descriptors(tmp_path / "d.yaml")
    assert read.empty_classes == ("hen",)
    assert read.classes["red fox"] == (Descriptor("a bushy tail"),)
    assert read.provenance["unusable"] == {"hen": "prose instead of a list"}
    assert read.provenance["tokens"] == {"prompt": None, "completion": None}
    assert "1 of 3 answers are unusable and their classes empty: hen (prose instead of a list)" in written.notes[0]


def test_unusable_answers_are_asked_again_on_request_only(template: PromptTemplate, tmp_path: Path) -> None:
    output = tmp_path / "d.yaml"
    model = Model({"hen": "I cannot help with that.", "owl": ""})
    first = run(template, model, output, (*LABELS, "owl"))
    assert model.asked == ["hen", "hen", "red fox", "fly agaric", "owl", "owl"]
    assert first.provenance["tokens"] == {"prompt": 6 * 7, "completion": 6 * 5}
    assert "add --retry-unusable" in first.notes[0]
    again = Model()
    run(template, again, output, (*LABELS, "owl"))
    assert again.asked == []
    written = run(template, again, output, (*LABELS, "owl"), retry_unusable=True)
    assert again.asked == ["hen", "owl"]
    assert written.empty_classes == () and "unusable" not in written.provenance
    assert run(template, again, output, (*LABELS, "owl")).classes == written.classes
    assert again.asked == ["hen", "owl"]


def test_an_answer_of_no_use_is_asked_for_again_and_the_next_run_goes_on_counting(
    template: PromptTemplate, tmp_path: Path
) -> None:
    output = tmp_path / "d.yaml"
    with pytest.raises(LanguageModelError):
        run(template, Model({"red fox": LanguageModelError("down"), "hen": ""}), output, ask_again=0)
    model = Model({"hen": ""})
    run(template, model, output, ask_again=2)
    assert model.asked == ["hen", "hen", "red fox", "fly agaric"]


@pytest.mark.parametrize("end", [LanguageModelError("the server is down"), KeyboardInterrupt(), RuntimeError("a bug")])
def test_a_run_that_ends_early_writes_what_it_has_and_goes_on(
    template: PromptTemplate, tmp_path: Path, end: BaseException
) -> None:
    output = tmp_path / "d.yaml"
    raised = ComponentError if isinstance(end, RuntimeError) else type(end)
    with pytest.raises(raised) as problem:
        run(template, Model({"red fox": end}), output)
    read = load_descriptors(output)
    assert list(read.classes) == ["hen"]
    assert read.provenance["unanswered"] == ["red fox", "fly agaric"]
    if isinstance(end, LanguageModelError):
        assert "the server is down; 1 of 3 questions are answered" in str(problem.value)
        assert str(problem.value).endswith("unanswered: red fox, fly agaric")
    again = Model()
    run(template, again, output)
    assert again.asked == ["red fox", "fly agaric"]
    assert "unanswered" not in load_descriptors(output).provenance


@pytest.mark.parametrize("end", [LanguageModelError("the server is down"), KeyboardInterrupt()])
def test_a_run_that_ends_early_leaves_a_fuller_file_in_place(
    template: PromptTemplate, tmp_path: Path, end: BaseException
) -> None:
    output, messages = tmp_path / "d.yaml", []
    run(template, Model(), output)
    before = output.read_bytes()
    with pytest.raises(type(end)):
        run(template, Model({"fly agaric": end}, model="n"), output, say=messages.append)
    assert output.read_bytes() == before
    assert list(load_descriptors(make_partial_path(output)).classes) == ["hen", "red fox"]
    assert messages == [
        f"{output} describes 3 classes and is kept; what is described so far, 2 classes, is in {tmp_path / 'd.partial.yaml'}"
    ]
    run(template, Model(model="n"), output, say=messages.append)
    assert load_descriptors(output).provenance["model"] == "n"
    assert not make_partial_path(output).exists() and len(messages) == 1


def test_a_file_that_only_looks_like_a_partial_one_stays(template: PromptTemplate, tmp_path: Path) -> None:
    output = tmp_path / "d.yaml"
    make_partial_path(output).write_text("hen: [by hand]", "utf-8")
    run(template, Model(), output)
    assert make_partial_path(output).read_text("utf-8") == "hen: [by hand]"


def test_a_run_without_an_answer_leaves_nothing(template: PromptTemplate, tmp_path: Path) -> None:
    with pytest.raises(LanguageModelError):
        run(template, Model({"hen": LanguageModelError("no")}), tmp_path / "d.yaml")
    assert list(tmp_path.iterdir()) == []


def test_half_a_line_is_asked_again(template: PromptTemplate, tmp_path: Path) -> None:
    output = tmp_path / "d.yaml"
    run(template, Model(), output)
    log = make_log_path(output)
    log.write_bytes(log.read_bytes()[:-20])
    for asked, broken in ((["fly agaric"], 1), ([], 1)):
        model = Model()
        written = run(template, model, output)
        assert model.asked == asked
        assert f"{broken} broken lines" in written.notes[0]


def test_a_file_from_elsewhere_is_not_overwritten(template: PromptTemplate, tmp_path: Path) -> None:
    output = tmp_path / "d.yaml"
    output.write_text("by hand", "utf-8")
    model = Model()
    with pytest.raises(DescriptorError, match="was not written by `describe`"):
        run(template, model, output)
    assert (model.asked, output.read_text("utf-8")) == ([], "by hand")


def test_a_place_that_cannot_be_written_is_told_before_asking(template: PromptTemplate, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    model = Model()
    with pytest.raises(DescriptorError, match="cannot be written"):
        run(template, model, tmp_path / "file" / "d.yaml")
    assert model.asked == []


def test_a_full_disk_is_told(template: PromptTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    output = tmp_path / "d.yaml"
    run(template, Model(), output, ("hen",))
    before = output.read_text("utf-8")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DescriptorError, match="cannot be written: No space left"):
        run(template, Model(), output)
    assert output.read_text("utf-8") == before


def test_the_log_is_one_json_object_a_line(template: PromptTemplate, tmp_path: Path) -> None:
    run(template, Model({"hen": "- a\u2028b\n- c"}), tmp_path / "d.yaml")
    lines = make_log_path(tmp_path / "d.yaml").read_bytes().splitlines()
    assert json.loads(lines[0])["asked"]["path"] == ["hen"]
    with open_log(make_log_path(tmp_path / "d.yaml")) as log:
        assert log.broken == 0


def test_a_disk_that_takes_a_line_in_parts_gets_it_whole(tmp_path: Path) -> None:
    class Stingy(io.FileIO):
        def write(self, raw: Any) -> int:
            return super().write(bytes(raw)[:10])

    asked = AnswerKey(path=("hen",), prompt_sha256="0", model="m", host="h", temperature=None, max_tokens=None)
    path = tmp_path / "log"
    with Stingy(str(path), "ab") as handle:
        AnswerLog(path, handle, {}, 0).store(asked, Answer("- a red comb"), "2025-01-01")
    with open_log(path) as log:
        assert log.broken == 0 and len(log.find(asked)) == 1


def test_an_empty_log_is_closed_before_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[Path] = []

    def unlink(path: Path) -> None:
        with pytest.raises(ValueError, match="closed file"):
            log.sync()
        gone.append(path)

    with open_log(tmp_path / "log") as log:
        monkeypatch.setattr(Path, "unlink", unlink)
    assert gone == [tmp_path / "log"]


def test_the_published_prompt_through_the_whole(tmp_path: Path) -> None:
    cbd = load_template("cbd")
    asked = asked_of(cbd, ("hen",))
    answer = " a red comb\n- two legs\n\nQ: What are useful features for distinguishing a fork in"
    model = Model({asked[0].prompt: answer})
    written = describe(asked, cbd, model, tmp_path / "d.yaml")
    assert [d.phrase for d in written.classes["hen"]] == ["a red comb", "two legs"]


def test_drives_that_cannot_sync(template: PromptTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CIFS and exFAT: the answers are written all the same."""

    def refuse(descriptor: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("os.fsync", refuse)
    with open_log(tmp_path / "d.yaml.answers.jsonl") as log:
        log.sync()
        log.store(key("a"), Answer("- a trait", "stop", 7, 5), "2026-01-01")
    with open_log(tmp_path / "d.yaml.answers.jsonl") as log:
        assert len(log.find(key("a"))) == 1


def key(name: str) -> AnswerKey:
    return AnswerKey(path=(name,), prompt_sha256="0", model="m", host="here", temperature=0.5, max_tokens=9)


def test_resume_refuses_another_run(template: PromptTemplate, tmp_path: Path) -> None:
    output = tmp_path / "d.yaml"
    run(template, Model(), output, resume=True)
    before = output.read_bytes()
    model = Model()
    run(template, model, output, resume=True)  # complete
    assert model.asked == [] and output.read_bytes() == before
    for other, labels, message in [
        (Model(model="n"), LABELS, "model was 'm' and is 'n'"),
        (Model(), ("wolf",), "its classes were others"),
    ]:
        with pytest.raises(DescriptorError, match=message):
            run(template, other, output, labels, resume=True)
    with pytest.raises(DescriptorError, match="prompt_sha256 was"):
        run(template.model_copy(update={"text": "a {name}"}), Model(), output, resume=True)
    assert output.read_bytes() == before
