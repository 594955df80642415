"""Every hook is documented with its signature, has a test here, and is used by a built-in."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import IO, Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from bioclip_x import Classifier, ComponentSpec, hookimpl
from bioclip_x.cli import commands
from bioclip_x.cli.main import program
from bioclip_x.dataset.config import Source as SourceSettings
from bioclip_x.dataset.output.captions import caption_images, read_captions
from bioclip_x.dataset.rows.listing import get_notes, list_rows
from bioclip_x.dataset.schema import FIRST_ROW
from bioclip_x.errors import ComponentError, PluginError
from bioclip_x.hooks.capabilities import (
    DetectorCapabilities,
    EncoderCapabilities,
    ImageClassifierCapabilities,
    ImageDecoderCapabilities,
    ReportCapabilities,
)
from bioclip_x.hooks.components import KINDS, Kind, Sample
from bioclip_x.hooks.registry import Registry, create_registry
from bioclip_x.models import list_known_models
from bioclip_x.prompts.llm_prompts import PromptTemplate
from bioclip_x.recipe import Recipe
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.records import (
    HeadInput,
    KnownModel,
    Logits,
    LossInput,
    OpenedImage,
    Prompt,
    PromptSet,
    Region,
    Scores,
    Source,
    TextRequest,
)
from bioclip_x.records.taxon import Taxon
from bioclip_x.records.texts.answer import Answer
from bioclip_x.records.training import EpochEnd, RunContext, StepEnd, Validated
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.builder import from_labels
from bioclip_x.taxonomy.scoring.rollup import roll_up
from helpers import picture


def reference(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("hook_reference", root / "docs" / "hook_reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_page_is_up_to_date(request: pytest.FixtureRequest) -> None:
    module = reference(request.config.rootpath)
    page = module.OUTPUT.read_text("utf-8")
    assert page == module.reference(), "run `python docs/hook_reference.py`"
    for name in module.names():
        assert f"## `{module.signature(name)}`" in page


def test_every_hook_has_a_test_and_a_built_in_user(request: pytest.FixtureRequest) -> None:
    registry = create_registry(own={"cli": commands})
    callbacks = [registry.target("callbacks", name) for name in registry.components("callbacks")]
    for name in reference(request.config.rootpath).names():
        assert f"test_hook_{name}" in globals(), name
        users = getattr(registry.manager.hook, name).get_hookimpls()
        assert users or any(hasattr(callback, name) for callback in callbacks), f"no built-in uses {name}"


def registry_with(kind: Kind, thing: type) -> Registry:
    """A registry with a plugin that offers `thing` as the component "mine"."""
    globals()[thing.__name__] = thing

    class Plugin:
        pass

    def provide(self: object) -> list[ComponentSpec]:
        return [ComponentSpec("mine", "for a test", f"{__name__}:{thing.__name__}")]

    provide.__name__ = kind
    setattr(Plugin, kind, hookimpl(provide))
    registry = create_registry(own={"cli": commands})
    registry.register("mine", Plugin(), "a test")
    return registry


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest's import mode leaves test modules out of sys.modules; targets must be importable."""
    import sys

    module = ModuleType(__name__)
    module.__dict__.update(globals())
    monkeypatch.setitem(sys.modules, __name__, module)
    module.__getattr__ = lambda name: globals()[name]  # type: ignore[method-assign]


def test_hook_text_builders(tiny_model: str) -> None:
    class Shouting:
        def build(self, request: TextRequest) -> PromptSet:
            names = [request.taxonomy.class_taxon(c).name.upper() for c in request.classes]
            return PromptSet(tuple(Prompt(name, c, "shouting") for c, name in enumerate(names)))

    classifier = Classifier(
        tiny_model, registry=registry_with("text_builders", Shouting), labels=("a", "b"), text="mine"
    )
    assert [prompt.text for prompt in classifier.bank.prompts] == ["A", "B"]


