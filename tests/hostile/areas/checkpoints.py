"""Checkpoints of training runs that are resumed, and soups of models: damaged, of other runs, or made to run code."""

# ruff: noqa: E501 - tables of inputs

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

from PIL import Image

from hostile.areas.models import check_nothing_ran, make_pickles
from hostile.case import OK, READ_OR_REFUSED, REFUSED, Case, Outcome
from hostile.inputs import prepare

OLD, NEW = "checkpoint-0000001.pt", "checkpoint-0000002.pt"
WEIGHTS = "open_clip_model.safetensors"
MODEL: dict[str, Any] = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 8, "patch_size": 16, "head_width": 4},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1},
    "preprocess": {"size": 32, "mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"},
}
CONFIG: dict[str, Any] = {
    "model": MODEL, "taxonomy": "taxonomy.csv", "text": "scientific", "data": {"name": "image-folder", "path": "squares"},
    "epochs": 1, "batch_size": 2, "learning_rate": 0.001, "seed": 1, "precision": "fp32", "device": "cpu", "workers": 0,
    "checkpoint_every": 1, "output": "run",
}  # fmt: skip
_lock = threading.Lock()


def cases() -> Iterator[Case]:
    yield Case("whole", partial(_resume, None), OK, "resuming after step 2", check=_is_complete)
    yield Case("older-without-checksums", partial(_resume, _drop_checksums), OK, "resuming after step 2")
    yield from _bytes()
    yield from _documents()
    yield from _states()
    yield from _places()
    yield from _best()
    yield from _configurations()
    yield from _soups()


# A run


def write_data(folder: Path, config: dict[str, Any] = CONFIG) -> None:
    """Writes a training configuration, which is JSON and so YAML, and its data: two classes, two images each."""
    for number, name in enumerate(("Rubrus_primus", "Viridis_secundus")):
        place = folder / "squares" / name
        place.mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (32, 32), (200 - 190 * number, 10 + 190 * number, 40 * i)).save(place / f"{i}.png")
    rows = "kingdom,genus,species\nAnimalia,Rubrus,Rubrus primus\nAnimalia,Viridis,Viridis secundus\n"
    (folder / "taxonomy.csv").write_text(rows)
    (folder / "train.yaml").write_text(json.dumps(config))


@cache
def _run_once() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="hostile-run-"))
    write_data(folder)
    prepare(folder, "train", "train.yaml", "--quiet")
    return folder


def copy_run(folder: Path) -> None:
    """Copies a run of two steps, with a checkpoint of each, and its data."""
    with _lock:
        source = _run_once()
    for name in ("squares", "taxonomy.csv", "train.yaml", "run"):
        copy = shutil.copytree if (source / name).is_dir() else shutil.copyfile
        copy(source / name, folder / name)


Damage = Callable[[Path], Any]


def _resume(damage: Damage | None, folder: Path, *more: str) -> list[str]:
    copy_run(folder)
    if damage:
        damage(folder / "run")
    return ["train", "train.yaml", "--resume", "--set", "epochs=2", *more]


