"""A component of each hook that fails, or returns something wrong, in the command that uses it: one line says which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from bioclip_x.cli.main import main
from bioclip_x.hooks import specs
from helpers import picture

PLUGIN: Final = '''
"""A component that does as a built-in one, but for one method."""
import numpy as np, torch
from bioclip_x.plugin import ComponentSpec, Region, create_registry, hookimpl

KIND, METHOD, GOOD, OPTIONS = {kind!r}, {method!r}, {good!r}, {options!r}

def fault(*given, **named):
    {fault}

class Other:
    """As `good`, but for one method."""
    def __init__(self, good, method):
        self._good = good
        if method:
            setattr(self, method, fault)
    def __getattr__(self, name):
        return getattr(self.__dict__["_good"], name)

class Bad:
    def __init__(self):
        self._good = create_registry().make(KIND, GOOD, OPTIONS)
    def __getattr__(self, name):
        return getattr(self.__dict__["_good"], name)
    def __call__(self, *given):
        return self._good(*given)
    def __len__(self):
        return len(self._good)

outer, _, inner = METHOD.partition(".")
setattr(Bad, outer, (lambda self, *given, **named: Other(getattr(self._good, outer)(*given, **named), inner)) if inner else
        lambda self, *given, **named: fault(*given, **named))

class Own:
    """For kinds of which no built-in component serves here."""
    def __init__(self):
        if METHOD == "its constructor":
            fault()
    @property
    def provenance(self):
        return fault() if METHOD == "provenance" else {{"model": "m", "host": "h"}}
    def complete(self, prompt, **settings):
        return fault()
    def caption(self, image, taxon):
        return fault()
    def close(self):
        return None
    def recognises(self, head, suffix):
        return fault() if METHOD == "recognises" else True
    def decode(self, stream):
        return fault()
    def detect(self, source, image):
        return fault()
    def labels(self):
        return fault() if METHOD == "labels" else ["Parus major", "Turdus merula"]
    revision = "1"
    def load(self, device):
        return fault() if METHOD == "load" else None
    def preprocess(self, image):
        return fault() if METHOD == "preprocess" else torch.zeros(3, 8, 8)
    def logits(self, pixels):
        return fault()
    @hookimpl
    def training_started(self, run):
        return fault()

def target():
    return fault()

@hookimpl(tryfirst=True)
def {kind}():
    return [ComponentSpec("bad", "", f"{{__name__}}:{target}")]
'''
HOOK: Final = """
from bioclip_x.plugin import hookimpl

def fault(*given):
    {fault}

@hookimpl
def {hook}({arguments}):
    return fault()
"""


@dataclass(frozen=True)
class Case:
    """A method of a component, and the command that calls it. target: what the spec names, in the plugin's file."""

    hook: str
    method: str
    command: str
    good: str = ""
    target: str = "Bad"