def test_hook_models(tiny_model: str) -> None:
    """A model of a plugin has a short name, implies its encoder, and is named in outputs."""
    from bioclip_x_plugins.encoders.open_clip import OpenClip

    asked: list[tuple[str, str]] = []

    class Mine(OpenClip):
        capabilities = EncoderCapabilities()

        def load(self, model: str, *, name: str, device: str, precision: str, preprocess: str) -> Any:
            asked.append((model, name))
            return super().load(tiny_model, name=name, device=device, precision=precision, preprocess=preprocess)

    def tiny() -> KnownModel:
        return KnownModel(
            "tiny", "mine:tiny", "for a test", "", 32, 32, "squash", "MIT", "", True, None, encoder="mine"
        )

    globals()["tiny"] = tiny

    class Plugin:
        @hookimpl
        def models(self) -> list[ComponentSpec]:
            return [ComponentSpec("tiny", "for a test", f"{__name__}:tiny")]

    registry = registry_with("encoders", Mine)
    registry.register("tiny", Plugin(), "a test")
    classifier = Classifier("tiny", registry=registry, labels=("a", "b"))
    assert (classifier.recipe.model, classifier.recipe.encoder.name) == ("tiny", "mine")
    assert asked == [("mine:tiny", "tiny")] and classifier.provenance.model == "tiny"
    assert "tiny" in [model.name for model in list_known_models(registry)]
    [result] = classifier.classify(picture())
    assert result.predictions


def test_hook_encoders(tiny_model: str) -> None:
    from bioclip_x_plugins.encoders.open_clip import OpenClip

    class Renamed(OpenClip):
        def load(self, model: str, **options: Any) -> Any:
            return super().load(model.replace("mine:", "local-dir:"), **options)

    registry = registry_with("encoders", Renamed)
    model = tiny_model.replace("local-dir:", "mine:")
    [result] = Classifier(model, registry=registry, encoder="mine", labels=("a", "b")).classify(picture())
    assert result.predictions


