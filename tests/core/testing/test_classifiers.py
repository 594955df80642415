"""Each check of image classifiers catches its fault, and the built-in classifiers pass them all."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bioclip_x.hooks.capabilities import ImageClassifierCapabilities
from bioclip_x.hooks.components import ComponentSpec
from bioclip_x.hooks.registry import create_registry
from bioclip_x.hooks.specs import hookimpl
from bioclip_x.testing import Subject, run_checks


class Good:
    """Three labels by colour."""

    capabilities = ImageClassifierCapabilities(refuses=("blank",))

    @property
    def revision(self) -> str:
        return "1"

    def labels(self) -> Sequence[str]:
        return ["a", "b", "blank"]

    def load(self, device: str) -> None:
        self.device = device

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.asarray(image.resize((8, 8)), np.float32) / 255).permute(2, 0, 1)

    def logits(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        return 5 * pixels_B3HW.mean((2, 3))


class LabelsChange(Good):
    def labels(self) -> Sequence[str]:
        return ["a", "b", "blank"][:: -1 if hasattr(self, "device") else 1]


class BlankLabel(Good):
    def labels(self) -> Sequence[str]:
        return ["a", " ", "blank"]


class OneString(Good):
    def labels(self) -> Sequence[str]:
        return "abc"


class RefusesAll(Good):
    capabilities = ImageClassifierCapabilities(refuses=("A", "b", "blank"))


class OneTooMany(Good):
    def logits(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        return pixels_B3HW.mean((2, 3)).repeat(1, 2)


class NoNumbers(Good):
    def logits(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        return super().logits(pixels_B3HW).log().sub(9).sqrt()


class LogitsAsProbabilities(Good):
    capabilities = ImageClassifierCapabilities("probabilities")

    def probabilities(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        return self.logits(pixels_B3HW)


class ProbabilitiesAsLogits(Good):
    def logits(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        return super().logits(pixels_B3HW).softmax(1)


class AnotherMethod(Good):
    capabilities = ImageClassifierCapabilities("probabilities")


class BatchNormalised(Good):
    def logits(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        logits = super().logits(pixels_B3HW)
        return logits - logits.mean(0)


class Dropout(Good):
    def logits(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.dropout(super().logits(pixels_B3HW), 0.5)


class AnySize(Good):
    def preprocess(self, image: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.array(image, np.float32) / 255).permute(2, 0, 1)


class Bytes(Good):
    def preprocess(self, image: Image.Image) -> torch.Tensor:
        return (super().preprocess(image) * 255).to(torch.uint8)

    def logits(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        return super().logits(pixels_B3HW.float())


class NoRevision(Good):
    @property
    def revision(self) -> str:
        return ""


class Counting(Good):
    numbers = count()

    @property
    def revision(self) -> str:
        return str(next(self.numbers))


class InPlace(Good):
    def logits(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        return super().logits(pixels_B3HW.mul_(0.5))


FAULTS: dict[type, tuple[str, str]] = {
    LabelsChange: ("labels_are_names", "the same labels once it is loaded"),
    BlankLabel: ("labels_are_names", "none of them blank"),
    OneString: ("labels_are_names", "expected a sequence of labels"),
    RefusesAll: ("labels_that_refuse_exist", "a label that does not refuse"),
    OneTooMany: ("scores_are_of_images_and_labels", r"expected (3, 3), got (3, 6)"),
    NoNumbers: ("scores_are_of_images_and_labels", "expected finite scores"),
    LogitsAsProbabilities: ("scores_are_of_images_and_labels", "expected probabilities from 0 to 1"),
    ProbabilitiesAsLogits: ("scores_are_of_images_and_labels", "declare outputs='probabilities'"),
    AnotherMethod: ("scores_are_of_images_and_labels", "expected a method 'probabilities'"),
    BatchNormalised: ("images_do_not_affect_each_other", "alone and in a batch"),
    Dropout: ("it_is_deterministic", "evaluation mode"),
    AnySize: ("images_are_prepared_in_threads", "of one size"),
    Bytes: ("images_are_prepared_in_threads", "expected float32"),
    NoRevision: ("it_has_a_revision", "expected a text such as a hash"),
    Counting: ("it_has_a_revision", "the same revision twice"),
    InPlace: ("input_is_left_alone", "left as they are"),
}


def check(target: type, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Returns check → why it failed."""
    module = ModuleType("faulty_classifier")
    module.Mine = target  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faulty_classifier", module)

    class Plugin:
        @hookimpl
        def classifiers(self) -> list[ComponentSpec]:
            return [ComponentSpec("mine", "for a test", "faulty_classifier:Mine")]

    outcomes = run_checks(Subject("classifiers", "mine", create_registry([Plugin()])))
    return {one.check.name: one.reason for one in outcomes if one.result == "failed"}


def test_a_good_one_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(Good, monkeypatch) == {}


@pytest.mark.parametrize("faulty", FAULTS, ids=lambda one: one.__name__)
def test_a_fault_is_found(faulty: type, monkeypatch: pytest.MonkeyPatch) -> None:
    name, told = FAULTS[faulty]
    failed = check(faulty, monkeypatch)
    assert told in failed[name], failed


def passes(name: str, options: dict[str, Any]) -> None:
    outcomes = list(run_checks(Subject("classifiers", name, create_registry(), options=options)))
    assert [one for one in outcomes if one.result != "passed"] == []


def test_timm_passes(tmp_path: Path) -> None:
    import timm

    torch.manual_seed(0)
    model = timm.create_model("test_vit", num_classes=3)
    timm.models.save_for_hf(model, tmp_path, model_config={"label_names": ["a", "b", "blank"]})
    passes("timm", {"model": f"local-dir:{tmp_path}"})


def test_onnx_passes(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx onnxruntime")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'bioclip-x[onnx]'")
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0)],
        "mean",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "a.onnx")
    (tmp_path / "a.txt").write_text("a\nb\nblank\n")
    passes("onnx", {"file": tmp_path / "a.onnx"})
