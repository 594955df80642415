"""Cached embeddings of texts and of examples that are damaged, foreign or of another shape: made anew, the results the same."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load, save

from hostile.case import OK, Case, Outcome
from hostile.damage import Damage, damage_bytes, damage_places
from hostile.inputs import prepare

Tensors = dict[str, torch.Tensor]
NAMES = ("Parus major", "Cyanistes caeruleus", "Turdus merula", "Turdus torquatus")


UNSEEN = (
    "rows-swapped", "rows-turned", "rows-moved", "signs-turned", "alike", "tokens-negative", "tokens-huge", "one-value-1e-45",
)  # fmt: skip
"""Changes after which the rows are still of unit length: with the right checksum nobody can tell."""


def cases() -> Iterator[Case]:
    for name, change in _change_tensors():
        yield _make_case(f"bank-{name}", "embeddings.safetensors", partial(_change_bank, change, False))
        if name not in UNSEEN:
            damage = partial(_change_bank, change, True)
            yield _make_case(f"bank-{name}-with-checksum", "embeddings.safetensors", damage)
    for name, damage in (*damage_bytes(8), *damage_places()):
        yield _make_case(f"bank-{name}", "embeddings.safetensors", damage)
    for name, damage in (*damage_bytes(4), *_make_arrays()):
        yield _make_case(f"mean-{name}", "mean.npy", damage)
    for name, damage in damage_places():
        yield _make_case(f"bank-folder-{name}", "", damage)
    for name, damage in (*damage_bytes(2), *damage_places(), *_make_arrays()):
        yield _make_case(f"examples-{name}", "", damage, kind="support")
    for name, damage in (*damage_bytes(0), *damage_places()):
        if name in ("cut-at-2-of-5", "foreign-text", "missing", "pipe"):
            yield _make_case(f"prompts-{name}", "prompts.arrow", damage)


def _change_tensors() -> Iterator[tuple[str, Callable[[Tensors], Tensors]]]:
    def on(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Tensors], Tensors]:
        return lambda tensors: {**tensors, name: change(tensors[name]).contiguous()}

    yield "rows-swapped", on("embeddings", lambda x: x[[1, 0, *range(2, len(x))]])
    yield "rows-turned", on("embeddings", lambda x: x.flip(0))
    yield "rows-moved", on("embeddings", lambda x: x.roll(1, 1))
    yield "signs-turned", on("embeddings", lambda x: -x)
    yield "alike", on("embeddings", lambda x: x[:1].expand_as(x))
    yield "scaled", on("embeddings", lambda x: x * 3)
    yield "one-row-scaled", on("embeddings", lambda x: torch.cat([x[:1] * 1.5, x[1:]]))
    yield "all-zeros", on("embeddings", torch.zeros_like)
    yield "one-row-zero", on("embeddings", lambda x: torch.cat([x[:1] * 0, x[1:]]))
    for value in (float("nan"), float("inf"), -float("inf"), 1e38, 1e-45):
        yield f"one-value-{value:g}".replace("+", "").replace("--", "-minus-"), on("embeddings", partial(_set, value))
    yield "one-row-short", on("embeddings", lambda x: x[:-1])
    yield "one-row-more", on("embeddings", lambda x: torch.cat([x, x[:1]]))
    yield "without-rows", on("embeddings", lambda x: x[:0])
    yield "wider", on("embeddings", lambda x: torch.cat([x, x[:, :1]], 1))
    yield "narrower", on("embeddings", lambda x: x[:, :-1])
    yield "flat", on("embeddings", lambda x: x.flatten())
    yield "transposed", on("embeddings", lambda x: x.T)
    yield "third-axis", on("embeddings", lambda x: x[None])
    for dtype in (torch.int32, torch.int8, torch.uint8, torch.bool, torch.float16, torch.bfloat16, torch.float64):
        yield f"of-{str(dtype).partition('.')[2]}", on("embeddings", lambda x, dtype=dtype: (x * 10).to(dtype))
    yield "tokens-negative", on("tokens", lambda x: x * 0 - 5)
    yield "tokens-huge", on("tokens", lambda x: x * 0 + 2**31 - 1)
    yield "tokens-short", on("tokens", lambda x: x[:-1])
    yield "tokens-of-float32", on("tokens", lambda x: x.float())
    yield "tokens-of-int64", on("tokens", lambda x: x.long())
    yield "without-tokens", lambda tensors: {"embeddings": tensors["embeddings"]}
    yield "without-embeddings", lambda tensors: {"tokens": tensors["tokens"]}
    yield "other-names", lambda tensors: {f"model.{name}": tensor for name, tensor in tensors.items()}
    yield "names-exchanged", lambda tensors: {"embeddings": tensors["tokens"], "tokens": tensors["embeddings"]}
    yield "empty", lambda tensors: {}


def _set(value: float, x: torch.Tensor) -> torch.Tensor:
    changed = x.clone()
    changed[0, 3] = value
    return changed


def _change_bank(change: Callable[[Tensors], Tensors], checksum: bool, path: Path) -> None:
    """Changes the tensors of a bank. checksum: whether the right one is written with them."""
    raw = path.read_bytes()
    about = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]
    changed = change(load(raw))
    if checksum:
        parts = [
            changed[name].view(torch.uint8).numpy().tobytes()
            for name in ("embeddings", "tokens")
            if _is_full(changed, name)
        ]
        about = {**about, "crc32": f"{zlib.crc32(b''.join(parts)):08x}"}
    path.write_bytes(save(changed, about))


def _is_full(tensors: Tensors, name: str) -> bool:
    return name in tensors and tensors[name].numel() > 0


def _make_arrays() -> Iterator[tuple[str, Damage]]:
    yield "of-nan", partial(_write_array, np.full(192, np.nan))
    yield "of-objects", partial(_write_array, np.array([{"a": 1}, None], object))
    yield "of-text", partial(_write_array, np.array(["a", "b"]))
    yield "of-columns-first", partial(_write_array, np.asfortranarray(np.ones((4, 192), np.float32)))
    yield "of-another-size", partial(_write_array, np.ones((7, 7), np.float32))
    yield "of-several-arrays", partial(_write_array, [np.ones(192)])


def _write_array(array: np.ndarray | list[np.ndarray], path: Path) -> None:
    stream = io.BytesIO()
    if isinstance(array, list):
        np.savez(stream, *array)
    else:
        np.save(stream, array, allow_pickle=True)
    path.write_bytes(stream.getvalue())


@cache
def _prepare() -> Path:
    """Runs with an empty cache, by texts and by examples; returns the folder with the images, the results and the cache."""
    from bioclip_x_field_guide.drawing import draw_species

    folder = Path(tempfile.mkdtemp(prefix="banks-"))
    for number, name in enumerate(NAMES):
        examples = folder / "examples" / name
        examples.mkdir(parents=True)
        draw_species(name, number).image.save(examples / "1.png")
    draw_species("Turdus merula", 7).image.save(folder / "bird.png")
    (folder / "labels.txt").write_text("\n".join(NAMES))
    for kind in ("banks", "support"):
        prepare(folder, *_classify(folder, kind), "--output", f"{kind}.json")
    return folder


def _classify(folder: Path, kind: str) -> list[str]:
    arguments = ["classify", "bird.png", "--labels", "labels.txt", "--format", "json", "--quiet"]
    return (
        [*arguments, "--explain"]
        if kind == "banks"
        else [*arguments, "--scorer", f"few-shot:{folder / 'examples'}", "--no-explain"]
    )


def _make_case(name: str, file: str, damage: Damage, kind: str = "banks") -> Case:
    environment = {"BIOCLIP_X_CACHE": "{folder}/cache"}
    return Case(
        name, partial(_make, file, damage, kind), OK, check=partial(_check, file, kind), environment=environment
    )


def _make(file: str, damage: Damage, kind: str, folder: Path) -> list[str]:
    prepared = _prepare()
    for name in ("bird.png", "labels.txt"):
        shutil.copy(prepared / name, folder)
    shutil.copytree(prepared / "cache", folder / "cache")
    damage(_find(folder, kind) / file)
    return _classify(prepared, kind)


def _find(folder: Path, kind: str) -> Path:
    """The only bank of a cache, or the only array of examples."""
    [entry] = [path for path in (folder / "cache" / kind).iterdir() if path.name != "CACHEDIR.TAG"]
    return entry


def _check(file: str, kind: str, outcome: Outcome) -> str:
    """Compares the results with those of the undamaged run, and what the cache holds now with what it held then."""
    prepared = _prepare()
    expected = json.loads((prepared / f"{kind}.json").read_text())["results"]
    if not expected[0]["predictions"]:
        return "the undamaged run has no predictions"
    if json.loads(outcome.stdout)["results"] != expected:
        return f"other results: {outcome.stdout[:500]}"
    if file == "prompts.arrow":  # for people; the program does not read it
        return ""
    before, now = _find(prepared, kind) / file, _find(outcome.folder, kind) / file
    names = ["."] if before.is_file() else ["embeddings.safetensors", "mean.npy"]
    bad = [
        name
        for name in names
        if not (now / name).is_file() or (now / name).read_bytes() != (before / name).read_bytes()
    ]
    return f"the cache still holds the damaged {bad}" if bad else ""