def test_hook_classifiers() -> None:
    class Brightness:
        capabilities = ImageClassifierCapabilities(outputs="probabilities", refuses=("blank",))
        revision = "1"

        def labels(self) -> list[str]:
            return ["day", "blank"]

        def load(self, device: str) -> None:
            self.device = device

        def preprocess(self, image: Image.Image) -> torch.Tensor:
            return torch.from_numpy(np.asarray(image, np.float32) / 255).permute(2, 0, 1)

        def probabilities(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
            light_B = pixels_B3HW.mean((1, 2, 3))
            return torch.stack([light_B, 1 - light_B], 1)

    classifier = Classifier("mine", registry=registry_with("classifiers", Brightness))
    day, night = classifier.classify([Image.new("RGB", (4, 4), (level,) * 3) for level in (204, 51)])
    assert day.predictions[0].taxon.name == "day" and day.predictions[0].probability == pytest.approx(0.8)
    assert night.refused == "the model says 'blank'"


def test_hook_scorers(tiny_model: str) -> None:
    class First:
        """Always chooses the first class."""

        def logits(self, features: Any, bank: Any, card: Any, taxonomy: Taxonomy) -> Logits:
            logits_BC = torch.zeros(len(features.embeddings_BD), bank.n_classes)
            logits_BC[:, 0] = 50
            return Logits.of(logits_BC)

        def coefficients(self, embedding_D: Any, bank: Any, class_index: int) -> Any:
            return torch.zeros(len(bank.prompts[bank.of_class(class_index)])).numpy()

    registry = registry_with("scorers", First)
    [result] = Classifier(tiny_model, registry=registry, scorer="mine", labels=("a", "b")).classify(picture())
    assert result.predictions[0].taxon.name == "a"
    assert result.explanation is not None and result.explanation.rest == 50, (
        "what no prompt explains is reported separately"
    )


def test_hook_adjust_logits(tiny_model: str) -> None:
    class NeverA:
        def offsets(self, taxonomy: Taxonomy, sources: Any) -> torch.Tensor:
            names = [taxonomy.class_taxon(c).name for c in range(taxonomy.n_classes)]
            return torch.tensor([-torch.inf if name == "a" else 0.0 for name in names])

        def notes(self, taxonomy: Taxonomy) -> list[str]:
            return ["never a"]

    registry = registry_with("adjust_logits", NeverA)
    classifier = Classifier(tiny_model, registry=registry, adjust="mine", labels=("a", "b", "c"))
    [result] = classifier.classify(picture())
    assert {one.taxon.name for one in result.predictions} == {"b", "c"} and "never a" in classifier.provenance.notes
    assert sum(one.probability for one in result.predictions) == pytest.approx(1)


def test_an_adjustment_without_notes_is_refused_when_it_is_made() -> None:
    class NoNotes:
        def offsets(self, taxonomy: Taxonomy, sources: Any) -> torch.Tensor:
            return torch.zeros(taxonomy.n_classes)

    with pytest.raises(PluginError, match=r"without the method 'notes'; expected the methods .*: offsets, notes"):
        registry_with("adjust_logits", NoNotes).make("adjust_logits", "mine")


def test_hook_heads(tiny_model: str) -> None:
    class Worst:
        def decide(self, given: HeadInput) -> Scores:
            return roll_up(given.logits.map(lambda start, stop, part: -part), given.taxonomy, n_best=given.n_best)

    [best] = Classifier(tiny_model, labels=("a", "b", "c")).classify(picture())
    registry = registry_with("heads", Worst)
    [worst] = Classifier(tiny_model, registry=registry, head="mine", labels=("a", "b", "c")).classify(picture())
    assert [p.taxon.name for p in worst.predictions] == [p.taxon.name for p in best.predictions][::-1]


def test_hook_losses() -> None:
    class Nothing:
        def __call__(self, batch: LossInput) -> torch.Tensor:
            return batch.image_BD.sum() * 0

    assert type(registry_with("losses", Nothing).make("losses", "mine")).__name__ == "Nothing"


def test_hook_taxonomy_readers(tiny_model: str, tmp_path: Path) -> None:
    class Lines:
        """One name per line, in .lines files."""

        def sniff(self, path: Path, head: bytes) -> bool:
            return path.suffix == ".lines"

        def read(self, path: Path) -> Taxonomy:
            return from_labels(path.read_text().split())

    file = tmp_path / "a.lines"
    file.write_text("fox wolf")
    registry = registry_with("taxonomy_readers", Lines)
    assert Classifier(tiny_model, registry=registry, taxonomy=file).taxonomy.n_classes == 2
    assert Classifier(tiny_model, registry=registry, taxonomy=file, taxonomy_format="mine").taxonomy.n_classes == 2


def test_hook_language_models() -> None:
    class Parrot:
        def complete(self, prompt: str, *, taxon: Taxon | None, **wishes: Any) -> Answer:
            return Answer(prompt)

        def close(self) -> None:
            pass

    model = registry_with("language_models", Parrot).make("language_models", "mine")
    assert model.complete("hello", taxon=None) == Answer("hello")


def test_hook_captioners(tmp_path: Path) -> None:
    class Namer:
        provenance: Mapping[str, Any] = MappingProxyType({"model": "m", "host": "h"})

        def caption(self, image: bytes, taxon: Taxon) -> str:
            return f"A picture of\n{taxon.name}, {len(image)} bytes."

        def close(self) -> None:
            pass

    captioner = registry_with("captioners", Namer).make("captioners", "mine")
    images = iter([("a", b"12345", Taxon("species", "Parus major", ()))])
    assert caption_images(captioner, images, tmp_path / "journal", {}).captioned == 1
    assert list(read_captions(tmp_path / "journal")) == [("a", "A picture of Parus major, 5 bytes.")]


def test_hook_prompts() -> None:
    def asks(mood: str = "") -> PromptTemplate:
        return PromptTemplate(name="mine", source="me", text=f"{mood} {{name}}?")

    assert registry_with("prompts", asks).make("prompts", "mine", {"": "red"}).text == "red {name}?"


def test_hook_datasets() -> None:
    class One:
        def prepare(self, taxonomy: Taxonomy) -> list[str]:
            return []

        def __len__(self) -> int:
            return 1

        def sample(self, index: int) -> Sample:
            return Sample(self.image(index), 0)

        def name(self, index: int) -> str:
            return "one"

        def image(self, index: int) -> Image.Image:
            return picture()

    assert len(registry_with("datasets", One).make("datasets", "mine")) == 1


def test_hook_adapters() -> None:
    class OnlyScalars:
        def apply(self, encoder: Any) -> None:
            for parameter in encoder.module.parameters():
                parameter.requires_grad_(parameter.ndim == 0)

        def merge(self, encoder: Any) -> None:
            encoder.module.requires_grad_(True)

    class Model:
        module = torch.nn.Linear(2, 2)

    adapter = registry_with("adapters", OnlyScalars).make("adapters", "mine")
    adapter.apply(Model)  # type: ignore[arg-type]
    assert not any(parameter.requires_grad for parameter in Model.module.parameters())


def test_hook_reports(tiny_model: str, tmp_path: Path) -> None:
    class Names:
        capabilities = ReportCapabilities(suffixes=(".names",))

        def open(self, output: Path, provenance: Any) -> Any:
            from contextlib import contextmanager

            @contextmanager
            def writing() -> Any:
                with output.open("w") as handle:
                    yield type("Writer", (), {"write": lambda self, r: handle.write(r.source + "\n")})()

            return writing()

    picture().save(tmp_path / "p.png")
    runner = CliRunner()
    arguments = ["classify", "--model", tiny_model, "--labels", "a,b", "--format", "jsonl"]
    report = tmp_path / "out.names"
    done = runner.invoke(
        program, [*arguments, "--report", str(report), str(tmp_path / "p.png")], obj=registry_with("reports", Names)
    )
    assert done.exit_code == 0, done.output
    assert report.read_text() == f"{tmp_path}/p.png\n"


def test_hook_image_decoders(tiny_model: str, tmp_path: Path) -> None:
    """A format of a plugin is found in folders by its suffix and by its content, and its notes are on the row."""

    class Inverted:
        capabilities = ImageDecoderCapabilities(suffixes=(".inv",))

        def recognises(self, head: bytes, suffix: str) -> bool:
            return head.startswith(b"INVERTED")

        def decode(self, stream: IO[bytes]) -> OpenedImage:
            return OpenedImage(Image.frombytes("L", (4, 2), stream.read()[8:]).point(lambda v: 255 - v), ("inverted",))

    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a.inv").write_bytes(b"INVERTED" + bytes(8))
    (folder / "b").write_bytes(b"INVERTED" + bytes(8))
    (folder / "c.inv").write_bytes(b"?")
    classifier = Classifier(tiny_model, registry=registry_with("image_decoders", Inverted), labels=("a", "b"))
    a, b, c = classifier.classify(folder)
    assert [(one.notes, one.width, one.height) for one in (a, b)] == [(("inverted",), 4, 2)] * 2
    assert "not an image" in c.error
    np.testing.assert_array_equal(np.asarray(classifier.files.read(Source("b", folder / "b")).image), 255)


def test_hook_image_sources(tmp_path: Path) -> None:
    """The rows of a source are numbered and completed, and what it says of them is a note."""

    class Two:
        def revision(self) -> str:
            return "1"

        def tables(self) -> Iterator[pa.Table]:
            yield pa.table({"source_id": ["a", "b"], "image": ["a.jpg", ""], "name": ["Parus major", "Pica pica"]})

        def notes(self) -> list[str]:
            return ["two rows"]

    source = registry_with("image_sources", Two).make("image_sources", "mine")
    settings = SourceSettings.model_validate({"name": "mine", "licence": "CC0"})
    assert list_rows(source, settings, 1, tmp_path, lambda count: None) == 2
    rows = pyarrow.parquet.read_table(tmp_path / "rows-00000.parquet").to_pylist()
    assert [row["row"] for row in rows] == [FIRST_ROW, FIRST_ROW + 1] and rows[0]["licence"] == "CC0"
    assert [row["problem"] for row in rows] == ["", "the row names no image"] and get_notes(source) == ["two rows"]


def test_hook_detectors(tiny_model: str) -> None:
    """Each region is named on its own, a person is passed on, and an image without a region has one result."""

    class Halves:
        capabilities = DetectorCapabilities(passed_labels=("person",))

        def detect(self, source: Source, image: Image.Image) -> list[Region]:
            if image.getextrema() == ((255, 255),) * 3:
                return []
            return [
                Region((0, 0, 0.5, 1), "animal"),
                Region((0.5, 0, 1, 1), "person"),
                Region((0, 0, 1, 1), confidence=0.1),
            ]

    classifier = Classifier(
        tiny_model, registry=registry_with("detectors", Halves), labels=("a", "b"), detector="mine", explain=False
    )
    left, right, blank = classifier([picture(), Image.new("RGB", (8, 8), "white")])
    assert left.predictions and left.region == Region((0, 0, 0.5, 1), "animal") and left.level == "region"
    assert (right.refused, right.region_number, right.n_regions) == ("person: not named", 1, 2)
    assert (blank.refused, blank.region, blank.level) == ("nothing found", None, "image")


def test_hook_commands() -> None:
    @click.command()
    def greet() -> None:
        """Say hello."""
        click.echo("hello")

    globals()["greet"] = greet

    class Plugin:
        @hookimpl
        def commands(self) -> list[ComponentSpec]:
            return [ComponentSpec("greet", "say hello", f"{__name__}:greet")]

    registry = create_registry()
    registry.register("greeter", Plugin(), "a test")
    assert CliRunner().invoke(program, ["greet"], obj=registry).output == "hello\n"
    assert "say hello" in CliRunner().invoke(program, ["--help"], obj=registry).output


def test_hook_configure() -> None:
    class Plugin:
        @hookimpl
        def configure(self, recipe: Recipe) -> Mapping[str, Any]:
            return {"k": recipe.k + 1}

    registry = create_registry()
    registry.register("one-more", Plugin(), "a test")
    assert resolve_recipe(registry).k == 5, "a plugin that is only installed changes nothing"
    assert resolve_recipe(registry, plugins=["one-more"]).k == 6


def make_run(folder: Path) -> RunContext:
    taxonomy = from_labels(["a", "b"])
    return RunContext(None, folder, taxonomy, None, None, 0, 9, {}, lambda: None)


def make_step(folder: Path, step: int) -> StepEnd:
    return StepEnd(step, 1, 0.5, 1e-3, 14.0, 100.0, folder, {"unicl": 0.5}, 1.0, 0.1, 0.2, 1)


def test_hook_callbacks() -> None:
    """Made with its options, it is an object with training hooks."""

    class Counts:
        def __init__(self, start: int = 0) -> None:
            self.steps = start

        @hookimpl
        def training_step_ended(self, event: StepEnd, run: RunContext) -> None:
            self.steps += 1

    registry = registry_with("callbacks", Counts)
    counts: Any = registry.make("callbacks", "mine", {"": "3"})
    registry.manager.register(counts)
    registry.manager.unregister(name="jsonl-log")
    registry.notify("training_step_ended", event=make_step(Path(), 1), run=make_run(Path()))
    assert counts.steps == 4


def test_a_callback_that_fails_is_named() -> None:
    class Fails:
        @hookimpl
        def training_started(self, run: RunContext) -> None:
            raise ValueError("no curve")

    registry = registry_with("callbacks", Fails)
    registry.manager.register(registry.make("callbacks", "mine"))
    with pytest.raises(ComponentError, match=r"callback 'mine' .*failed in training_started: .*no curve"):
        registry.notify("training_started", run=make_run(Path()))


def test_hook_training_started(tmp_path: Path) -> None:
    seen: list[Path] = []

    class Plugin:
        @hookimpl
        def training_started(self, run: RunContext) -> None:
            seen.append(run.folder)

    registry = create_registry()
    registry.register("watcher", Plugin(), "a test")
    registry.notify("training_started", run=make_run(tmp_path))
    assert seen == [tmp_path]


def test_hook_training_step_ended(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    class Plugin:
        @hookimpl
        def training_step_ended(self, event: StepEnd, run: RunContext) -> None:
            seen.append((event.step, run.total_steps))

    registry = create_registry()
    registry.register("watcher", Plugin(), "a test")
    registry.notify("training_step_ended", event=make_step(tmp_path, 3), run=make_run(tmp_path))
    assert seen == [(3, 9)]
    assert (tmp_path / "log.jsonl").exists(), "the built-in log heard it too"


def test_hook_validated(tmp_path: Path) -> None:
    seen: list[float] = []

    class Plugin:
        @hookimpl
        def validated(self, event: Validated, run: RunContext) -> None:
            seen.append(event.metrics[event.metric])

    registry = create_registry()
    registry.register("watcher", Plugin(), "a test")
    event = Validated(3, 1, {"species_top1": 0.5}, "species_top1", True, 8, 1.0, tmp_path)
    registry.notify("validated", event=event, run=make_run(tmp_path))
    assert seen == [0.5]
    assert '"event": "validation"' in (tmp_path / "log.jsonl").read_text("utf-8")


def test_hook_epoch_ended(tmp_path: Path) -> None:
    class Plugin:
        @hookimpl
        def epoch_ended(self, event: EpochEnd, run: RunContext) -> bool | None:
            return event.mean_loss < 1

    registry = create_registry()
    registry.register("stopper", Plugin(), "a test")
    assert True in registry.notify("epoch_ended", event=EpochEnd(1, 0.5, tmp_path), run=make_run(tmp_path))


def test_hook_training_ended(tmp_path: Path) -> None:
    seen: list[int] = []

    class Plugin:
        @hookimpl
        def training_ended(self, run: RunContext) -> None:
            seen.append(run.step)

    registry = create_registry()
    registry.register("watcher", Plugin(), "a test")
    registry.notify("training_ended", run=make_run(tmp_path))
    assert seen == [0]


def test_every_kind_of_component_has_its_hook() -> None:
    from bioclip_x.hooks import specs

    assert all(hasattr(specs, kind) for kind in KINDS)
