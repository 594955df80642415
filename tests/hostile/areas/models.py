"""Folders of models: configurations, weights, tokenizers, cards and what these name, and names of models."""

# ruff: noqa: E501 - tables of inputs

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from hostile.case import OK, READ_OR_REFUSED, REFUSED, Case, Outcome
from hostile.inputs import classify, write_image, write_labels

CONFIG, WEIGHTS, PICKLE, CARD = (
    "open_clip_config.json", "open_clip_model.safetensors", "open_clip_pytorch_model.bin", "bioclip_x.json",
)  # fmt: skip
HUB = "hub/models--org--name/snapshots/0123456789abcdef0123456789abcdef01234567"
MODEL: dict[str, Any] = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 8, "patch_size": 16, "head_width": 4},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1},
}
PREPROCESS: dict[str, Any] = {
    "size": [32, 32], "mode": "RGB", "mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic",
    "resize_mode": "squash", "fill_color": 0,
}  # fmt: skip
_lock = threading.Lock()


def cases() -> Iterator[Case]:
    yield Case("whole", partial(_run, None), OK, check=_is_certain)
    yield from _configurations()
    yield from _settings()
    yield from _weights()
    yield from _pickles()
    yield from _tokenizers()
    yield from _places()
    yield from _names()
    yield from _cards()
    yield from _heads()
    yield from _classifiers()


# What a folder is made of