CASES: Final = [
    Case("text_builders", "build", "classify --text bad", "scientific"),
    Case("models", "its constructor", "models", target="target"),
    Case("encoders", "load", "classify --encoder bad", "open_clip"),
    Case("encoders", "load.preprocess", "classify --encoder bad", "open_clip"),
    Case("encoders", "load.encode_images", "classify --encoder bad", "open_clip"),
    Case("encoders", "load.encode_images", "embed --encoder bad", "open_clip"),
    Case("encoders", "load.encode_texts", "classify --encoder bad", "open_clip"),
    Case("encoders", "load.count_tokens", "classify --encoder bad", "open_clip"),
    Case("encoders", "load", "embed --encoder bad", "open_clip"),
    Case("encoders", "load", "evaluate --encoder bad", "open_clip"),
    Case("encoders", "load", "calibrate --encoder bad", "open_clip"),
    Case("encoders", "load", "explain --encoder bad", "open_clip"),
    Case("encoders", "known_models", "models", "open_clip"),
    Case("encoders", "trainable", "train encoder", "open_clip"),
    Case("classifiers", "labels", "classify --model bad", target="Own"),
    Case("classifiers", "load", "classify --model bad", target="Own"),
    Case("classifiers", "preprocess", "classify --model bad", target="Own"),
    Case("classifiers", "logits", "classify --model bad", target="Own"),
    Case("scorers", "logits", "classify --scorer bad", "text"),
    Case("scorers", "coefficients", "classify --explain --scorer bad", "text"),
    Case("adjust_logits", "offsets", "classify --adjust bad", "species-list"),
    Case("adjust_logits", "notes", "classify --adjust bad", "species-list"),
    Case("heads", "decide", "classify --head bad", "flat"),
    Case("heads", "decide", "evaluate --head bad", "flat"),
    Case("losses", "__call__", "train loss", "clip"),
    Case("losses", "prepare", "train loss", "hxe"),
    Case("taxonomy_readers", "read", "taxonomy list --taxonomy-format bad", "csv"),
    Case("taxonomy_readers", "sniff", "taxonomy list", "csv"),
    Case("language_models", "complete", "describe --llm bad", target="Own"),
    Case("language_models", "provenance", "describe --llm bad", target="Own"),
    Case("prompts", "its constructor", "describe --llm good --prompt bad", target="target"),
    Case("datasets", "prepare", "evaluate bad", "image-folder"),
    Case("datasets", "__len__", "evaluate bad", "image-folder"),
    Case("datasets", "sample", "evaluate bad", "image-folder"),
    Case("datasets", "name", "evaluate bad", "image-folder"),
    Case("datasets", "image", "evaluate bad", "image-folder"),
    Case("datasets", "prepare", "train data", "image-folder"),
    Case("datasets", "sample", "train data", "image-folder"),
    Case("datasets", "prepare", "calibrate bad", "image-folder"),
    Case("image_sources", "revision", "dataset bad", "folder"),
    Case("image_sources", "tables", "dataset bad", "folder"),
    Case("image_sources", "notes", "dataset bad", "folder"),
    Case("captioners", "caption", "dataset captions", target="Own"),
    Case("captioners", "provenance", "dataset captions", target="Own"),
    Case("image_decoders", "recognises", "classify", target="Own"),
    Case("image_decoders", "decode", "classify", target="Own"),
    Case("detectors", "detect", "classify --detector bad", target="Own"),
    Case("reports", "open", "classify --format bad", "csv"),
    Case("commands", "its command", "bad", target="command"),
    Case("adapters", "apply", "train adapter", "lora"),
    Case("callbacks", "training_started", "train callbacks", target="Own"),
]  # fmt: skip
"""Every hook that registers components, in the commands that use them."""


