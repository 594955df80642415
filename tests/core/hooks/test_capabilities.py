"""Declared capabilities, and that the core refers to no component by name."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
import pytest

import bioclip_x
from bioclip_x import Classifier, ComponentSpec, hookimpl
from bioclip_x.calibration.fit import calibrate
from bioclip_x.errors import ComponentError, PluginError
from bioclip_x.evaluation.labelled_images import embed_labelled_images
from bioclip_x.faults import abbreviate
from bioclip_x.hooks.capabilities import (
    CAPABILITIES,
    DatasetCapabilities,
    EncoderCapabilities,
    HeadCapabilities,
    ImageClassifierCapabilities,
    ImageDecoderCapabilities,
    LoadedEncoderCapabilities,
    PublishedSource,
    ReportCapabilities,
    ScorerCapabilities,
    get_capabilities,
)
from bioclip_x.hooks.components import METHODS, Kind
from bioclip_x.hooks.registry import DuplicateError, Registry, create_registry
from bioclip_x.inference.calibration_store import save_calibration
from bioclip_x.records import Calibration
from bioclip_x_plugins.datasets.manifest import Manifest

HEAD = """
from bioclip_x.plugin import ComponentSpec, hookimpl, roll_up

class LikeFlat:
    def decide(self, given):
        return roll_up(given.logits, given.taxonomy, n_best=given.n_best)

@hookimpl
def heads():
    return [ComponentSpec("like-flat", "what flat does, and nothing declared", f"{__name__}:LikeFlat")]
"""
CLASSES = ("a", "b", "c", "d")


class Scored:
    """240 images with logits from a file; their labels are drawn at the temperature 2."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(0)
        logits_nC = (rng.normal(size=(240, 4)) * 4).round(4)
        shares_nC = np.exp(logits_nC / 2)
        labels = [CLASSES[rng.choice(4, p=share_C / share_C.sum())] for share_C in shares_nC]
        self.scores, self.labels, self.head = folder / "scores.csv", folder / "labels.csv", folder / "head.py"
        rows = [f"{i}.jpg,{','.join(map(str, row))}" for i, row in enumerate(logits_nC)]
        self.scores.write_text("\n".join([f"file_name,{','.join(CLASSES)}", *rows]))
        self.labels.write_text("\n".join(["path,label", *(f"{i}.jpg,{label}" for i, label in enumerate(labels))]))
        self.head.write_text(HEAD)

    def classifier(self, head: str, **fields: Any) -> Classifier:
        scorer = {"name": "external", "file": str(self.scores), "kind": "logits"}
        return Classifier(plugins=[str(self.head)], labels=CLASSES, scorer=scorer, head=head, **fields)

    def calibrated(self) -> Calibration:
        """Makes and saves a calibration with the head `flat`."""
        classifier = self.classifier("flat")
        dataset = Manifest(path=self.labels)
        list(dataset.prepare(classifier.taxonomy))
        found = calibrate(classifier, embed_labelled_images(classifier, dataset), "made", accuracies=())
        save_calibration(found)
        return found


def probabilities(classifier: Classifier) -> list[list[tuple[str, float]]]:
    return [[(one.taxon.name, one.probability) for one in result.predictions] for result in classifier.classify(None)]


def test_a_head_that_declares_nothing_keeps_the_temperature(tmp_path: Path) -> None:
    scored = Scored(tmp_path)
    found = scored.calibrated()
    assert found.temperature is not None and 1.5 < found.temperature < 2.7
    flat, like_flat = (scored.classifier(head, calibration="auto") for head in ("flat", "like-flat"))
    assert like_flat.provenance.probabilities == flat.provenance.probabilities == found.about
    assert probabilities(like_flat) == probabilities(flat)
    raw = probabilities(scored.classifier("flat"))
    assert raw[0] != probabilities(flat)[0], "the temperature changes the probabilities"
    [first, *_], [second, *_] = like_flat.classify(None), flat.classify(None)
    assert first.explanation == second.explanation, "no line for what the head did"