def write_folder(folder: Path) -> Path:
    """Writes a small model with random weights."""
    folder.mkdir(parents=True)
    (folder / CONFIG).write_text(json.dumps({"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}))
    (folder / WEIGHTS).write_bytes(_make_weights())
    return folder


@cache
def _make_weights_once() -> bytes:
    import open_clip.model
    import torch
    from safetensors.torch import save

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = open_clip.model.CLIP(**MODEL)
    return save({name: tensor.contiguous() for name, tensor in model.state_dict().items()})


def _make_weights() -> bytes:
    with _lock:
        return _make_weights_once()


def _read_tensors() -> dict[str, Any]:
    from safetensors.torch import load

    return load(_make_weights())


Damage = Callable[[Path], None]


def _run(damage: Damage | None, folder: Path, *more: str) -> list[str]:
    """Writes a model, damages it, and classifies with it."""
    write_image(folder)
    write_labels(folder)
    write_folder(folder / "m")
    if damage:
        damage(folder / "m")
    return classify("--model", "local-dir:m", *more)


def _run_named(name: str, folder: Path) -> list[str]:
    write_image(folder)
    write_labels(folder)
    return classify("--model", name)


def _is_certain(outcome: Outcome) -> str:
    """Says what is wrong with the probabilities of a run."""
    records = json.loads(outcome.stdout)["results"]
    shares = [one["probability"] for record in records for one in record["predictions"]]
    return "" if shares and all(0 <= share <= 1 for share in shares) else f"shares {shares}"


def _write(name: str, content: bytes | str, folder: Path) -> None:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


# Configurations


def _configurations() -> Iterator[Case]:
    documents = {
        "null": "null", "number": "7", "list": "[1, 2]", "text": '"x"', "empty": "", "brace": "{", "true": "true",
        "infinity": '{"model_cfg": Infinity}', "deep-lists": "[" * 100_000 + "]" * 100_000,
        "deep-mappings": '{"a":' * 100_000 + "1" + "}" * 100_000,
        "deep-model": '{"model_cfg":' + "[" * 3000 + "]" * 3000 + ', "preprocess_cfg": {}}',
        "digits": "9" * 10_000, "binary": b"\xff\xfe\x00\x01\x80", "latin": b'{"model_cfg": "\xe9"}', "nul": b"\0" * 64,
        "half-pair": '{"model_cfg": "\\ud800", "preprocess_cfg": 1}', "mapping": "{}", "yaml": "model_cfg: 1\n",
    }  # fmt: skip
    for name, document in documents.items():
        yield Case(f"config-{name}", partial(_run, partial(_write, CONFIG, document)), REFUSED, CONFIG)
    good = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}
    for part in ("model_cfg", "preprocess_cfg"):
        for name, value in {"null": None, "list": [], "number": 3, "text": "x", "empty": {}}.items():
            statuses = OK if (part, name) == ("preprocess_cfg", "empty") else REFUSED
            yield _config(
                f"{part.replace('_', '-')}-{name}", good | {part: value}, statuses, part if statuses == REFUSED else ""
            )
        yield _config(f"{part.replace('_', '-')}-missing", {k: v for k, v in good.items() if k != part}, says=part)
    for part in ("vision_cfg", "text_cfg"):
        for name, value in {"null": None, "list": [1], "empty-name": {"": 1}}.items():
            yield _config(f"{part.replace('_', '-')}-{name}", good | {"model_cfg": MODEL | {part: value}}, says=part)
    yield _config("model-foreign-key", good | {"model_cfg": MODEL | {"code": "x"}}, says="code")
    yield _config("twice", json.dumps(good)[:-1] + ', "model_cfg": 1}', says="twice|model_cfg")


def _config(name: str, document: Any, statuses: tuple[int, ...] = REFUSED, says: str = "", **limits: Any) -> Case:
    text = document if isinstance(document, str) else json.dumps(document)
    return Case(f"config-{name}", partial(_run, partial(_write, CONFIG, text)), statuses, says, **limits)


HUGE = (10**9, 10**20)


def _settings() -> Iterator[Case]:
    numbers: dict[str, tuple[Any, ...]] = {
        "vision_cfg.layers": (0, -1, True, 2.5, *HUGE, [1, 1, 1, 10**9], [1, 1]),
        "vision_cfg.width": (0, -1, 10**6, *HUGE, 7),
        "vision_cfg.head_width": (0, -4, 10**9),
        "vision_cfg.patch_size": (0, -16, 33, 10**9),
        "vision_cfg.image_size": (0, -32, 10**6, [10**6, 10**6], 10**20, [32], [32, -32]),
        "vision_cfg.mlp_ratio": (0.0, -1.0, float("nan"), float("inf"), 1e9, 1e308),
        "vision_cfg.patch_dropout": (2.0, -1.0, float("nan")),
        "vision_cfg.ls_init_value": (float("nan"), 1e308),
        "vision_cfg.attn_pooler_queries": (10**9, -1),
        "vision_cfg.pool_type": ("xyz", 3),
        "vision_cfg.pos_embed_type": ("xyz",),
        "vision_cfg.block_type": ("xyz",),
        "vision_cfg.timm_model_name": ("no_such_model", "../m", "hf-hub:a/b"),
        "vision_cfg.norm_kwargs": ({"eps": float("nan")}, {"eps": -1.0}, {"elementwise_affine": False}),
        "text_cfg.layers": (0, -1, *HUGE),
        "text_cfg.width": (0, -8, 10**9, 9),
        "text_cfg.heads": (0, -2, 3, 10**9),
        "text_cfg.context_length": (0, -1, 1, *HUGE),
        "text_cfg.vocab_size": (0, -1, 10, *HUGE),
        "text_cfg.pool_type": ("xyz",),
        "text_cfg.proj_type": ("xyz",),
        "text_cfg.pad_id": (10**20,),
        "embed_dim": (0, -1, 9, True, *HUGE, "8"),
        "init_logit_scale": (float("nan"), 1e308),
    }
    for place, values in numbers.items():
        for i, value in enumerate(values):
            model = json.loads(json.dumps(MODEL))
            *above, last = place.split(".")
            (model[above[0]] if above else model)[last] = value
            document = {"model_cfg": model, "preprocess_cfg": PREPROCESS}
            # Dropout and initial values have no part in a loaded model: any number is right.
            statuses = (
                READ_OR_REFUSED if last in ("patch_dropout", "ls_init_value", "init_logit_scale", "pad_id") else REFUSED
            )
            name = f"{place.replace('.', '-').replace('_', '-')}-{i}"
            yield _config(name, document, statuses, seconds=10, bytes=3 << 29)
    images: dict[str, tuple[Any, ...]] = {
        "size": (0, -1, 10**6, [32], [32, 32, 32], [10**6, 1], [0, 32], True, 10**20),
        "mean": (
            float("nan"),
            [float("nan")] * 3,
            [float("inf")] * 3,
            [],
            [0.5],
            [0.5] * 4,
            None,
            [1e308] * 3,
            ["a"] * 3,
        ),
        "std": ([float("nan")] * 3, [float("inf")] * 3, [0.0] * 3, [-0.5] * 3, [1e-320] * 3, [], [0.5] * 2, "x"),
        "interpolation": ("lanczos99", "", 3),
        "resize_mode": ("xyz", 1),
        "fill_color": (-1, 10**9, "black"),
        "mode": ("L", "RGBA"),
        "foreign": (1,),
    }
    for key, values in images.items():
        for i, value in enumerate(values):
            document = {"model_cfg": MODEL, "preprocess_cfg": PREPROCESS | {key: value}}
            if value is None:
                yield _config(f"preprocess-{key}-{i}", document, OK)
            else:
                yield _config(f"preprocess-{key.replace('_', '-')}-{i}", document, REFUSED, key, seconds=10)


# Weights


def _weights() -> Iterator[Case]:
    good = _make_weights
    edits: dict[str, Callable[[], bytes]] = {
        "empty": lambda: b"",
        "zeros": lambda: bytes(64),
        "long-header": lambda: struct.pack("<Q", 2**63) + b"{}",
        "header-of-all": lambda: struct.pack("<Q", 10**8) + b"{}" + bytes(64),
        "no-tensors": lambda: _frame({}, b""),
        "header-list": lambda: _frame([], b""),
        "header-null": lambda: _frame(None, b""),
        "header-deep": lambda: _frame_text("[" * 50_000 + "]" * 50_000),
        "header-no-utf8": lambda: _frame_text(b"\xff\xfe{}"),
        "text": lambda: b"not weights",
        "zip": lambda: _zip({"data.pkl": b"x"}),
        "foreign": lambda: good() + b"more",
    }
    for at in ("4", "200", "half", "last"):
        edits[f"cut-{at}"] = partial(_cut, at)
    for i, change in enumerate(_HEADER_EDITS):
        edits[f"header-{i}"] = partial(_edit_header, change)
    for name, make in edits.items():
        yield Case(
            f"weights-{name}",
            partial(_run, lambda folder, make=make: _write(WEIGHTS, make(), folder)),
            REFUSED,
            WEIGHTS,
        )
    tensors: dict[str, Callable[[dict[str, Any]], Any]] = {
        "nan": lambda t: t["visual.proj"].fill_(float("nan")),
        "one-nan": lambda t: t["token_embedding.weight"][7].fill_(float("nan")),
        "infinite": lambda t: t["text_projection"].fill_(float("inf")),
        "scale-nan": lambda t: t["logit_scale"].fill_(float("nan")),
        "scale-infinite": lambda t: t["logit_scale"].fill_(float("inf")),
        "scale-1000": lambda t: t["logit_scale"].fill_(1000.0),
        "missing": lambda t: t.pop("visual.proj"),
        "missing-scale": lambda t: t.pop("logit_scale"),
        "foreign-key": lambda t: t.update({"code": t["visual.proj"].clone()}),
        "all-foreign": _rename_all,
        "other-shape": lambda t: t.update({"visual.proj": t["visual.proj"][:4].clone()}),
        "other-rank": lambda t: t.update({"visual.proj": t["visual.proj"][None].clone()}),
        "no-rows": lambda t: t.update({"token_embedding.weight": t["token_embedding.weight"][:0].clone()}),
        "other-vocabulary": lambda t: t.update({"token_embedding.weight": t["token_embedding.weight"][:100].clone()}),
        "positions-of-none": lambda t: t.update({"positional_embedding": t["positional_embedding"][:0].clone()}),
        "complex": lambda t: t.update({"visual.proj": t["visual.proj"].cfloat()}),
        "integers": lambda t: t.update({name: tensor.long() for name, tensor in t.items()}),
        "booleans": lambda t: t.update({"visual.proj": t["visual.proj"].bool()}),
    }
    for name, change in tensors.items():
        yield Case(f"tensors-{name}", partial(_run, partial(_change_tensors, change)), REFUSED, "m[ /:]|local-dir:m")
    yield Case("tensors-half", partial(_run, partial(_change_tensors, _halve)), OK, check=_is_certain)
    # Finite weights whose products are not: no share may come of them.
    for name in ("visual.conv1.weight", "text_projection"):
        make = partial(_run, partial(_change_tensors, lambda t, name=name: t[name].fill_(3e38)))
        yield Case(f"tensors-overflow-{name.replace('.', '-').replace('_', '-')}", make, (1, 2), "NaN|finite")


_HEADER_EDITS: tuple[Callable[[dict[str, Any]], Any], ...] = (
    lambda h: h["visual.proj"].update(data_offsets=[0, 10**15]),
    lambda h: h["visual.proj"].update(data_offsets=[-8, 0]),
    lambda h: h["visual.proj"].update(data_offsets=[0, 256]),
    lambda h: h["visual.proj"].update(data_offsets=[2**64, 2**64]),
    lambda h: h["visual.proj"].update(data_offsets="x"),
    lambda h: h["visual.proj"].update(shape=[2**40, 2**40]),
    lambda h: h["visual.proj"].update(shape=[-8, -8]),
    lambda h: h["visual.proj"].update(shape=[8]),
    lambda h: h["visual.proj"].update(dtype="F1024"),
    lambda h: h["visual.proj"].update(dtype=None),
    lambda h: h["visual.proj"].pop("dtype"),
    lambda h: h.update({"visual.proj": None}),
    lambda h: h.update({"visual.proj": [1, 2]}),
    lambda h: h.update(__metadata__=5),
    lambda h: h.update(__metadata__={"a": [1]}),
)


def _split() -> tuple[dict[str, Any], bytes]:
    raw = _make_weights()
    (size,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + size]), raw[8 + size :]


def _frame(header: Any, data: bytes) -> bytes:
    return _frame_text(json.dumps(header)) + data


def _frame_text(header: str | bytes) -> bytes:
    raw = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(raw)) + raw


