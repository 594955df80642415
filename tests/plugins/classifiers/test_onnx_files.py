"""ONNX files: layouts, sizes, what is computed, and files that cannot be used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bioclip_x.errors import ModelError
from bioclip_x_plugins.classifiers.onnx_files import OnnxClassifier
from helpers import picture

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx onnxruntime")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'bioclip-x[onnx]'")

WEIGHT = np.array([[1, 2, 3], [-1, 0, 1], [0.5, 0.5, 0.5], [2, -2, 0]], np.float32)
BIAS = np.array([0, 1, -1, 0.5], np.float32)
LABELS = ("Parus major", "Turdus merula", "Quercus robur", "blank")
PLAIN: dict[str, Any] = {"mean": (0, 0, 0), "std": (1, 1, 1)}


def write(
    path: Path, shape: tuple[int | str, ...] = ("batch", 3, 8, 8), *, softmax: bool = False, kind: str = "FLOAT",
    labels: tuple[str, ...] = LABELS,
) -> Path:  # fmt: skip
    """A linear layer on the mean colour."""
    from onnx import TensorProto, helper, numpy_helper

    type_, dtype = getattr(TensorProto, kind), {"FLOAT": np.float32, "FLOAT16": np.float16, "DOUBLE": np.float64}[kind]
    axes = [2, 3] if shape[1] == 3 else [1, 2]
    last = "logits" if softmax else "scores"
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=axes, keepdims=0),
        helper.make_node("Gemm", ["mean", "weight", "bias"], [last], transB=1),
        *([helper.make_node("Softmax", ["logits"], ["scores"], axis=1)] if softmax else []),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", type_, shape)],
        [helper.make_tensor_value_info("scores", type_, [shape[0], 4])],
        [
            numpy_helper.from_array(WEIGHT.astype(dtype), "weight"),
            numpy_helper.from_array(BIAS.astype(dtype), "bias"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    path.with_suffix(".txt").write_text("\n".join(labels) + "\n", "utf-8")
    return path


def compute(classifier: OnnxClassifier, *images: Image.Image) -> np.ndarray:
    return classifier.logits(torch.stack([classifier.preprocess(image) for image in images])).numpy()


def load(path: Path, **options: Any) -> OnnxClassifier:
    classifier = OnnxClassifier(path, **(PLAIN | options))
    classifier.load("cpu")
    return classifier


def expect(*images: Image.Image) -> np.ndarray:
    """The layer in numpy, on images that the model's size leaves as they are."""
    means = np.stack([np.asarray(image, np.float64).mean((0, 1)) / 255 for image in images])
    return means @ WEIGHT.T.astype(float) + BIAS


@pytest.mark.parametrize(
    ("shape", "kind", "tolerance"),
    [
        (("batch", 3, 8, 8), "FLOAT", 1e-5),
        (("batch", 8, 8, 3), "FLOAT", 1e-5),
        ((1, 3, 8, 8), "FLOAT", 1e-5),
        ((2, 3, 8, 8), "FLOAT", 1e-5),
        (("batch", 3, 8, 8), "FLOAT16", 1e-2),
        (("batch", 8, 8, 3), "DOUBLE", 1e-5),
        (("batch", 3, "height", "width"), "FLOAT", 1e-5),
    ],
)  # fmt: skip
def test_scores_are_those_of_the_layer(
    shape: tuple[int | str, ...], kind: str, tolerance: float, tmp_path: Path
) -> None:
    images = [picture(seed, (8, 8)) for seed in range(3)]
    classifier = load(write(tmp_path / "a.onnx", shape, kind=kind), size=8)
    np.testing.assert_allclose(compute(classifier, *images), expect(*images), atol=tolerance)