class Odd:
    """A component of any kind, which declares nothing and has the methods of every kind."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name not in chain.from_iterable(METHODS.values()):
            raise AttributeError(name)
        return lambda *args: None

    def __call__(self) -> None:
        """As a loss is called."""


def registry_with(kind: Kind, *specs: ComponentSpec, plugin: str = "odd", into: Registry | None = None) -> Registry:
    """A registry with a plugin that provides these components."""

    class Plugin:
        pass

    def provide(self: object) -> list[ComponentSpec]:
        return list(specs)

    provide.__name__ = kind
    setattr(Plugin, kind, hookimpl(provide))
    registry = into or create_registry()
    registry.register(plugin, Plugin(), f"{plugin} 1.0")
    return registry


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> str:
    """Where `Odd` can be imported from: pytest's import mode leaves test modules out of sys.modules."""
    monkeypatch.setitem(sys.modules, "odd_components", ModuleType("odd_components"))
    monkeypatch.setattr(sys.modules["odd_components"], "Odd", Odd, raising=False)
    return "odd_components:Odd"


@pytest.mark.parametrize("kind", CAPABILITIES)
def test_capabilities_of_a_wrong_type_are_refused(kind: Kind, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = registry_with(kind, ComponentSpec("odd", "for a test", target))
    other = ScorerCapabilities() if kind != "scorers" else HeadCapabilities()
    for value in (other, {"chooses_rank": True}, CAPABILITIES[kind], None):
        monkeypatch.setattr(Odd, "capabilities", value, raising=False)
        with pytest.raises(PluginError) as problem:
            registry.make(kind, "odd")
        for part in (registry.describe(kind, "odd"), CAPABILITIES[kind].__name__, abbreviate(value)):
            assert part in str(problem.value)
    monkeypatch.setattr(Odd, "capabilities", CAPABILITIES[kind]())
    assert type(registry.make(kind, "odd")) is Odd


def test_capabilities_that_fail_name_the_component(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object) -> HeadCapabilities:
        raise ValueError("first line\nsecond")

    monkeypatch.setattr(Odd, "capabilities", property(fail), raising=False)
    registry = registry_with("heads", ComponentSpec("odd", "for a test", target))
    with pytest.raises(ComponentError) as raised:
        registry.make("heads", "odd")
    assert str(raised.value) == (
        "the head 'odd' of plugin 'odd' (odd 1.0) failed in its attribute 'capabilities': ValueError: first line"
    )


def test_an_attribute_error_within_capabilities_is_no_lack_of_them() -> None:
    class Misspelt:
        @property
        def capabilities(self) -> HeadCapabilities:
            return self.declard  # type: ignore[attr-defined,no-any-return]

    with pytest.raises(
        ComponentError, match=r"Misspelt failed in its attribute 'capabilities': AttributeError: .*declard"
    ):
        get_capabilities(Misspelt(), HeadCapabilities)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            ReportCapabilities(suffixes=".foo"),  # type: ignore[arg-type]
            "expected a tuple of texts, such as ('a', 'b'), got ReportCapabilities(suffixes='.foo')",
        ),
        (
            ImageDecoderCapabilities(suffixes=(".a", "b")),
            "expected suffixes that begin with a dot, such as ('.csv',), got ",
        ),
        (EncoderCapabilities(preprocess="model"), "got EncoderCapabilities(preprocess='model')"),  # type: ignore[arg-type]
        (DatasetCapabilities(reads=None), "got DatasetCapabilities(reads=None)"),  # type: ignore[arg-type]
        (DatasetCapabilities(published=PublishedSource("", "", "", "a.csv")), "got PublishedSource(files='a.csv')"),  # type: ignore[arg-type]
        (ImageClassifierCapabilities(refuses=(3,)), "got ImageClassifierCapabilities(refuses=(3,))"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_tuple_of_texts_is_refused(declared: Any, message: str) -> None:
    class Declares:
        capabilities = declared

    with pytest.raises(PluginError) as problem:
        get_capabilities(Declares(), type(declared))
    assert "Declares: its attribute 'capabilities': expected " in str(problem.value) and message in str(problem.value)


def test_a_loaded_models_capabilities_of_a_wrong_type_are_refused() -> None:
    class Loaded:
        capabilities = "no patches"

    with pytest.raises(
        PluginError, match=r"Loaded: expected its attribute 'capabilities' .* LoadedEncoderCapabilities"
    ):
        get_capabilities(Loaded(), LoadedEncoderCapabilities)


@pytest.mark.parametrize("record", [*CAPABILITIES.values(), LoadedEncoderCapabilities])
def test_a_component_that_declares_nothing_has_the_defaults(record: type) -> None:
    assert get_capabilities(object(), record) == record()
    assert get_capabilities(Odd(), record) == get_capabilities(Odd, record) == record()


def test_capabilities_may_depend_on_options() -> None:
    registry = create_registry()
    assert get_capabilities(registry.make("heads", "rollup"), HeadCapabilities).is_softmax
    assert not get_capabilities(registry.make("heads", "rollup", {"size_prior": "family"}), HeadCapabilities).is_softmax


DEFAULTS: Final = [
    (("heads", {"default": True}), "two plugins provide the default head where a recipe names none: 'flat' of builtin"),
    (("heads", {"default_for": ("rank",)}), "two plugins provide the default head for rank: 'rollup' of builtin"),
    (("heads", {"default_for": ("season", "depth")}), "two plugins provide the default head for depth: 'hedge' of builtin"),
    (("models", {"default": True}), "where a recipe names none: 'field-guide' of field-guide"),
    (("losses", {"default": True}), "two plugins provide the default loss where a recipe names none: 'unicl' of builtin"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), DEFAULTS)
def test_a_second_default_is_refused_naming_both(given: tuple[Kind, dict[str, Any]], message: str, target: str) -> None:
    kind, defaults = given
    registry = create_registry()
    before = registry.components(kind)
    with pytest.raises(DuplicateError) as problem:
        registry_with(kind, ComponentSpec("mine", "for a test", target, **defaults), plugin="mine", into=registry)
    assert message in str(problem.value) and str(problem.value).endswith("and 'mine' of mine (mine 1.0)")
    assert registry.components(kind) == before and "mine" not in registry.plugins, "nothing of it is left"


def test_two_third_parties_with_a_default_for_one_setting(target: str) -> None:
    first = registry_with("heads", ComponentSpec("one", "", target, default_for=("season",)), plugin="first")
    assert first.default("heads", "season") == "one" and first.defaults("heads")["season"] == "one"
    with pytest.raises(
        DuplicateError,
        match=r"default head for season: 'one' of first \(first 1.0\) and 'two' of second \(second 1.0\)",
    ):
        registry_with("heads", ComponentSpec("two", "", target, default_for=("season",)), plugin="second", into=first)


def test_one_plugin_with_two_defaults_of_one_kind_is_refused(target: str) -> None:
    specs = [ComponentSpec(name, "", target, default_for=("season",)) for name in ("one", "two")]
    registry = create_registry()
    with pytest.raises(DuplicateError, match=r"default head for season: 'one' of odd \(odd 1.0\) and 'two' of odd"):
        registry_with("heads", *specs, into=registry)
    assert not {"one", "two"} & registry.components("heads").keys()


def test_the_plugins_declare_the_defaults() -> None:
    registry = create_registry()
    assert (registry.default("heads"), registry.default("heads", "rank")) == ("flat", "rollup")
    assert registry.default("heads", "no such setting") is None
    assert registry.defaults("heads") == {"rank": "rollup", "depth": "hedge"}
    bare = create_registry(only=["rollup"])
    assert bare.default("heads") is None and bare.defaults("heads") == {}
    with pytest.raises(PluginError, match=r"no loaded plugin declares a default head; name one \(known: none\)"):
        bare.required_default("heads")


CORE: Final = Path(bioclip_x.__file__).parent
BUILT_IN: Final[tuple[Kind, ...]] = (
    "models", "heads", "scorers", "encoders", "adjust_logits", "taxonomy_readers", "datasets", "losses", "language_models",
)  # fmt: skip
"""Kinds whose names are no English words but for those below. Names of text builders and reports are (common, table)."""
OTHERWISE: Final = {
    "text": "a field of the recipe, and a column of outputs",
    "bins": "the flag --bins, for which a plugin declares its reader (`default_for`)",
    "csv": "a format that the core writes itself",
    "parquet": "a format that the core writes itself",
    "yaml": "a format that the core writes itself",
    "newick": "a format that the core writes itself",
    "linear": "a shape in which the learning rate falls",
    "country": "what is known of an image: the country where it was taken",
}
"""Names that are words with another meaning in the core, which is not told from a component's."""
DEFAULT_WORDS: Final = {
    "table": "the choices of --format in commands that make no use of reports",
    "common": "what a prompt for a language model calls a class: its common or its scientific name",
    "linear": "a shape in which the learning rate falls",
}
"""The same, where they stand as a default."""
TEXTS: Final = ("help", "description", "metavar")
"""Arguments that are read by people."""


def code_constants(tree: ast.AST) -> Iterator[ast.Constant]:
    """The strings of a module that are no docstring, no help text and no part of a message."""
    prose = {
        id(inner)
        for node in ast.walk(tree)
        for part in (
            [node.value] if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            else [node.value] if isinstance(node, ast.keyword) and node.arg in TEXTS
            else [node] if isinstance(node, ast.JoinedStr)
            else []
        )
        for inner in ast.walk(part)
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node


def default_constants(tree: ast.AST) -> Iterator[ast.expr]:
    """What stands where defaults stand: of parameters, of fields, after `or`, in `get` and `getattr`, in `default=`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments):
            yield from (*node.defaults, *filter(None, node.kw_defaults))
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield node.value
        elif isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
            yield from node.values[1:]
        elif isinstance(node, ast.keyword) and node.arg in ("default", "name"):
            yield node.value
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called == "Field":
                yield from node.args[:1]
            elif called in ("get", "getattr", "setdefault", "make", "ComponentRef"):
                yield from node.args[1:]


def modules() -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(CORE.rglob("*.py")):
        if "template" in path.parts:  # a plugin of somebody else
            continue
        yield path.relative_to(CORE).as_posix(), ast.parse(path.read_text("utf-8"))


def built_in_names(kinds: tuple[Kind, ...]) -> set[str]:
    registry = create_registry()
    mine = {name for name, origin in registry.plugins.items() if origin.startswith("bioclip-x ")}
    return {name for kind in kinds for name, one in registry.components(kind).items() if one.plugin in mine}


def test_the_core_names_no_built_in_component() -> None:
    names = built_in_names(BUILT_IN)
    assert {"flat", "rollup", "hedge", "external", "open_clip", "tree-of-life", "unicl", "field-guide"} <= names
    assert set(OTHERWISE) <= names, "what is no component's name needs no exception"
    found = [
        f"{module}:{constant.lineno}: {constant.value!r}"
        for module, tree in modules()
        for constant in code_constants(tree)
        if constant.value in names - set(OTHERWISE)
    ]
    assert not found, "a component is named in the core; have its spec declare `default` or `default_for`"


def test_no_built_in_component_is_a_default_in_the_core() -> None:
    """Of all kinds, those included whose names are words with another meaning."""
    names = built_in_names((*BUILT_IN, "text_builders", "prompts", "reports"))
    assert set(OTHERWISE) | set(DEFAULT_WORDS) <= names
    found = [
        f"{module}:{node.lineno}: {node.value!r}"
        for module, tree in modules()
        for node in default_constants(tree)
        if isinstance(node, ast.Constant) and node.value in names - set(DEFAULT_WORDS)
    ]
    assert not found, "a component is the default in the core; have its spec declare `default`"


@pytest.mark.parametrize(
    "code",
    [
        'head = registry.make("heads", "flat")',
        'def classify(head="flat"): ...',
        'class Recipe:\n    head: Ref = Field("flat", description="a head")',
        'head = head or "flat"',
        'head = options.get("head", "flat")',
        'ComponentRef(name="flat")',
    ],
)
def test_what_the_two_tests_above_would_find(code: str) -> None:
    tree = ast.parse(code)
    assert "flat" in [constant.value for constant in code_constants(tree)]
    assert "flat" in [getattr(node, "value", None) for node in default_constants(tree)]


def test_what_the_tests_above_leave_to_people() -> None:
    tree = ast.parse('"""flat"""\noption(help="flat")\nraise Error(f"flat {x}")\nx: int\n"""flat"""\n')
    assert not list(code_constants(tree))
