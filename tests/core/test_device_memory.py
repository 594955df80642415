"""A device without enough memory: the run goes on, with the same results."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from bioclip_x.cli.main import main
from bioclip_x.device_memory import FittingEncoder
from bioclip_x.errors import ModelError
from bioclip_x.records import ImageFeatures, ModelCard, PatchFeatures
from bioclip_x.shortages import find_memory_shortage
from bioclip_x_plugins.encoders.loaded import LoadedOpenClip
from helpers import picture

ON_CPU = "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"


class Encoder:
    """Embeds an image as its first value and a text as its length; only `most` fit at once."""

    def __init__(self, most: int, error: Exception) -> None:
        self.card = ModelCard("m", "1", "t", "fp32", 1, 1.0, 0.0, context_length=5)
        self.most, self.error = most, error
        self.sizes: list[int] = []

    def check(self, inputs: Sequence[Any]) -> None:
        self.sizes.append(len(inputs))
        if len(inputs) > self.most:
            raise self.error

    def encode_images(self, pixels_B3HW: torch.Tensor) -> ImageFeatures:
        self.check(pixels_B3HW)
        first_B1 = pixels_B3HW[:, 0, 0, :1]
        return ImageFeatures(first_B1, tuple(f"refused {int(x)}" if x > 5 else "" for x in first_B1[:, 0]))

    def encode_patches(self, pixels_B3HW: torch.Tensor) -> PatchFeatures:
        self.check(pixels_B3HW)
        return PatchFeatures(pixels_B3HW[:, :1, :1, :1], "by hand", True)

    def encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        self.check(texts)
        return torch.tensor([[float(len(text))] for text in texts]).reshape(-1, 1)


IMAGES = torch.arange(8.0)[:, None, None, None].expand(8, 3, 2, 2)
TEXTS = ["a" * n for n in range(8)]


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("MPS backend out of memory")]
)
def test_batches_are_halved_and_it_is_said_once(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    encoder, whole = Encoder(3, error), Encoder(8, error)
    fitting = FittingEncoder(encoder)  # type: ignore[arg-type]
    for _ in range(2):
        features, expected = fitting.encode_images(IMAGES), whole.encode_images(IMAGES)
        assert torch.equal(features.embeddings_BD, expected.embeddings_BD) and features.refused_B == expected.refused_B
    assert encoder.sizes == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2], "what does not fit is tried once"
    assert torch.equal(fitting.encode_texts(TEXTS), whole.encode_texts(TEXTS))
    assert torch.equal(fitting.encode_patches(IMAGES).parts_BhwD, whole.encode_patches(IMAGES).parts_BhwD)
    [record] = caplog.records
    assert "m: the device's memory is too small for 8 images at once; the batches are halved" in record.getMessage()


def test_what_never_fits() -> None:
    fitting = FittingEncoder(Encoder(0, torch.OutOfMemoryError("CUDA out of memory.")))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="too small for one image; use --device cpu"):
        fitting.encode_images(IMAGES)


@pytest.mark.parametrize("error", [RuntimeError(ON_CPU), MemoryError()])
def test_the_main_memory(error: Exception) -> None:
    fitting = FittingEncoder(Encoder(3, error))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="memory is too small for 8 images at once; give a smaller --batch-size"):
        fitting.encode_images(IMAGES)
    with pytest.raises(ModelError, match="memory is too small for 8 texts at once; close other programs"):
        fitting.encode_texts(TEXTS)


def test_other_errors_and_no_inputs() -> None:
    fitting = FittingEncoder(Encoder(0, RuntimeError("mat1 and mat2 shapes cannot be multiplied")))  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        fitting.encode_texts(TEXTS)
    assert fitting.encode_texts([]).shape == (0, 1)
    assert find_memory_shortage(RuntimeError("CUDA error: out of memory")) == "device"
    assert find_memory_shortage(ValueError("out of memory")) == ""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tiny_model: str) -> Callable[..., tuple[int, str, str]]:
    def run(command: str, *arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as done:
            main([command, *map(str, arguments), "--model", tiny_model])
        out, err = capsys.readouterr()
        return int(done.value.code or 0), out, err

    return run


def limit(monkeypatch: pytest.MonkeyPatch, most: int, error: Exception) -> None:
    """Only `most` images or texts fit at once."""

    def limited(inner: Any) -> Any:
        def encode(self: Any, inputs: Any, **options: Any) -> Any:
            if len(inputs) > most:
                raise error
            return inner(self, inputs, **options)

        return encode

    for name in ("encode_images", "encode_texts"):
        monkeypatch.setattr(LoadedOpenClip, name, limited(getattr(LoadedOpenClip, name)))


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    for i in range(6):
        (tmp_path / "labelled" / "Parus major").mkdir(parents=True, exist_ok=True)
        picture(i).save(tmp_path / "labelled" / "Parus major" / f"{i}.png")
    return tmp_path / "labelled"


def test_every_command_goes_on(
    run: Callable[..., tuple[int, str, str]],
    labelled: Path,
    birds_csv: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands = (
        ("classify", labelled, "--taxonomy", birds_csv, "--format", "jsonl"),
        ("evaluate", labelled, "--taxonomy", birds_csv, "--format", "json"),
        ("embed", labelled, "--format", "csv"),
        ("embed", "--taxonomy", birds_csv, "--format", "csv"),
    )
    before = [run(*command) for command in commands]
    monkeypatch.setenv("BIOCLIP_X_CACHE", str(tmp_path / "another"))
    limit(monkeypatch, 2, torch.OutOfMemoryError("CUDA out of memory."))
    for command, (code, out, _) in zip(commands, before):
        again, out_again, err = run(*command)
        assert again == code == 0
        assert_close(out_again, out, command[-1])
        assert err.count("the batches are halved until they fit") == 1


def assert_close(one: str, other: str, format_: object) -> None:
    """Equal but for the rounding of float32, which depends on the size of a batch."""
    if format_ == "csv":
        rows, others = (list(csv.DictReader(io.StringIO(text))) for text in (one, other))
        for row, wanted in zip(rows, others, strict=True):
            for key, value in row.items():
                assert value == wanted[key] or float(value) == pytest.approx(float(wanted[key]), abs=1e-5)
        return
    pick = (lambda text: [json.loads(line) for line in text.splitlines()]) if format_ == "jsonl" else json.loads
    assert [*flatten(pick(one))] == pytest.approx([*flatten(pick(other))], abs=1e-4)


def flatten(document: Any) -> list[float]:
    if isinstance(document, dict):
        return [number for value in document.values() for number in flatten(value)]
    if isinstance(document, list):
        return [number for value in document for number in flatten(value)]
    return [document] if isinstance(document, float) else []


def test_the_main_memory_on_the_command_line(
    run: Callable[..., tuple[int, str, str]], labelled: Path, birds_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, 2, RuntimeError(ON_CPU))
    code, _, err = run("embed", labelled, "--format", "csv")
    assert code == 2 and "give a smaller --batch-size" in err.splitlines()[-1] and "Traceback" not in err
    code, _, err = run("classify", labelled, "--taxonomy", birds_csv, "--format", "jsonl")
    assert code == 2 and "--batch-size" in err and err.count("\n") == 1
