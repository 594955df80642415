"""What the built-in components need to be put to every check: files, examples, a model to load."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet
import torch
from PIL import Image

import published_layouts as layouts
from bioclip_x.plugin import LinearHead, save_linear_head
from bioclip_x.testing.examples import MODEL, D, make_taxonomy
from bioclip_x_field_guide.species import list_trained_species
from helpers import picture
from plugins.image_decoders.test_raw import write_dng
from plugins.image_sources import layouts as source_layouts

Given = dict[str, dict[str, Any]]
"""`options` and `examples` of a subject."""

FIELD_GUIDE = "package:bioclip_x_field_guide/model"
LABELS = ["Parus major", "Turdus merula"]
PUBLISHED: dict[str, tuple[Callable[[Path], Path], dict[str, Any]]] = {
    "cub": (layouts.lay_cub, {}),
    "nabirds": (layouts.lay_nabirds, {}),
    "inat21": (layouts.lay_inat21, {}),
    "rare-species": (layouts.lay_rare_species, {}),
    "birds-525": (layouts.lay_birds_525, {}),
    "meta-album": (layouts.lay_meta_album, {"set": "plantvillage"}),
    "imagenet": (layouts.lay_imagenet, {}),
    "oxford-pets": (layouts.lay_oxford_pets, {}),
    "flowers-102": (layouts.lay_flowers, {}),
    "bioscan-1m": (layouts.lay_bioscan, {}),
}
COMPLETION = {
    "id": "1", "object": "chat.completion", "created": 0, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "a red cap"}}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12},
}  # fmt: skip


def make_given(kind: str, name: str, folder: Path) -> list[Given]:
    """Returns what a component is checked with, once or several times. Raises ImportError without a library that it needs."""
    if kind == "datasets":
        return [make_data_set(name, folder)]
    if kind == "image_decoders":
        return [{"examples": {"file": write_image(name, folder)}}]
    made = OTHERS.get((kind, name), [{}])
    return made(folder) if callable(made) else made


def make_data_set(name: str, folder: Path) -> Given:
    if name in PUBLISHED:
        lay, options = PUBLISHED[name]
        root = lay(folder)
        names = {"names": root / "names.txt"} if name == "imagenet" else {}  # else the whole list is expected
        return {"options": {"root": root, **options, **names}}
    if name == "hub":
        import datasets  # noqa: F401 - an extra

        data = layouts.lay(folder / "data", images=("test/zebra/1.png", "test/ant/1.png", "test/ant/2.png"))
        return {"options": {"name": "imagefolder", "data_dir": data, "split": "test"}}
    if name == "field-guide":
        labels = [species.name for species in list_trained_species()]
        return {"options": {"count": 24, "size": 32, "processes": 1}, "examples": {"labels": labels}}
    images = [f"{label}/{number}.png" for label in LABELS for number in (1, 2)]
    layouts.lay(folder, images=tuple(images))
    if name == "image-folder":
        return {"options": {"path": folder}, "examples": {"labels": LABELS}}
    if name == "manifest":
        rows = [f"{image},{image.partition('/')[0]}" for image in images]
        (folder / "images.csv").write_text("\n".join(["path,label", *rows]) + "\n", "utf-8")
        return {"options": {"path": folder / "images.csv"}, "examples": {"labels": LABELS}}
    assert name == "webdataset", f"say what the data set {name} needs"
    return {"options": {"path": write_shard(folder / "a.tar")}, "examples": {"labels": LABELS}}


def write_shard(path: Path) -> Path:
    with tarfile.open(path, "w") as shard:
        for number, label in enumerate(LABELS):
            buffer = io.BytesIO()
            picture(number).save(buffer, "JPEG")
            for suffix, content in (("jpg", buffer.getvalue()), ("scientific_name.txt", label.encode())):
                member = tarfile.TarInfo(f"{number}.{suffix}")
                member.size = len(content)
                shard.addfile(member, io.BytesIO(content))
    return path


def write_image(name: str, folder: Path) -> Path:
    image = Image.new("RGB", (64, 48), (200, 30, 30))
    if name == "raw":
        import rawpy  # noqa: F401 - an extra

        return write_dng(folder / "a.dng")
    if name == "heic":
        import pillow_heif

        pillow_heif.from_pillow(image).save(folder / "a.heic", quality=90)
        return folder / "a.heic"
    if name == "jpeg-xl":
        import pillow_jxl  # noqa: F401 - adds the format

    path = folder / {"jpeg-xl": "a.jxl", "avif": "a.avif"}[name]
    image.save(path)
    return path


def write_scores(folder: Path) -> list[Given]:
    path = folder / "scores.csv"
    path.write_text("image,Parus major,Turdus merula\na.jpg,0.7,0.3\nb.jpg,0.2,0.8\n", "utf-8")
    return [{"options": {"file": path}}]


def write_head(folder: Path) -> list[Given]:
    taxonomy, generator = make_taxonomy(), torch.Generator().manual_seed(0)
    nodes_C = taxonomy.leaf_node_C.astype("int64")
    head = LinearHead(torch.randn(len(nodes_C), D, generator=generator), torch.zeros(len(nodes_C)), nodes_C, True)
    save_linear_head(folder / "head.safetensors", head, taxonomy)
    return [{"options": {"path": folder / "head.safetensors"}}]


def write_boxes(folder: Path) -> list[Given]:
    Image.new("RGB", (40, 20), "white").save(folder / "a.png")
    (folder / "boxes.csv").write_text("path,left,top,right,bottom,label\na.png,0.1,0.1,0.5,0.9,animal\n", "utf-8")
    return [{"options": {"file": folder / "boxes.csv"}, "examples": {"image": folder / "a.png"}}]


def write_list(folder: Path) -> list[Given]:
    (folder / "species.txt").write_text("Parus major\nApis mellifera\n", "utf-8")
    options = {"file": folder / "species.txt"}
    return [{"options": options}, {"options": {**options, "mode": "prior"}}]


def write_occurrences(folder: Path) -> list[Given]:
    rows = "Parus major\t52.5\t13.4\t2020-05-01\nApis mellifera\t-33.9\t151.2\t2020-12-24\n"
    (folder / "gbif.csv").write_text("species\tdecimalLatitude\tdecimalLongitude\teventDate\n" + rows, "utf-8")
    options = {"file": folder / "gbif.csv", "season": "30d"}
    return [{"options": options}, {"options": {**options, "mode": "hard"}}]


def write_countries(folder: Path) -> list[Given]:
    (folder / "countries.csv").write_text("scientificName,countryCode\nParus major,DE\nApis mellifera,KEN\n", "utf-8")
    options = {"file": folder / "countries.csv", "code": "DEU"}
    return [{"options": options}, {"options": {**options, "mode": "prior"}}]


def write_parquet(folder: Path) -> list[Given]:
    table = b"family,genus,species\nParidae,Parus,Parus major\n"
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(io.BytesIO(table)), folder / "species.parquet")
    return [{"examples": {"file": folder / "species.parquet"}}]


def write_timm_model(folder: Path) -> list[Given]:
    import timm

    torch.manual_seed(0)
    model = timm.create_model("test_vit", num_classes=3)
    timm.models.save_for_hf(model, folder, model_config={"label_names": ["a", "b", "blank"]})
    return [{"options": {"model": f"local-dir:{folder}"}}]


def write_onnx_model(folder: Path) -> list[Given]:
    import onnx
    import onnxruntime  # noqa: F401 - an extra
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0)],
        "mean",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "a.onnx")
    (folder / "a.txt").write_text("a\nb\nblank\n")
    return [{"options": {"file": folder / "a.onnx"}}]


def lay_manifest_source(folder: Path) -> list[Given]:
    root = source_layouts.lay_manifest(folder)
    return [{"options": {"path": root / "images.csv", "images": root / "photos"}}]


def lay_eol_source(folder: Path) -> list[Given]:
    root = source_layouts.lay_eol(folder)
    named = {"manifest": root / "manifest", "taxa": root / "taxon.tab"}
    return [{"options": named}, {"options": {**named, "images": root / "images"}}]


OTHERS: dict[tuple[str, str], Any] = {
    ("image_sources", "manifest"): lay_manifest_source,
    ("image_sources", "folder"): lambda folder: [{"options": {"path": source_layouts.lay_folder(folder)}}],
    ("image_sources", "inat21"): lambda folder: [{"options": {"root": source_layouts.lay_inat21(folder)}}],
    ("image_sources", "bioscan"): lambda folder: [{"options": {"root": source_layouts.lay_bioscan_5m(folder)}}],
    ("image_sources", "eol"): lay_eol_source,
    ("image_sources", "gbif"): lambda folder: [{"options": {"path": source_layouts.lay_gbif(folder)}}],
    ("image_sources", "webdataset"): lambda folder: [{"options": {"path": source_layouts.lay_shard(folder)}}],
    ("encoders", "open_clip"): [
        {
            "examples": {
                "model": FIELD_GUIDE,
                "trainable": MODEL,
                "description": MODEL,
                "saved": "local-dir:{folder}",
            }
        }
    ],
    ("classifiers", "timm"): write_timm_model,
    ("classifiers", "onnx"): write_onnx_model,
    ("heads", "chils"): [{"options": {"rank": "genus"}}],
    ("heads", "conformal"): [{"options": {"threshold": 0.3, "score": score}} for score in ("lac", "aps")],
    ("losses", "simclr"): [{"options": {"width": 16, "output_dim": 8}}],
    **{
        ("losses", name): [{"options": {"on": on}} for on in ("linear", "bank")]
        for name in ("cross-entropy", "hxe", "soft-labels", "rank-cross-entropy")
    },
    ("scorers", "external"): write_scores,
    ("scorers", "linear"): write_head,
    ("scorers", "few-shot"): [
        {"options": {"support": Path("examples"), **more}} for more in ({}, {"blend": 0.5}, {"mode": "tip-adapter"})
    ],
    ("adjust_logits", "species-list"): write_list,
    ("detectors", "boxes"): write_boxes,
    ("adjust_logits", "occurrences"): write_occurrences,
    ("adjust_logits", "country"): write_countries,
    ("taxonomy_readers", "parquet"): write_parquet,
    ("language_models", "openai"): [
        {
            "options": {"model": "m"},
            "examples": {"url": "base_url", "reply": json.dumps(COMPLETION), "key": "OPENAI_API_KEY"},
        }
    ],
    ("captioners", "openai-vision"): [
        {
            "options": {"model": "m"},
            "examples": {"url": "base_url", "reply": json.dumps(COMPLETION), "key": "OPENAI_API_KEY"},
        }
    ],
}
