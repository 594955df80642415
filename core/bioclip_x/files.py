"""Reading and writing small files safely: strict YAML, atomic replacement."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import yaml

from bioclip_x.errors import BioclipXError


# libyaml's parser where PyYAML was built with it: ten times faster, the same documents.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_SafeLoader):  # type: ignore[misc]
    """SafeLoader that refuses a key given twice, where plain YAML keeps the last and says nothing."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is given twice", key_node.start_mark)
        seen.add(key)
    found: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return found


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_text(path: Path, error: type[BioclipXError] = BioclipXError) -> str:
    """A text file in UTF-8 (with or without a byte order mark) or UTF-16 with one. Raises `error` naming the file."""
    try:
        raw = path.read_bytes()
    except IsADirectoryError:
        raise error(f"{path} is a folder; expected a file") from None
    except FileNotFoundError:
        raise error(f"{path} does not exist") from None
    except OSError as problem:
        raise error(f"{path} cannot be read: {problem.strerror or problem}") from problem
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as problem:
        line = raw[: problem.start].count(b"\n") + 1
        raise error(f"{path}, line {line}: not valid {encoding.removesuffix('-sig')}; save the file as UTF-8") from None


def read_yaml(path: Path, error: type[BioclipXError] = BioclipXError) -> Any:
    """A YAML (or JSON) document, loaded safely; a key given twice is an error. Raises `error` with file and line."""
    try:
        return yaml.load(read_text(path, error), Loader=_StrictLoader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        where = f"{path}, line {mark.line + 1}" if mark else str(path)
        raise error(f"{where}: not valid YAML: {problem.problem}") from None
    except yaml.YAMLError as problem:
        raise error(f"{path}: not valid YAML: {problem}") from None


@contextmanager
def replacing(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Opens a temporary file beside `path` and moves it over `path` when the block ends well; else leaves no trace."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding, newline = (None, None) if "b" in mode else ("utf-8", "")
    handle = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed below, before the move
        mode, dir=path.parent, prefix=f".{path.name}.", delete=False, encoding=encoding, newline=newline
    )
    try:
        with handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        # Temporary files are private; give the result the permissions any new file would get.
        mask = os.umask(0)
        os.umask(mask)
        Path(handle.name).chmod(0o666 & ~mask)
        Path(handle.name).replace(path)
    except BaseException:
        Path(handle.name).unlink(missing_ok=True)
        raise