@pytest.fixture
def call(
    tmp_path: Path, tiny_model: str, birds_csv: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs one of the commands of CASES with a plugin; returns its status and outputs."""
    photos = tmp_path / "photos"
    for name in ("Parus_major", "Turdus_merula"):
        (photos / name).mkdir(parents=True)
        for number in range(4):
            picture(number + len(name)).save(photos / name / f"{number}.png")
    model = ("--model", tiny_model, "--taxonomy", birds_csv)
    image = photos / "Parus_major" / "0.png"

    def make_arguments(command: str, plugin: Path) -> list[Any]:
        name, *flags = command.split()
        if name == "dataset":
            has_captions = flags == ["captions"]
            fields = {
                "sources": [{"name": "folder", "path": str(photos)} if has_captions else flags[0]],
                **({"captions": "bad"} if has_captions else {}),
                "taxonomies": [str(birds_csv)],
                "plugins": [str(plugin)],
                "output": "built",
            }
            (tmp_path / "built.yaml").write_text(yaml.safe_dump(fields), "utf-8")
            return ["dataset", "build", tmp_path / "built.yaml"]
        if name == "train":
            return ["train", _write_config(tmp_path, tiny_model, flags[0] if flags else ""), "--plugin", plugin]
        data = flags.pop(0) if flags and not flags[0].startswith("-") and name != "taxonomy" else photos
        given: Mapping[str, list[Any]] = {
            "classify": ["classify", image, *model, "--format", "csv"],
            "embed": ["embed", image, "--model", tiny_model, "--format", "csv"],
            "evaluate": ["evaluate", data, *model],
            "calibrate": ["calibrate", data, *model, "--output", tmp_path / "c.json"],
            "explain": ["explain", data, *model],
            "taxonomy": ["taxonomy", "list", birds_csv],
            "describe": ["describe", birds_csv, "--output", tmp_path / "d.yaml"],
        }
        flags = [flag for flag in flags if flag != "list"]
        if name == "describe" and "good" in flags:
            flags[flags.index("good")] = "openai:model=m"
        return [*given.get(name, [name]), *flags, "--plugin", plugin]

    def run(command: str, plugin: Path, *more: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as done:
            main([str(one) for one in [*make_arguments(command, plugin), *more]])
        out, err = capsys.readouterr()
        return int(done.value.code or 0), out, err

    return run


def _write_config(folder: Path, model: str, field: str) -> Path:
    fields: dict[str, Any] = {
        "model": model, "taxonomy": "birds.csv", "text": ["scientific"], "data": {"name": "image-folder", "path": "photos"},
        "epochs": 1, "batch_size": 4, "learning_rate": 0.001, "warmup_steps": 0, "precision": "fp32", "device": "cpu",
        "workers": 1, "output": "run",
    }  # fmt: skip
    if field:
        fields[field] = ["bad"] if field == "callbacks" else "bad"
    (folder / "train.yaml").write_text(yaml.safe_dump(fields), "utf-8")
    return folder / "train.yaml"


def write_plugin(folder: Path, case: Case, fault: str) -> Path:
    photos = {"path": str(folder / "photos")}
    options = {"image-folder": photos, "folder": photos, "species-list": {"file": str(folder / "birds.csv")}}
    if case.hook == "commands":
        return write_command(folder, fault)
    text = PLUGIN.format(
        kind=case.hook, method=case.method, good=case.good, options=options.get(case.good, {}), fault=fault, target=case.target
    )  # fmt: skip
    (folder / "plug.py").write_text(text, "utf-8")
    return folder / "plug.py"


def write_command(folder: Path, fault: str) -> Path:
    (folder / "plug.py").write_text(
        "import click\nfrom bioclip_x.plugin import ComponentSpec, hookimpl\n"
        f"@click.command()\n@click.option('--loud', is_flag=True)\ndef command(loud):\n    {fault}\n"
        "@hookimpl\ndef commands():\n    return [ComponentSpec('bad', 'fails', f'{__name__}:command')]\n"
    )
    return folder / "plug.py"


def name_case(case: Case) -> str:
    return f"{case.hook}-{case.method}-{case.command.split()[0]}"


def find_statuses(case: Case) -> tuple[int, ...]:
    """Returns the exit statuses of a command whose component fails; `models` goes on with the others."""
    return (0,) if case.command == "models" else (1, 2)


def find_line(out: str, err: str, text: str) -> str:
    """Returns the only line of the outputs that has a text."""
    [line] = {line for line in (out + err).splitlines() if text in line}
    return line


def test_the_cases_cover_every_hook() -> None:
    hooks = {name for name, value in vars(specs).items() if hasattr(value, "bioclip_x_spec")}
    assert {case.hook for case in CASES} | {"configure", *specs.TRAINING_HOOKS} == hooks


@pytest.mark.parametrize("case", CASES, ids=name_case)
def test_a_failure_names_plugin_component_and_method(
    case: Case, call: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    plugin = write_plugin(tmp_path, case, "print('noise'); raise KeyError('a fault')")
    status, out, err = call(case.command, plugin)
    assert status in find_statuses(case), err
    line = find_line(out, err, "KeyError: 'a fault'")
    assert f"'bad' of plugin {str(plugin)!r} ({plugin}) failed in {case.method.rpartition('.')[2]}" in line
    assert "Traceback" not in out + err
    if case.hook not in ("commands", "reports"):
        assert "noise" not in out, "what a component prints is not part of the output"
    assert "noise" in out + err


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.method in ("build", "decide", "load", "its command")][:4], ids=name_case
)
def test_debug_shows_where(case: Case, call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    _, _, err = call(case.command, write_plugin(tmp_path, case, "raise KeyError('a fault')"), "--debug")
    assert "Traceback" in err and "plug.py" in err and "raise KeyError('a fault')" in err


HOOKS: Final = [
    ("configure", "recipe", "classify"),
    ("training_started", "run", "train"),
    ("training_step_ended", "event, run", "train"),
    ("epoch_ended", "event, run", "train"),
    ("training_ended", "run", "train"),
]


@pytest.mark.parametrize(("hook", "arguments", "command"), HOOKS)
def test_a_failing_hook_names_plugin_and_hook(
    hook: str, arguments: str, command: str, call: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    plugin = tmp_path / "plug.py"
    plugin.write_text(HOOK.format(hook=hook, arguments=arguments, fault="print('noise'); raise KeyError('a fault')"))
    status, out, err = call(command, plugin)
    line = find_line(out, err, "KeyError: 'a fault'")
    assert status == 2 and str(plugin) in line and hook in line and "noise" not in out and "noise" in err


WRONG: Final = [
    ("text_builders build", "['a', 'b']", "the list ['a', 'b'] from build; expected a PromptSet"),
    ("encoders load", "None", "returned None from load; expected a model with a ModelCard"),
    ("encoders load.encode_images", "torch.zeros(1, 7)", "from encode_images; expected an ImageFeatures"),
    ("encoders load.encode_texts", "torch.full((len(given[0]), 32), float('nan'))", "expected finite numbers"),
    ("encoders load.encode_texts", "torch.zeros(2, 3)", "and shape (2, 3) from encode_texts; expected a floating-point tensor"),
    ("encoders load.count_tokens", "'nine'", "the str 'nine' from count_tokens; expected a list of"),
    ("encoders load.preprocess", "'pixels'", "the str 'pixels' from preprocess; expected a floating-point tensor of shape (3,"),
    ("encoders known_models", "['m']", "the str 'm' from known_models; expected a KnownModel"),
    ("encoders trainable", "None", "returned None from trainable; expected a model with a torch module"),
    ("classifiers labels", "'ab'", "'ab'"),
    ("classifiers logits", "torch.zeros(1, 9)", "logits to return a tensor (1, 2) (images, labels), got (1, 9)"),
    ("scorers logits", "torch.zeros(1, 6)", "and shape (1, 6) from logits"),
    ("scorers coefficients", "np.zeros(9)", "and shape (9,) from coefficients"),
    ("adjust_logits offsets", "torch.zeros(9)", "and shape (9,) from offsets; expected a tensor of shape (6,) or (6, 1)"),
    ("adjust_logits offsets", "torch.full((6,), float('nan'))", "from offsets; expected finite offsets and -inf only"),
    ("adjust_logits notes", "'one note'", "the str 'one note' from notes; expected a list of notes"),
    ("heads decide", "torch.zeros(1, 6)", "and shape (1, 6) from decide; expected Scores with log_probs_BI of shape (1,"),
    ("losses __call__", "torch.zeros(2)", "from __call__ at step 1; expected a scalar tensor, or a mapping"),
    ("taxonomy_readers read", "'a tree'", "the str 'a tree' from read"),
    ("taxonomy_readers sniff", "'yes'", "the str 'yes' from sniff"),
    ("language_models complete", "'an answer'", "the str 'an answer' from complete; expected an Answer"),
    ("language_models provenance", "{'model': 'm'}", "from provenance; expected a mapping with 'model' and 'host'"),
    ("prompts its constructor", "'List features'", "returned the str 'List features'; expected a PromptTemplate"),
    ("models its constructor", "'a model'", "its target returned the str 'a model'; expected a KnownModel"),
    ("datasets prepare", "'a note'", "the str 'a note' from prepare; expected a list of notes"),
    ("datasets sample", "3", "the int 3 from sample at image 0; expected a Sample"),
    ("datasets name", "3", "the int 3 from name at image 0; expected a str"),
    ("datasets image", "None", "returned None from image at"),
    ("image_sources revision", "3", "the int 3 from revision; expected a str"),
    ("image_sources tables", "['a row']", "the str 'a row' from tables; expected a Table"),
    ("image_sources notes", "'a note'", "the str 'a note' from notes; expected a list of notes"),
    ("captioners caption", "3", "the int 3 from caption"),
    ("captioners provenance", "{'model': 'm'}", "from provenance; expected a mapping with 'model' and 'host'"),
    ("image_decoders decode", "'an image'", "the str 'an image' from decode; expected an OpenedImage"),
    ("detectors detect", "'a box'", "the str 'a box' from detect; expected a list of regions, or None"),
    ("detectors detect", "[Region((0.5, 0.5, 1.5, 1.5))]", "from detect; expected boxes of left < right"),
    ("reports open", "None", "returned None from open; expected a context manager"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "value", "message"), WRONG)
def test_a_wrong_return_value_is_told_with_what_was_expected(
    what: str, value: str, message: str, call: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    hook, method = what.split(" ", 1)
    case = next(case for case in CASES if (case.hook, case.method) == (hook, method))
    plugin = write_plugin(tmp_path, case, f"return {value}")
    status, out, err = call(case.command, plugin)
    line = find_line(out, err, f"'bad' of plugin {str(plugin)!r}")
    assert status in find_statuses(case) and message in line, line


def test_a_commands_target_must_be_a_command(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    plugin = tmp_path / "plug.py"
    plugin.write_text(
        "from bioclip_x.plugin import ComponentSpec, hookimpl\ndef command():\n    pass\n"
        "@hookimpl\ndef commands():\n    return [ComponentSpec('bad', '', f'{__name__}:command')]\n"
    )
    status, _, err = call("bad", plugin)
    assert status == 2 and "the command 'bad' of plugin" in err and "expected a click.Command" in err


def test_a_files_command_works_before_and_after(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plugin = str(write_command(tmp_path, "print('loud' if loud else 'quiet')"))
    for arguments in (["bad", "--loud", "--plugin", plugin], ["--plugin", plugin, "bad", "--loud"]):
        with pytest.raises(SystemExit) as done:
            main(arguments)
        assert (done.value.code, capsys.readouterr().out) == (0, "loud\n")
    with pytest.raises(SystemExit):
        main(["--plugin", plugin, "--help"])
    assert "  bad " in capsys.readouterr().out
    with pytest.raises(SystemExit) as done:
        main(["bad"])
    assert done.value.code == 2 and "No such command 'bad'" in capsys.readouterr().err


@pytest.mark.parametrize("place", range(4))
def test_plugins_are_named_anywhere_in_a_command_of_a_group(
    place: int, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        "import click\nfrom bioclip_x.plugin import ComponentSpec, hookimpl\n"
        "@click.group()\ndef outer(): pass\n@outer.group()\ndef inner(): pass\n"
        "@inner.command()\n@click.argument('text')\ndef leaf(text):\n    print(text, 'said')\n"
        "@hookimpl\ndef commands():\n    return [ComponentSpec('outer', '', f'{__name__}:outer')]\n"
    )
    flag = ["--plugin", str(tmp_path / "mine.py")]
    for words, out in ((["outer", "inner", "leaf", "it"], "it said\n"), (["plugins", "list", "--json"], '"outer"')):
        with pytest.raises(SystemExit) as done:
            main([*words[:place], *flag, *words[place:]])
        assert done.value.code == 0 and out in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*flag, "outer", "inner", "leaf", "--help"])
    assert "--plugin" in capsys.readouterr().out


def test_a_command_ends_as_it_wants(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plugin = str(write_command(tmp_path, "raise SystemExit(7)"))
    with pytest.raises(SystemExit) as done:
        main(["bad", "--plugin", plugin])
    assert done.value.code == 7 and not capsys.readouterr().err