def _is_complete(outcome: Outcome) -> str:
    lines = [json.loads(line) for line in (outcome.folder / "run" / "log.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines if line["event"] == "step"]
    return "" if steps == [1, 2, 3, 4] else f"steps {steps}"


def _is_not_changed(outcome: Outcome) -> str:
    """What was refused is still there, and nothing was written after it."""
    found = sorted(path.name for path in (outcome.folder / "run").glob("checkpoint-*"))
    return "" if found[:1] == [OLD] and found[-1] <= NEW else f"checkpoints {found}"


# Bytes


def _bytes() -> Iterator[Case]:
    def change(edit: Callable[[bytearray], Any], run: Path) -> None:
        raw = bytearray((run / NEW).read_bytes())
        shorter = edit(raw)
        (run / NEW).write_bytes(raw if shorter is None else shorter)

    says = f"{NEW}.*{OLD}"
    for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9):
        for bit in (1, 0x40):

            def flip(raw: bytearray, share: float = share, bit: int = bit) -> None:
                raw[_find_byte(bytes(raw), share)] ^= bit

            yield Case(
                f"flipped-{int(share * 100)}-{bit}",
                partial(_resume, partial(change, flip)),
                REFUSED,
                says,
                check=_is_not_changed,
            )
    cuts: dict[str, Callable[[bytearray], Any]] = {
        "empty": lambda raw: b"", "cut-100": lambda raw: raw[:100], "cut-half": lambda raw: raw[: len(raw) // 2],
        "cut-last": lambda raw: raw[:-1], "cut-directory": lambda raw: raw[:-200], "zeros": lambda raw: bytes(len(raw)),
        "zeros-inside": lambda raw: raw[:9000] + bytes(4096) + raw[13096:], "text": lambda raw: b"not a checkpoint",
        "zip-of-nothing": lambda raw: _zip({}), "zip-of-text": lambda raw: _zip({"a": b"b"}),
        "zip-bomb": lambda raw: _zip({"archive/data.pkl": bytes(200 << 20)}, zipfile.ZIP_DEFLATED),
        "zip-packed": lambda raw: _pack(bytes(raw)),
    }  # fmt: skip
    for name, edit in cuts.items():
        yield Case(f"bytes-{name}", partial(_resume, partial(change, edit)), REFUSED, says, check=_is_not_changed)
    for name, content in make_pickles().items():
        damage = partial(change, lambda raw, content=content: content)
        yield Case(f"pickle-{name}", partial(_resume, damage), REFUSED, says, check=check_nothing_ran)

    def both(run: Path) -> None:
        for name in (OLD, NEW):
            (run / name).write_bytes((run / name).read_bytes()[:1000])

    yield Case("both-damaged", partial(_resume, both), REFUSED, f"{NEW}.*earlier ones are damaged")


def _find_byte(raw: bytes, share: float) -> int:
    """Returns the place of a byte in what the archive's files hold; flips between them change nothing."""
    places: list[range] = []
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for info in archive.infolist():
            name, extra = struct.unpack("<HH", raw[info.header_offset + 26 : info.header_offset + 30])
            start = info.header_offset + 30 + name + extra
            places.append(range(start, start + info.file_size))
    number = int(share * sum(map(len, places)))
    for place in places:
        if number < len(place):
            return place[number]
        number -= len(place)
    raise AssertionError("share is below 1")


def _zip(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _pack(raw: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return _zip({info.filename: archive.read(info) for info in archive.infolist()}, zipfile.ZIP_DEFLATED)


# What it says


def _edit(change: Callable[[dict[str, Any]], Any], run: Path) -> None:
    """Changes what the newest checkpoint says; its checksums are right again."""
    import torch

    document = torch.load(run / NEW, weights_only=True)
    changed = change(document)
    torch.save(document if changed is None or isinstance(changed, torch.Tensor) else changed, run / NEW)


def _drop_checksums(run: Path) -> None:
    _edit(lambda document: document.pop("files", None) and None, run)


def _nest(levels: int) -> Any:
    nested: Any = 1
    for _ in range(levels):
        nested = [nested]
    return nested


def _documents() -> Iterator[Case]:
    def case(name: str, change: Callable[[dict[str, Any]], Any], says: str = NEW) -> Case:
        return Case(f"document-{name}", partial(_resume, partial(_edit, change)), REFUSED, says, check=_is_not_changed)

    for name, document in {"list": [], "number": 3, "text": "x", "empty": {}, "deep": _nest(150)}.items():
        yield case(name, lambda _, document=document: document if document != {} else {"x": 1})
    for key in ("format", "place", "states", "fingerprint", "epochs", "metrics"):
        yield case(f"without-{key}", lambda document, key=key: document.pop(key) and None)
        for name, value in {"null": None, "list": [1], "text": "x", "nan": float("nan"), "number": 10**30}.items():
            yield case(f"{key}-{name}", lambda document, key=key, value=value: document.update({key: value}))
    yield case("fingerprint-deep", lambda document: document.update(fingerprint="[" * 100_000))
    yield case("fingerprint-other", lambda document: document.update(fingerprint="{}"), "another run")
    yield case("format-99", lambda document: document.update(format=99), "version")
    yield case("epochs-9", lambda document: document.update(epochs=9), "only be increased")
    yield case("metrics-value-nan", lambda document: document.update(metrics={"a": float("nan")}))
    yield case("metrics-names", lambda document: document.update(metrics={3: 0.5}))
    places: dict[str, dict[str, Any]] = {
        "huge": {"step": 10**18}, "negative": {"step": -1}, "text": {"step": "2"}, "fraction": {"step": 2.5}, "true": {"step": True},
        "epoch-huge": {"epoch": 10**9}, "epoch-negative": {"epoch": -1}, "epoch-zero": {"epoch": 0}, "within": {"epoch_step": 7},
        "loss-nan": {"epoch_loss": float("nan")}, "loss-text": {"epoch_loss": "x"}, "foreign": {"code": 1}, "digits": {"step": 10**400},
    }  # fmt: skip
    for name, fields in places.items():
        yield case(f"place-of-{name}", lambda document, fields=fields: document["place"].update(fields))
    yield case("place-short", lambda document: document["place"].pop("epoch") and None)


# States


def _states() -> Iterator[Case]:
    import torch

    def case(name: str, change: Callable[[dict[str, Any]], Any], says: str = NEW) -> Case:
        def edit(document: dict[str, Any]) -> None:
            change(document["states"])

        return Case(f"state-{name}", partial(_resume, partial(_edit, edit)), REFUSED, says, check=_is_not_changed)

    def first(part: dict[str, Any]) -> str:
        return next(key for key, value in part.items() if isinstance(value, torch.Tensor) and value.ndim == 2)

    def model(change: Callable[[dict[str, Any], str], Any]) -> Callable[[dict[str, Any]], Any]:
        return lambda states: change(states["model"], first(states["model"]))

    tensors: dict[str, Callable[[dict[str, Any], str], Any]] = {
        "nan": lambda part, key: part[key].fill_(float("nan")),
        "infinite": lambda part, key: part[key].fill_(float("inf")),
        "short": lambda part, key: part.update({key: part[key][:1].clone()}),
        "more-dimensions": lambda part, key: part.update({key: part[key][None].clone()}),
        "missing": lambda part, key: part.pop(key),
        "foreign": lambda part, key: part.update(code=part[key].clone()),
        "number": lambda part, key: part.update({key: 3}),
        "null": lambda part, key: part.update({key: None}),
        "integers": lambda part, key: part.update({key: part[key].long()}),
        "booleans": lambda part, key: part.update({key: part[key].bool()}),
        "complex": lambda part, key: part.update({key: part[key].cfloat()}),
        "sparse": lambda part, key: part.update({key: part[key].to_sparse()}),
        "meta": lambda part, key: part.update({key: part[key].to("meta")}),
        "shard": lambda part, key: part.update({key: "sharded tensor model"}),
    }
    for name, change in tensors.items():
        yield case(f"tensor-{name}", model(change))
    for part in ("model", "optimizer", "data"):
        yield case(f"{part}-missing", lambda states, part=part: states.pop(part))
        for name, value in {"null": None, "list": [1], "empty": {}, "text": "x", "deep": _nest(150)}.items():
            yield case(f"{part}-{name}", lambda states, part=part, value=value: states.update({part: value}))
    yield case("foreign", lambda states: states.update(code={}))

    def moments(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
        return lambda states: change(states["optimizer"]["state"][min(states["optimizer"]["state"])])

    optimizers: dict[str, Callable[[dict[str, Any]], Any]] = {
        "short": moments(lambda one: one.update(exp_avg=torch.zeros(1))),
        "scalar": moments(lambda one: one.update(exp_avg=torch.tensor(0.0))),
        "nan": moments(lambda one: one["exp_avg_sq"].fill_(float("nan"))),
        "moment-missing": moments(lambda one: one.pop("exp_avg")),
        "step-missing": moments(lambda one: one.pop("step")),
        "step-text": moments(lambda one: one.update(step="x")),
        "step-nan": moments(lambda one: one.update(step=torch.tensor(float("nan")))),
        "moment-null": moments(lambda one: one.update(exp_avg=None)),
        "integers": moments(lambda one: one.update(exp_avg=one["exp_avg"].long())),
        "state-null": lambda states: states["optimizer"].update(state=None),
        "state-list": lambda states: states["optimizer"].update(state=[1]),
        "no-groups": lambda states: states["optimizer"].update(param_groups=[]),
        "groups-null": lambda states: states["optimizer"].update(param_groups=None),
        "group-null": lambda states: states["optimizer"].update(param_groups=[None]),
        "group-short": lambda states: states["optimizer"]["param_groups"][0].update(params=[0]),
        "rate-text": lambda states: states["optimizer"]["param_groups"][0].update(lr="x"),
        "rate-nan": lambda states: states["optimizer"]["param_groups"][0].update(lr=float("nan")),
        "rate-missing": lambda states: states["optimizer"]["param_groups"][0].pop("lr"),
        "betas-null": lambda states: states["optimizer"]["param_groups"][0].update(betas=None),
        "eps-negative": lambda states: states["optimizer"]["param_groups"][0].update(eps=-1.0),
        "foreign": lambda states: states["optimizer"].update(code=1),
        "number-huge": lambda states: states["optimizer"]["state"].update({10**9: {"exp_avg": torch.zeros(2)}}),
    }
    for name, change in optimizers.items():
        yield case(f"optimizer-{name}", change)


# What is in place of a checkpoint


def _places() -> Iterator[Case]:
    def replace(kind: str, run: Path) -> None:
        file = run / NEW
        file.unlink()
        if kind == "folder":
            file.mkdir()
        elif kind == "pipe":
            os.mkfifo(file)
        elif kind == "nowhere":
            file.symlink_to("nowhere")
        elif kind == "zero":
            file.symlink_to("/dev/zero")
        elif kind == "loop":
            file.symlink_to(NEW)
        elif kind == "large":
            with file.open("wb") as handle:
                handle.truncate(1 << 40)

    for kind in ("folder", "pipe", "nowhere", "zero", "loop", "large"):
        yield Case(f"place-{kind}", partial(_resume, partial(replace, kind)), REFUSED, NEW, seconds=10)

    def folder(content: dict[str, bytes], run: Path) -> None:
        place = run / "checkpoint-0000002"
        (run / NEW).unlink()
        place.mkdir()
        for name, raw in content.items():
            (place / name).write_bytes(raw)

    contents = {"empty": {}, "rest-text": {"rest.pt": b"x"}, "shards-only": {"shard-00001-model.safetensors": b"x"}}
    for name, content in (
        contents | {f"pickle-{kind}": {"rest.pt": raw} for kind, raw in make_pickles().items()}
    ).items():
        says = "checkpoint-0000002.*" + OLD
        yield Case(f"folder-{name}", partial(_resume, partial(folder, content)), REFUSED, says, check=check_nothing_ran)
    names = {"huge": "checkpoint-" + "9" * 200 + ".pt", "other": "checkpoint-x.pt", "arabic": "checkpoint-٣.pt"}
    for name, file in names.items():
        statuses = OK if name == "other" else READ_OR_REFUSED
        yield Case(f"name-{name}", partial(_resume, lambda run, file=file: (run / file).write_bytes(b"x")), statuses)


# The best checkpoint, and the run's other files


def _best() -> Iterator[Case]:
    documents = {
        "null": "null", "list": "[]", "brace": "{", "empty": "", "deep": "[" * 100_000, "numbers": '{"checkpoint":1,"metric":2,"value":3}',
        "away": '{"checkpoint":"../../checkpoint-0000001.pt","metric":"a","value":0.5}', "binary": "\udcff",
        "value-text": '{"checkpoint":"checkpoint-0000001.pt","metric":"a","value":"x"}',
        "value-nan": '{"checkpoint":"checkpoint-0000001.pt","metric":"a","value":NaN}', "nul": '{"checkpoint":"\\u0000","metric":"a","value":1}',
    }  # fmt: skip
    for name, text in documents.items():
        raw = text.encode("utf-8", "surrogateescape")
        damage = partial(_write_file, "checkpoint-best.json", raw)
        yield Case(f"best-{name}", partial(_resume, damage), REFUSED, "checkpoint-best.json")
    for name in ("log.jsonl", "metrics.json", "run.json", "config.yaml", "taxonomy.csv"):
        label = name.replace(".", "-")
        yield Case(f"file-{label}-binary", partial(_resume, partial(_write_file, name, b"\xff\0[[[")), OK)

        def make_folder(run: Path, name: str = name) -> None:
            (run / name).unlink(missing_ok=True)
            (run / name / "x").mkdir(parents=True)

        yield Case(f"file-{label}-folder", partial(_resume, make_folder), READ_OR_REFUSED)
    yield Case("no-checkpoint", partial(_resume, _remove_checkpoints), REFUSED, "no checkpoint")
    yield Case("run-is-file", partial(_resume, _make_file), REFUSED, "run")


def _write_file(name: str, raw: bytes, run: Path) -> None:
    (run / name).write_bytes(raw)


def _remove_checkpoints(run: Path) -> None:
    for path in run.glob("checkpoint-*"):
        path.unlink()


def _make_file(run: Path) -> None:
    shutil.rmtree(run)
    run.write_text("x")


def _configurations() -> Iterator[Case]:
    """What the resumed run changes, and must not."""
    changes = {
        "seed": "seed=2", "loss": "loss=clip", "batch": "batch_size=4", "rate": "learning_rate=0.002", "text": "text=common",
        "model": "model.embed_dim=16", "ema": "ema=0.9",
    }  # fmt: skip
    for name, change in changes.items():
        make = partial(_resume_changed, change)
        yield Case(f"changed-{name}", make, REFUSED, "belongs to another run")


def _resume_changed(change: str, folder: Path) -> list[str]:
    return _resume(None, folder, "--set", change)


# Soups


def _soups() -> Iterator[Case]:
    yield Case("soup-whole", partial(_mix, None), OK)

    def tensors(change: Callable[[dict[str, Any], str], Any], model: Path) -> None:
        from safetensors.torch import load_file, save_file

        found = load_file(model / WEIGHTS)
        change(found, "visual.proj")
        save_file(found, model / WEIGHTS)

    changes: dict[str, Callable[[dict[str, Any], str], Any]] = {
        "nan": lambda t, key: t[key].fill_(float("nan")),
        "infinite": lambda t, key: t[key].fill_(float("inf")),
        "missing": lambda t, key: t.pop(key),
        "foreign": lambda t, key: t.update(code=t[key].clone()),
        "short": lambda t, key: t.update({key: t[key][:1].clone()}),
        "integers": lambda t, key: t.update({key: t[key].long()}),
    }
    for name, change in changes.items():
        yield Case(f"soup-{name}", partial(_mix, partial(tensors, change)), REFUSED, "second")
    files: dict[str, tuple[str, bytes]] = {
        "weights-empty": (WEIGHTS, b""), "weights-text": (WEIGHTS, b"x" * 100), "weights-deep": (WEIGHTS, b"\x10\0\0\0\0\0\0\0" + b"[" * 16),
        "card-null": ("bioclip_x.json", b"null"), "card-list": ("bioclip_x.json", b"[1]"), "card-deep": ("bioclip_x.json", b"[" * 100_000),
        "card-binary": ("bioclip_x.json", b"\xff\xfe\0"), "config": ("open_clip_config.json", b"null"),
    }  # fmt: skip
    for name, (file, content) in files.items():
        yield Case(f"soup-{name}", partial(_mix, partial(_write_file, file, content)), REFUSED, "second")
    for name, content in make_pickles().items():
        damage = partial(_write_file, WEIGHTS, content)
        yield Case(f"soup-pickle-{name}", partial(_mix, damage), REFUSED, "second", check=check_nothing_ran)

    def place(kind: str, model: Path) -> None:
        (model / WEIGHTS).unlink()
        if kind == "pipe":
            os.mkfifo(model / WEIGHTS)
        elif kind == "folder":
            (model / WEIGHTS).mkdir()
        elif kind == "zero":
            (model / WEIGHTS).symlink_to("/dev/zero")

    for kind in ("pipe", "folder", "zero", "nothing"):
        yield Case(f"soup-place-{kind}", partial(_mix, partial(place, kind)), REFUSED, "second", seconds=10)


def _mix(damage: Damage | None, folder: Path) -> list[str]:
    with _lock:
        source = _run_once() / "run" / "model"
    for name in ("first", "second"):
        shutil.copytree(source, folder / name)
    if damage:
        damage(folder / "second")
    return ["soup", "first", "second", "--output", "soup"]
