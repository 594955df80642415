"""A fault of the program in the middle of a run: status 3, one line that names what was at hand, and what is done is kept."""

from __future__ import annotations

import builtins
import shutil
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.cli.main import main
from bioclip_x.dataset.images import reading
from bioclip_x.describe import run as describing_run
from bioclip_x.embed import embedder
from bioclip_x.errors import ImageError
from bioclip_x.faults import at_hand, get_at_hand, summarise
from bioclip_x.inference import batches
from bioclip_x.inference.classifier import Classifier
from data_set_builds import hash_outputs, lay_source, write_config
from llm_server import said, serving

LABELS = "Aglais io,Parus major"
GROUP: Any = getattr(builtins, "BaseExceptionGroup", None)
DRAWING = Path(__file__).parents[3] / "examples" / "drawings" / "aglais-io.png"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of a labelled species, in the folder that is returned."""
    (tmp_path / "images" / "Aglais io").mkdir(parents=True)
    for name in "abcd":
        shutil.copy(DRAWING, tmp_path / "images" / "Aglais io" / f"{name}.png")
    return tmp_path / "images"


def fail_at(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, number: int) -> None:
    """Lets the call of this number, counted from 1, of a function of a module or class fail."""
    function, calls = getattr(owner, name), []

    def call(*args: object, **kwargs: object) -> object:
        calls.append(1)
        if len(calls) == number:
            raise KeyError("unforeseen")
        return function(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as done:
        main(list(map(str, arguments)))
    return int(done.value.code or 0)


def find_errors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    err = capsys.readouterr().err
    assert "Traceback" not in err
    return [line for line in err.splitlines() if line.startswith("error: ")]


def test_classify_names_the_image_and_goes_on_where_it_ended(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "names.csv"
    command = ("classify", images, "--labels", LABELS, "--k", 1, "--batch-size", 1, "--output", output)
    with monkeypatch.context() as patch:
        fail_at(patch, batches, "select_top_nodes", 3)
        assert run(*command) == 3
    [error] = find_errors(capsys)
    assert error.startswith("error: classify, ") and "c.png: KeyError: 'unforeseen' (a fault of bioclip-x" in error
    assert output.with_name("names.csv.journal").exists() and not output.exists()
    assert run(*command, "--resume") == 0
    assert len(output.read_text("utf-8").splitlines()) == 5


def test_embed_names_the_image_and_goes_on_where_it_ended(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "vectors.csv"
    command = ("embed", images, "--batch-size", 1, "--output", output)
    with monkeypatch.context() as patch:
        fail_at(patch, embedder, "Embedding", 3)
        assert run(*command) == 3
    [error] = find_errors(capsys)
    assert error.startswith("error: embed, ") and "c.png: KeyError: 'unforeseen'" in error
    assert run(*command, "--resume") == 0
    assert len(output.read_text("utf-8").splitlines()) == 5


def test_evaluate_names_the_image(
    images: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(monkeypatch, Classifier, "score", 1)
    assert run("evaluate", images, "--labels", LABELS) == 3
    [error] = find_errors(capsys)
    assert error.startswith("error: evaluate, ") and "a.png" in error


def test_describe_keeps_the_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    output = tmp_path / "d.yaml"
    with serving(lambda body: said("- a trait")) as server:
        command = (
            "describe",
            "--labels",
            LABELS,
            "--llm",
            "openai:model=m",
            "--base-url",
            server.url,
            "--output",
            output,
        )
        with monkeypatch.context() as patch:
            fail_at(patch, describing_run, "is_usable", 2)
            assert run(*command) == 3
        [error] = find_errors(capsys)
        assert error.startswith("error: describe, the answer on Parus major: KeyError: 'unforeseen'")
        n_asked = len(server.asked)
        assert run(*command) == 0
        assert len(server.asked) == n_asked  # all answers were stored


def test_a_data_set_names_the_image_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_source(tmp_path, 12)
    file = write_config(tmp_path)
    assert run("dataset", "build", file, "--output", tmp_path / "whole") == 0
    with monkeypatch.context() as patch:
        fail_at(patch, reading, "perceptual_hash", 5)
        assert run("dataset", "build", file, "--output", tmp_path / "out") == 3
    [error] = find_errors(capsys)
    assert error.startswith("error: dataset build, ") and "004.jpg: KeyError" in error
    assert run("dataset", "build", file, "--output", tmp_path / "out") == 0
    assert hash_outputs(tmp_path / "out") == hash_outputs(tmp_path / "whole")


def test_debug_prints_the_traceback(
    images: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(monkeypatch, batches, "select_top_nodes", 1)
    assert run("classify", images, "--labels", LABELS, "--debug") == 3
    err = capsys.readouterr().err
    assert "Traceback" in err and "select_top_nodes" in err and "--debug shows where" not in err


@pytest.mark.skipif(GROUP is None, reason="groups of exceptions are of Python 3.11")
@pytest.mark.parametrize(
    ("members", "status", "told"),
    [
        ([KeyError("x"), ImageError("bird.png is damaged")], 3, "error: plugins: KeyError: 'x'"),
        ([ImageError("bird.png is damaged"), ImageError("b")], 2, "error: bird.png is damaged"),
        ([KeyError("x"), KeyboardInterrupt()], 130, "interrupted"),
        ([MemoryError()], 2, "error: out of memory"),
    ],
)
def test_a_group_of_exceptions(
    members: list[BaseException],
    status: int,
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise GROUP("several", [GROUP("inner", members)])

    monkeypatch.setattr("bioclip_x.cli.plugins.list.list_plugins.callback", fail)
    assert run("plugins", "list") == status
    assert capsys.readouterr().err.startswith(told.replace("plugins:", "plugins list:"))


def test_the_innermost_is_at_hand() -> None:
    with pytest.raises(KeyError) as caught, at_hand("the list"), at_hand("bird.png"):
        raise KeyError("x")
    assert get_at_hand(caught.value) == "bird.png"
    with pytest.raises(ImageError) as refused, at_hand("bird.png"):
        raise ImageError("it is damaged")
    assert get_at_hand(refused.value) == ""


@pytest.mark.skipif(GROUP is None, reason="groups of exceptions are of Python 3.11")
def test_a_group_is_summarised_by_its_first() -> None:
    assert summarise(GROUP("several", [KeyError("x"), KeyError("y")])) == "KeyError: 'x' (and 1 more)"