def _edit_header(change: Callable[[dict[str, Any]], Any]) -> bytes:
    header, data = _split()
    change(header)
    return _frame(header, data)


def _cut(at: str) -> bytes:
    raw = _make_weights()
    return raw[: {"half": len(raw) // 2, "last": len(raw) - 1}.get(at) or int(at)]


def _rename_all(tensors: dict[str, Any]) -> None:
    for name in list(tensors):
        tensors[f"x.{name}"] = tensors.pop(name)


def _halve(tensors: dict[str, Any]) -> None:
    tensors.update({name: tensor.half() for name, tensor in tensors.items()})


def _change_tensors(change: Callable[[dict[str, Any]], Any], folder: Path) -> None:
    from safetensors.torch import save_file

    tensors = _read_tensors()
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


def _zip(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


# Pickles that would run code


class Runs:
    """Its pickle makes a file when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("ran",)


def make_pickles() -> dict[str, bytes]:
    """Returns pickles that would make the folder `ran` in the working folder, in the ways in which torch and NumPy read them."""
    import torch

    saved = []
    for zipped in (True, False):
        stream = io.BytesIO()
        torch.save({"visual.proj": Runs()}, stream, _use_new_zipfile_serialization=zipped)
        saved.append(stream.getvalue())
    array = io.BytesIO()
    np.save(array, np.array([Runs()], dtype=object), allow_pickle=True)
    return {
        "plain": pickle.dumps(Runs()),
        "protocol-0": b"cos\nmkdir\n(S'ran'\ntR.",
        "torch-zip": saved[0],
        "torch-old": saved[1],
        "numpy": array.getvalue(),
    }


def check_nothing_ran(outcome: Outcome) -> str:
    return "code ran" if list(outcome.folder.rglob("ran")) else ""


def _write_pickle(name: str, kind: str, folder: Path) -> None:
    if name != WEIGHTS:
        (folder / WEIGHTS).unlink()
    (folder / name).write_bytes(make_pickles()[kind])


def _pickles() -> Iterator[Case]:
    for name in (PICKLE, WEIGHTS, "pytorch_model.bin", "model.pth"):
        for kind in make_pickles():
            make = partial(_run, partial(_write_pickle, name, kind))
            yield Case(f"pickle-{name.split('.')[0].replace('_', '-')}-{kind}", make, REFUSED, check=check_nothing_ran)

    def both(folder: Path) -> None:
        (folder / PICKLE).write_bytes(make_pickles()["torch-zip"])

    yield Case("pickle-beside-weights", partial(_run, both), OK, check=check_nothing_ran)


# Tokenizers


def _tokenizers() -> Iterator[Case]:
    documents = {
        "missing": None, "null": "null", "list": "[]", "empty": "", "deep": "[" * 100_000 + "]" * 100_000,
        "mapping": "{}", "model-null": '{"model": null}', "unknown": '{"version": "1.0", "model": {"type": "Code"}}',
        "vocab-negative": '{"version":"1.0","model":{"type":"WordLevel","vocab":{"a":-1},"unk_token":"a"}}',
        "binary": b"\xff\x00\x80",
    }  # fmt: skip
    for name, document in documents.items():
        yield Case(f"tokenizer-{name}", partial(_run, partial(_write_tokenizer, document)), REFUSED, "local-dir:m|m/")


def _write_tokenizer(document: Any, folder: Path) -> None:
    model = json.loads(json.dumps(MODEL))
    model["text_cfg"]["hf_tokenizer_name"] = "org/name"
    (folder / CONFIG).write_text(json.dumps({"model_cfg": model, "preprocess_cfg": PREPROCESS}))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    if document is not None:
        _write("tokenizer.json", document, folder)


# What is in place of a file


def _places() -> Iterator[Case]:
    for file in (CONFIG, WEIGHTS, CARD):
        label = file.split(".")[0].replace("_", "-")
        optional = OK if file == CARD else REFUSED
        yield Case(f"place-folder-{label}", partial(_run, partial(_replace, file, "folder")), REFUSED, file)
        yield Case(f"place-pipe-{label}", partial(_run, partial(_replace, file, "pipe")), REFUSED, file, seconds=5)
        yield Case(f"place-broken-link-{label}", partial(_run, partial(_replace, file, "nowhere")), REFUSED, file)
        yield Case(f"place-zero-{label}", partial(_run, partial(_replace, file, "zero")), REFUSED, file, seconds=5)
        yield Case(f"place-loop-{label}", partial(_run, partial(_replace, file, "loop")), REFUSED, file)
        yield Case(
            f"place-none-{label}",
            partial(_run, partial(_replace, file, "none")),
            optional,
            file if optional == REFUSED else "",
        )
    for file in (CONFIG, CARD):
        label = file.split(".")[0].replace("_", "-")
        yield Case(f"place-large-{label}", partial(_run, partial(_replace, file, "large")), REFUSED, file, seconds=5)
    yield Case(
        "place-large-foreign", partial(_run, partial(_replace, "more.json", "large")), REFUSED, "more", seconds=5
    )
    yield Case("place-large-weights", partial(_run, partial(_replace, WEIGHTS, "large")), REFUSED, WEIGHTS, seconds=5)
    yield Case("place-pipe-beside", partial(_run, partial(_replace, PICKLE, "pipe")), READ_OR_REFUSED, seconds=5)


def _replace(name: str, kind: str, folder: Path) -> None:
    file = folder / name
    file.unlink(missing_ok=True)
    if kind == "folder":
        file.mkdir()
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "nowhere":
        file.symlink_to("nowhere")
    elif kind == "zero":
        file.symlink_to("/dev/zero")
    elif kind == "loop":
        file.symlink_to(name)
    elif kind == "large":  # sparse
        with file.open("wb") as handle:
            handle.truncate(1 << 40)


# Names


def _names() -> Iterator[Case]:
    names = {
        "parent": "hf-hub:../../etc", "revision": "hf-hub:a/b@../x", "revision-absolute": "hf-hub:a/b@/etc",
        "nul": "hf-hub:a/b\u0001", "empty-hub": "hf-hub:", "one-part": "hf-hub:/", "three": "hf-hub:a/b/c", "spaces": "hf-hub:a b/c",
        "long-hub": "hf-hub:" + "a" * 5000 + "/b", "revision-long": "hf-hub:a/b@" + "0" * 5000, "at-only": "hf-hub:@",
        "zero": "local-dir:/dev/zero", "null": "local-dir:/dev/null", "empty-folder": "local-dir:",
        "file": "local-dir:bird.png", "nobody": "local-dir:~nobody-there/m", "long-folder": "local-dir:" + "a/" * 3000,
        "long-name": "local-dir:" + "a" * 300, "root": "local-dir:/", "proc": "local-dir:/proc/self",
        "package": "package:../m", "package-absolute": "package:/etc/m", "package-dots": "package:bioclip_x/../../m",
        "package-empty": "package:", "package-name": "package:os/m", "package-control": "package:a\u0007/m",
        "scheme": "ftp:a/b", "url": "https://example.org/m", "colon": ":", "slash": "/", "empty": "", "blank": " ",
        "alias-revision": "bioclip-2@../../x", "no-weights": "ViT-B-32/", "no-architecture": "/openai", "slashes": "a/b/c/d",
        "letters": "x" * 5000, "controls": "\u001b[2Jx", "reversed": "\u202ex", "lone": "\udc80x", "half-local": "local-dir:\udcff",
    }  # fmt: skip
    for name, model in names.items():
        yield Case(f"name-{name}", partial(_run_named, model), REFUSED, seconds=10)
    for name in ("config-null", "weights-cut", "ref-away", "snapshot-missing"):
        yield Case(f"hub-{name}", partial(_run_hub, name), REFUSED, "org/name", environment={"HF_HOME": "{folder}"})
    yield Case("hub-whole", partial(_run_hub, "whole"), OK, check=_is_certain, environment={"HF_HOME": "{folder}"})


def _run_hub(kind: str, folder: Path) -> list[str]:
    import huggingface_hub.constants

    huggingface_hub.constants.HF_HUB_CACHE = str(folder / "hub")  # which it reads from HF_HOME when it is imported
    snapshot = write_folder(folder / HUB)
    commit, refs = snapshot.name, snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("../../../../etc" if kind == "ref-away" else commit)
    if kind == "config-null":
        _write(CONFIG, "null", snapshot)
    elif kind == "weights-cut":
        _write(WEIGHTS, _cut("half"), snapshot)
    elif kind == "snapshot-missing":
        (snapshot / CONFIG).unlink()
    return _run_named("hf-hub:org/name", folder)


# Cards in a model's folder, and what they name


def _cards() -> Iterator[Case]:
    documents: dict[str, Any] = {
        "null": None, "number": 3, "list": [], "text": "x", "demo-number": {"demo": 5}, "taxonomy-list": {"taxonomy": []},
        "taxonomy-number": {"taxonomy": 1}, "taxonomy-missing": {"taxonomy": "none.csv"}, "taxonomy-away": {"taxonomy": "../../x.csv"},
        "taxonomy-absolute": {"taxonomy": "/etc/passwd"}, "taxonomy-folder": {"taxonomy": "."},
        "taxonomy-nul": {"taxonomy": "a\0b"}, "taxonomy-long": {"taxonomy": "a" * 3000}, "descriptors-list": {"descriptors": [1]},
        "descriptors-away": {"descriptors": "../bird.png"}, "descriptors-missing": {"descriptors": "none.yaml"},
        "prefix-null": {"text_prefix": None}, "prefix-number": {"text_prefix": 1}, "recipe-null": {"recipe": None},
        "recipe-list": {"recipe": []}, "recipe-unknown": {"recipe": {"xyz": 1}}, "recipe-text-null": {"recipe": {"text": None}},
        "recipe-text-number": {"recipe": {"text": 4}}, "recipe-text-unknown": {"recipe": {"text": ["no-such"]}},
        "recipe-model": {"recipe": {"model": "local-dir:/"}}, "recipe-language": {"recipe": {"text": ["scientific"], "language": 5}},
        "recipe-pooling": {"recipe": {"text": ["scientific"], "pooling": "xyz"}},
        "recipe-plugins": {"recipe": {"plugins": ["evil.py"]}}, "recipe-scorer": {"recipe": {"scorer": "no-such"}},
        "recipe-scorer-away": {"recipe": {"scorer": {"name": "linear", "path": "../../x"}}},
        "recipe-scorer-missing": {"recipe": {"scorer": {"name": "linear", "path": "x.safetensors"}}},
        "gate-null": {"gate": None}, "gate-list": {"gate": []}, "gate-empty": {"gate": {}},
        "gate-number": {"gate": {"file": 3, "refusal": "x"}}, "gate-refusal": {"gate": {"file": "g.safetensors", "refusal": 3}},
        "gate-missing": {"gate": {"file": "g.safetensors", "refusal": "x"}},
        "gate-away": {"gate": {"file": "../../g", "refusal": "x"}}, "gate-config": {"gate": {"file": CONFIG, "refusal": "x"}},
        "gate-weights": {"gate": {"file": WEIGHTS, "refusal": "x"}}, "gate-folder": {"gate": {"file": ".", "refusal": "x"}},
        "gate-nul": {"gate": {"file": "\0", "refusal": "x"}},
    }  # fmt: skip
    for name, document in documents.items():
        own = name.startswith("taxonomy-") and name not in ("taxonomy-list", "taxonomy-number")
        make = partial(_run_card, json.dumps(document), own)
        yield Case(f"card-{name}", make, REFUSED)
    texts = {
        "brace": "{",
        "deep": "[" * 100_000 + "]" * 100_000,
        "binary": b"\xff\xfe\x01",
        "empty": "",
        "nan": "NaN",
        "digits": "9" * 9999,
    }
    for name, text in texts.items():
        yield Case(f"card-text-{name}", partial(_run_card, text, False), REFUSED, CARD)
    for name, change in _GATES.items():
        yield Case(f"gate-{name}", partial(_run, partial(_write_gate, change)), REFUSED, "gate")
    yield Case("gate-whole", partial(_run, partial(_write_gate, lambda t: None)), OK)


def _run_card(document: str | bytes, own: bool, folder: Path) -> list[str]:
    """own: whether to classify among the classes that the card names."""
    arguments = _run(partial(_write, CARD, document), folder)
    return [one for one in arguments if one not in ("--labels", "labels.txt")] if own else arguments


_GATES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "mean-missing": lambda t: t.pop("mean"),
    "other-size": lambda t: t.update(mean=t["mean"][:5].clone(), scale=t["scale"][:5].clone(), precision=t["precision"][:5, :5].clone()),
    "mean-nan": lambda t: t["mean"].fill_(float("nan")),
    "scale-zero": lambda t: t["scale"].fill_(0),
    "scale-negative": lambda t: t["scale"].fill_(-1),
    "precision-nan": lambda t: t["precision"].fill_(float("nan")),
    "precision-vector": lambda t: t.update(precision=t["precision"][0].clone()),
    "threshold-nan": lambda t: t["threshold"].fill_(float("nan")),
    "threshold-list": lambda t: t.update(threshold=t["mean"].clone()),
    "threshold-none": lambda t: t.update(threshold=t["mean"][:0].clone()),
    "integers": lambda t: t.update({name: tensor.long() for name, tensor in t.items()}),
    "booleans": lambda t: t.update({name: tensor.bool() for name, tensor in t.items()}),
}  # fmt: skip


def _write_gate(change: Callable[[dict[str, Any]], Any], folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    n_features = 63 + MODEL["embed_dim"]
    tensors = {
        "mean": torch.zeros(n_features), "scale": torch.ones(n_features), "precision": torch.eye(n_features),
        "threshold": torch.tensor(1e6),
    }  # fmt: skip
    change(tensors)
    save_file(tensors, folder / "gate.safetensors")
    _write(CARD, json.dumps({"gate": {"file": "gate.safetensors", "refusal": "no"}}), folder)


# Linear heads


def _heads() -> Iterator[Case]:
    large = partial(_run_head, lambda tensors, about: tensors["weight"].fill_(3e37))
    yield Case("head-large", large, OK, check=_is_certain)
    yield Case("head-whole", partial(_run_head, lambda tensors, about: None), OK, check=_is_certain)
    changes: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
        "weight-missing": lambda t, a: t.pop("weight"),
        "foreign": lambda t, a: t.update(code=t["bias"].clone()),
        "nan": lambda t, a: t["weight"].fill_(float("nan")),
        "bias-infinite": lambda t, a: t["bias"].fill_(float("inf")),
        "bias-short": lambda t, a: t.update(bias=t["bias"][:2].clone()),
        "bias-scalar": lambda t, a: t.update(bias=t["bias"][0].clone()),
        "bias-matrix": lambda t, a: t.update(bias=t["bias"][:, None].clone()),
        "weight-vector": lambda t, a: t.update(weight=t["weight"][:, 0].clone()),
        "other-width": lambda t, a: t.update(weight=t["weight"][:, :5].clone()),
        "no-width": lambda t, a: t.update(weight=t["weight"][:, :0].clone()),
        "classes-float": lambda t, a: t.update(classes=t["classes"].float()),
        "classes-scalar": lambda t, a: t.update(classes=t["classes"][0].clone()),
        "classes-no-utf8": lambda t, a: t["classes"].fill_(255),
        "classes-no-json": lambda t, a: t.update(classes=_pack("a\nb\nc")),
        "classes-nested": lambda t, a: t.update(classes=_pack('["a"]\n[1]\n{"x": 2}')),
        "classes-deep": lambda t, a: t.update(classes=_pack("[" * 100_000 + "\n[]\n[]")),
        "complex": lambda t, a: t.update(weight=t["weight"].cfloat()),
        "version": lambda t, a: a.update(version=99),
        "version-null": lambda t, a: a.update(version=None),
        "no-fingerprint": lambda t, a: a.pop("fingerprint"),
        "no-whole": lambda t, a: a.pop("is_whole"),
        "not-normalised": lambda t, a: a.update(normalised=False),
        "about-empty": lambda t, a: a.clear(),
    }
    for name, change in changes.items():
        yield Case(f"head-{name}", partial(_run_head, change), REFUSED, "head.safetensors")
    for name, text in {"null": "null", "list": "[1]", "deep": "[" * 100_000, "number": "1", "text": "x"}.items():
        yield Case(f"head-about-{name}", partial(_run_head, lambda t, a: None, text), REFUSED, "head.safetensors")
    contents = {"empty": b"", "cut": b"\x40\0\0\0\0\0\0\0{", **make_pickles()}
    for name, content in contents.items():
        yield Case(
            f"head-file-{name}", partial(_run_head_file, content), REFUSED, "head.safetensors", check=check_nothing_ran
        )
    yield Case("head-folder", partial(_run_head_place, "folder"), REFUSED, "head.safetensors")
    yield Case("head-pipe", partial(_run_head_place, "pipe"), REFUSED, "head.safetensors", seconds=5)
    yield Case("head-zero", partial(_run_head_place, "zero"), REFUSED, "head.safetensors", seconds=5)


def _pack(text: str) -> Any:
    import torch

    return torch.tensor(list(text.encode()), dtype=torch.uint8)


def _run_head(
    change: Callable[[dict[str, Any], dict[str, Any]], Any],
    about_text: str | Path | None = None,
    folder: Path | None = None,
) -> list[str]:
    import torch
    from safetensors.torch import save_file

    if folder is None:  # `about_text` is optional before it
        assert isinstance(about_text, Path)
        about_text, folder = None, about_text
    lineages = [f'[["", "{name}"]]' for name in ("Parus major", "Cyanistes caeruleus", "Erithacus rubecula")]
    tensors = {
        "weight": torch.randn(3, MODEL["embed_dim"], generator=torch.Generator().manual_seed(0)), "bias": torch.zeros(3),
        "classes": _pack("\n".join(lineages)),
    }  # fmt: skip
    about = {"version": 1, "fingerprint": "x", "is_whole": False, "normalised": True}
    change(tensors, about)
    text = json.dumps(about) if about_text is None else str(about_text)
    save_file(tensors, folder / "head.safetensors", {"bioclip_x_linear_head": text})
    return _run(None, folder, "--scorer", "linear:path=head.safetensors")


def _run_head_file(content: bytes, folder: Path) -> list[str]:
    (folder / "head.safetensors").write_bytes(content)
    return _run(None, folder, "--scorer", "linear:path=head.safetensors")


def _run_head_place(kind: str, folder: Path) -> list[str]:
    _replace("head.safetensors", kind, folder)
    return _run(None, folder, "--scorer", "linear:path=head.safetensors")


# Image classifiers


def _classifiers() -> Iterator[Case]:
    contents = {
        "empty": b"",
        "text": b"not a model",
        "zeros": bytes(1000),
        "weights": b"\x40\0\0\0\0\0\0\0{}",
        "zip": _zip({"a": b"b"}),
    }
    for name, content in (contents | make_pickles()).items():
        yield Case(f"onnx-{name}", partial(_run_onnx, content, None), REFUSED, "model.onnx", check=check_nothing_ran)
    for kind in ("folder", "pipe", "zero", "nowhere", "large"):
        yield Case(f"onnx-{kind}", partial(_run_onnx, None, kind), REFUSED, "model.onnx", seconds=10)
    options = {
        "mean-nan": "mean=.nan .nan .nan", "size-huge": "size=1000000000", "size-zero": "size=0", "size-negative": "size=-1",
        "resize": "resize=xyz", "outputs": "outputs=xyz", "unknown": "code=1", "refuse": "refuse=nothing",
    }  # fmt: skip
    for name, option in options.items():
        yield Case(f"onnx-option-{name}", partial(_run_onnx, b"x", None, option), REFUSED)
    labels = {"empty": b"", "binary": b"\xff\xfe\0\x80", "nul": b"a\0b\n", "twice": b"a\na\n", "long": b"a" * (2 << 20)}
    for name, content in labels.items():
        yield Case(f"onnx-labels-{name}", partial(_run_labels, content), REFUSED, "labels|model")
    for name, model in {
        "unknown": "timm:no_such_model", "empty": "timm:", "folder": "timm:local-dir:m", "zero": "timm:resnet10t@/dev/zero",
        "labels-missing": "timm:resnet10t@none.txt", "path": "timm:../x",
    }.items():  # fmt: skip
        yield Case(f"timm-{name}", partial(_run_named, model), REFUSED, seconds=10)
    for kind, _ in make_pickles().items():
        yield Case(f"timm-weights-{kind}", partial(_run_timm, kind), REFUSED, check=check_nothing_ran)


def _run_onnx(content: bytes | None, kind: str | None, option: str | Path, folder: Path | None = None) -> list[str]:
    if folder is None:  # without an option
        assert isinstance(option, Path)
        option, folder = "", option
    (folder / "model.txt").write_text("Parus major\nblank\n")
    if content is None:
        _replace("model.onnx", str(kind), folder)
    else:
        (folder / "model.onnx").write_bytes(content)
    return _run_named(f"onnx:model.onnx,{option}" if option else "onnx:model.onnx", folder)


def _run_labels(content: bytes, folder: Path) -> list[str]:
    (folder / "model.onnx").write_bytes(b"x")
    (folder / "model.txt").write_bytes(content)
    return _run_named("onnx:model.onnx", folder)


def _run_timm(kind: str, folder: Path) -> list[str]:
    (folder / "weights.pth").write_bytes(make_pickles()[kind])
    (folder / "names.txt").write_text("Parus major\nblank\n")
    return _run_named("timm:test_vit@names.txt,weights=weights.pth", folder)