def test_images_are_normalised_by_channel(tmp_path: Path) -> None:
    """By ImageNet's mean and deviation, unless others are given."""
    path, image = write(tmp_path / "a.onnx"), picture(1, (8, 8))
    colours = np.asarray(image, np.float64) / 255
    for options, mean, std in (
        ({}, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ({"mean": (0.1, 0.2, 0.3), "std": (0.5, 0.6, 0.7)}, (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)),
    ):  # fmt: skip
        classifier = OnnxClassifier(path, **options)  # type: ignore[arg-type]
        classifier.load("auto")
        normalised = (colours - np.array(mean)) / np.array(std)
        np.testing.assert_allclose(classifier.preprocess(image).numpy(), normalised.transpose(2, 0, 1), atol=1e-5)


def test_the_middle_is_cropped_or_both_sides_are_squashed(tmp_path: Path) -> None:
    """An image of three squares side by side: red, green, blue."""
    wide = Image.new("RGB", (24, 8), "red")
    wide.paste(Image.new("RGB", (8, 8), (0, 255, 0)), (8, 0))
    wide.paste(Image.new("RGB", (8, 8), "blue"), (16, 0))
    path = write(tmp_path / "a.onnx")
    cropped = load(path).preprocess(wide)
    squashed = load(path, resize="squash").preprocess(wide)
    assert cropped.shape == squashed.shape == (3, 8, 8)
    assert cropped.mean((1, 2)).tolist() == pytest.approx([0, 1, 0], abs=1e-6)
    assert squashed.mean((1, 2)).tolist() == pytest.approx([1 / 3] * 3, abs=0.02)


def test_probabilities_are_asked_for(tmp_path: Path) -> None:
    path, image = write(tmp_path / "a.onnx", softmax=True), picture(0, (8, 8))
    with pytest.raises(ModelError, match="sum to 1: they are probabilities; add outputs=probabilities"):
        compute(load(path), image)
    classifier = load(path, outputs="probabilities")
    assert classifier.capabilities.outputs == "probabilities"
    found = classifier.probabilities(classifier.preprocess(image)[None]).numpy()
    exponentials = np.exp(expect(image))
    np.testing.assert_allclose(found, exponentials / exponentials.sum(), rtol=1e-4)


def test_a_revision_is_of_weights_labels_and_preprocessing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.onnx")
    same = [load(path).revision, load(path).revision]
    others = [load(path, resize="squash").revision, load(path, mean=(0.5, 0.5, 0.5)).revision]
    others.append(load(write(tmp_path / "b.onnx", labels=(*LABELS[:3], "empty"))).revision)
    others.append(load(write(tmp_path / "c.onnx", softmax=True)).revision)
    assert same[0] == same[1] and len({same[0], *others}) == 5


def test_labels_that_refuse(tmp_path: Path) -> None:
    path = write(tmp_path / "a.onnx")
    assert OnnxClassifier(path).capabilities.refuses == ("background", "blank")
    assert OnnxClassifier(path, refuse=("Quercus robur",)).capabilities.refuses == ("Quercus robur",)
    with pytest.raises(ModelError, match="refuse: bland is none of its 4 labels"):
        OnnxClassifier(path, refuse=("bland",)).labels()


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    path = write(tmp_path / "a.onnx")
    with pytest.raises(ModelError, match=r"gone.txt: no such file; expected the model's labels"):
        OnnxClassifier(path, labels=tmp_path / "gone.txt").labels()
    with pytest.raises(ModelError, match=r"gone\.onnx: no such file; expected a model in an ONNX file"):
        OnnxClassifier(tmp_path / "gone.onnx").labels()
    with pytest.raises(ModelError, match="has 4 scores and 3 labels"):
        load(write(tmp_path / "few.onnx", labels=LABELS[:3]))
    (tmp_path / "text.onnx").write_text("no network")
    (tmp_path / "text.txt").write_text("a\n")
    with pytest.raises(ModelError, match=r"text\.onnx cannot be opened"):
        load(tmp_path / "text.onnx")
    with pytest.raises(ModelError, match="onnxruntime has no CUDAExecutionProvider here; choose --device cpu"):
        _without_cuda(path)


def _without_cuda(path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    OnnxClassifier(path).load("cuda")


def test_a_network_without_images_is_told(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "vectors",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 5])],
    )
    path = tmp_path / "v.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    path.with_suffix(".txt").write_text("a\nb\nc\nd\ne\n")
    with pytest.raises(ModelError, match=r"expected one input of images.*got tensor\(float\) \['batch', 5\]"):
        load(path)


def test_without_onnxruntime_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match=r"pip install 'bioclip-x\[onnx\]'"):
        load(path)
