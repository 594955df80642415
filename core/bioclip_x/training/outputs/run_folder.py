"""What the folder of a run says of it: configuration, taxonomy, versions, texts. It repeats the run, and is needed to export it.

run/config.yaml      every field, resolved: `bioclip-x train run/config.yaml --output again` repeats the run
run/taxonomy.csv     the classes (.json or .yaml, where a table cannot represent the tree)
run/descriptors.yaml a copy, if there are any
run/run.json         versions of bioclip-x, torch and plugins, device, precision, counts of images, examples of texts
run/metrics.json     of the last validation
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
import yaml

from bioclip_x import __version__
from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import TaxonomyError, TrainingError
from bioclip_x.hooks.components import Kind
from bioclip_x.hooks.options import ComponentRef
from bioclip_x.hooks.registry import Registry, resolve_relative_paths
from bioclip_x.io.storage.replacement import open_replacement
from bioclip_x.plugin_versions import describe_plugin
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.writers import FORMATS, make_document
from bioclip_x.training.components import Parts
from bioclip_x.training.config import TrainConfig

CONFIG: Final = "config.yaml"
RUN: Final = "run.json"
METRICS: Final = "metrics.json"
_TAXONOMY_FORMATS: Final = ("csv", "json", "yaml")
"""In the order of preference."""


@contextmanager
def naming_write_problems(path: Path) -> Iterator[None]:
    """Turns errors of the file system into TrainingErrors."""
    try:
        yield
    except OSError as problem:
        raise TrainingError(f"{path} cannot be written: {problem.strerror or problem}") from problem


def write_run_folder(
    config: TrainConfig, parts: Parts, registry: Registry, *, precision: str, data: list[dict[str, Any]], processes: int
) -> None:
    """Writes what is known before the first step. Raises TrainingError if the folder cannot be written.

    data: what the fingerprint says of each data set.
    """
    folder = config.path(config.output)
    with naming_write_problems(folder):
        folder.mkdir(parents=True, exist_ok=True)
        taxonomy = write_taxonomy(parts.taxonomy, folder, registry)
        descriptors = _copy_descriptors(config, folder)
        document = dump_config(config, registry, taxonomy=taxonomy, descriptors=descriptors)
        with open_replacement(folder / CONFIG) as handle:
            yaml.safe_dump(document, handle, sort_keys=False, allow_unicode=True)
        write_json(folder / RUN, describe_run(config, parts, registry, precision, data, processes))


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    with naming_write_problems(path), open_replacement(path) as handle:
        json.dump(document, handle, indent=2, ensure_ascii=False)
        handle.write("\n")


def describe_run(
    config: TrainConfig, parts: Parts, registry: Registry, precision: str, data: list[dict[str, Any]], processes: int
) -> dict[str, Any]:
    """Returns versions, machine, counts and examples of texts as plain values, without paths of this machine."""
    providers = registry.load(config.plugins)
    providers += [registry.components(kind)[ref.name].plugin for kind, ref in list_components(config)]
    plugins = (describe_plugin(registry, name) for name in dict.fromkeys(providers))
    return {
        "bioclip_x": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "plugins": [asdict(plugin) for plugin in plugins],
        "device": parts.encoder.device.type,
        "processes": processes,
        "precision": precision,
        "taxonomy": {"classes": parts.taxonomy.n_classes, "fingerprint": parts.taxonomy.fingerprint},
        "data": [{"name": one["name"], "images": one["images"], "taxa": one["taxa"]} for one in data],
        "texts": [
            {"text": str(text.component), "weight": text.weight, "example": next(iter(kind.texts), "")}
            for text, kind in zip(config.text, parts.texts.kinds)
        ],
    }


def list_components(config: TrainConfig) -> list[tuple[Kind, ComponentRef]]:
    """Lists the components of a configuration with their kinds."""
    refs: list[tuple[Kind, ComponentRef]] = [("text_builders", text.component) for text in config.text]
    refs += [("datasets", data.component) for data in config.data]
    refs += [("losses", term.component) for term in config.loss]
    refs += [("callbacks", ref) for ref in config.callbacks]
    singles: tuple[tuple[Kind, ComponentRef | None], ...] = (("encoders", config.encoder), ("adapters", config.adapter))
    return refs + [(kind, ref) for kind, ref in singles if ref is not None]


def write_taxonomy(taxonomy: Taxonomy, folder: Path, registry: Registry) -> Path:
    """Writes a tree as a file that a reader reads to the same tree, named taxonomy.csv if a table can represent it.

    Raises TrainingError if no format can.
    """
    fallback = None
    for name in _TAXONOMY_FORMATS:
        path = folder / f"taxonomy{FORMATS[name].suffixes[0]}"
        try:
            document = make_document(taxonomy, FORMATS[name])
            with open_replacement(path) as handle:
                handle.writelines(document.chunks())
            same = read_taxonomy(registry, path).fingerprint == taxonomy.fingerprint
        except TaxonomyError:
            same = False
        if same and not document.lost:
            if fallback:
                fallback.unlink()
            return path
        if same and not fallback:
            fallback = path
        else:
            path.unlink(missing_ok=True)
    if not fallback:
        raise TrainingError(f"taxonomy: {taxonomy.source} cannot be written so that it is read to the same tree")
    return fallback


def _copy_descriptors(config: TrainConfig, folder: Path) -> Path | None:
    if config.descriptors is None:
        return None
    source = config.path(config.descriptors)
    target = folder / f"descriptors{source.suffix}"
    if source.resolve() != target.resolve():
        with source.open("rb") as stream, open_replacement(target, "wb") as handle:
            shutil.copyfileobj(stream, handle)
    return target


def dump_config(config: TrainConfig, registry: Registry, *, taxonomy: Path, descriptors: Path | None) -> dict[str, Any]:
    """Returns a configuration as a document for the run's folder: every field, absolute paths, its own copies of files."""

    def dump(kind: Kind, one: Any) -> dict[str, Any]:
        """Dumps a component with the fields beside it."""
        beside = one.model_dump(mode="json", exclude={"component"})
        return {"component": _dump_ref(registry, kind, one.component, config.base), **beside}

    document = config.model_dump(mode="json")
    document |= {
        "encoder": config.encoder and _dump_ref(registry, "encoders", config.encoder, config.base),
        "adapter": config.adapter and _dump_ref(registry, "adapters", config.adapter, config.base),
        "text": [dump("text_builders", one) for one in config.text],
        "data": [dump("datasets", one) for one in config.data],
        "loss": [dump("losses", one) for one in config.loss],
        "callbacks": [_dump_ref(registry, "callbacks", ref, config.base) for ref in config.callbacks],
        "taxonomy": taxonomy.name,
        "taxonomy_format": None,
        "descriptors": descriptors and descriptors.name,
        "output": ".",
    }
    if config.validation:
        texts = config.validation.text and [dump("text_builders", one) for one in config.validation.text]
        document["validation"]["data"] = [dump("datasets", one) for one in config.validation.data]
        document["validation"]["text"] = texts
    scheme, _, rest = config.model.partition(":") if isinstance(config.model, str) else ("", "", "")
    if scheme == "local-dir":
        document["model"] = f"local-dir:{config.path(Path(rest)).resolve()}"
    return document


def _dump_ref(registry: Registry, kind: Kind, ref: ComponentRef, base: Path) -> dict[str, Any]:
    resolved = resolve_relative_paths(registry, kind, ref, base.resolve())
    return {"name": resolved.name, "options": json.loads(json.dumps(dict(resolved.options), default=str))}
