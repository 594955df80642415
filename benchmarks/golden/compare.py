"""What a command left behind, as lines of text that two commits must share.

Removed or masked before comparing, and nothing else:

- the version (in keys and columns called `version`, and behind `bioclip-x` in texts), dates and times of day, and the path of
  the commands' folder;
- `notes`, wherever they stand (in `taxonomy show` the lines `note`), and all that went to stderr;
- the wording of messages: values of `message`, `error`, `unusable` and `method` (whether there is one stays), in texts what
  an estimate says of itself, and "picture" for "image";
- in an explanation: its `format`, `rest`, `remainders` and `baseline`, each descriptor's `contribution` and `net`, and the
  order of its descriptors. The margin, winner, runner-up, classes, and each descriptor with its similarity stay;
- in CSV and Parquet the values of the column `top_descriptor`;
- the order of the lines of a log of answers (`….answers.jsonl`), which are written as they come.

Documents are compared by what they hold, not by blanks and line breaks between it. The order of keys and rows counts, and so
does every digit of a number (`repr`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable
from difflib import unified_diff
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pyarrow.parquet
import yaml

MASKED = {"version": "(version)", "top_descriptor": "(top descriptor)"}
DROPPED = {"notes"}
MESSAGES = {"message", "error", "unusable", "method"}
OF_AN_EXPLANATION = {"format", "rest", "remainders", "baseline"}
OF_A_DESCRIPTOR = {"contribution", "net"}
TOOL = re.compile(r"\bbioclip-x \d[\w.]*")
DATE = re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?")
NOTE = re.compile(r"^note {2,}.*\n(?: {8,}.*\n)*", re.MULTILINE)
FORMAT = re.compile(r"--(?:format|to) (\w+)")
PICTURE = re.compile(r"\bpicture(?=s?\b)")
ESTIMATE = re.compile(r"\(estimated: [^)]*\)")
SHOWN = 12
"""Lines of a difference."""


class Masking:
    """Takes out of documents and texts what may differ. folder: where the commands ran."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def text(self, text: str) -> str:
        text = PICTURE.sub("image", text)
        text = ESTIMATE.sub("(estimated)", DATE.sub("(date)", text.replace(self._folder, "(folder)")))
        return TOOL.sub("bioclip-x (version)", text)

    def document(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.document(one) for one in value]
        if not isinstance(value, dict):
            return value
        if "runner_up_class" in value:
            value = _without_parts(value)
        return {key: self._value(key, one) for key, one in value.items() if key not in DROPPED}

    def _value(self, key: str, value: Any) -> Any:
        if key in MESSAGES:
            return _hide_messages(value)
        return MASKED.get(key) or self.document(value)


def _hide_messages(value: Any) -> Any:
    """Whether there is a message, and which keys have one, but not its wording."""
    if isinstance(value, dict):
        return {key: _hide_messages(one) for key, one in value.items()}
    return "(message)" if value else value


def _without_parts(explanation: dict[str, Any]) -> dict[str, Any]:
    """An explanation without what each text has contributed to its margin."""
    kept = {key: value for key, value in explanation.items() if key not in OF_AN_EXPLANATION}
    if isinstance(kept.get("descriptors"), list):
        told = [{key: one[key] for key in one if key not in OF_A_DESCRIPTOR} for one in kept["descriptors"]]
        kept["descriptors"] = sorted(told, key=_line)
    return kept


def left_behind(result: list[dict[str, Any]], out: Path, masking: Masking) -> dict[str, list[str]]:
    """Lines of each part that is compared: the exit statuses, what was printed, and each file. result: what driver.py wrote."""
    parts = {}
    for number, step in enumerate(result, 1):
        parts[f"exit status {number}"] = [str(step["status"])]
        format_ = FORMAT.search(step["command"])
        read = READERS.get(f".{format_[1]}", _text) if format_ else _text
        parts[f"stdout {number}"] = _lines(read, step["stdout"].encode(), masking)
    for path in sorted(out.rglob("*")):
        if path.is_file():
            reader = _log if path.name.endswith(".answers.jsonl") else READERS.get(path.suffix, _text)
            parts[path.relative_to(out).as_posix()] = _lines(reader, path.read_bytes(), masking)
    return parts


Reader = Callable[[bytes, Masking], list[str]]


def _lines(read: Reader, data: bytes, masking: Masking) -> list[str]:
    """What cannot be read as it should is compared as it is, and so differs where only one side can be read."""
    try:
        return read(data, masking)
    except (ValueError, TypeError, OSError, BadZipFile, yaml.YAMLError) as problem:
        return [f"(not as expected: {type(problem).__name__})", *_text(data, masking)]


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _spread(document: Any) -> list[str]:
    return json.dumps(document, ensure_ascii=False, indent=1).splitlines()


def _json(data: bytes, masking: Masking) -> list[str]:
    return _spread(masking.document(json.loads(data))) if data.strip() else ["(nothing)"]


def _jsonl(data: bytes, masking: Masking) -> list[str]:
    return [line for row in data.splitlines() for line in _json(row, masking)]


def _log(data: bytes, masking: Masking) -> list[str]:
    return sorted(_line(masking.document(json.loads(row))) for row in data.splitlines())


def _yaml(data: bytes, masking: Masking) -> list[str]:
    return _spread(masking.document(yaml.load(data, yaml.BaseLoader)))  # scalars stay as they are written


def _csv(data: bytes, masking: Masking, delimiter: str = ",") -> list[str]:
    rows = list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter))
    header = rows[0] if rows else []
    named = [dict(zip_longest(header, row, fillvalue="(no column)")) for row in rows[1:]]
    return [_line(header), *(line for row in named for line in _spread(masking.document(row)))]


def _tsv(data: bytes, masking: Masking) -> list[str]:
    return _csv(data, masking, "\t")


def _parquet(data: bytes, masking: Masking) -> list[str]:
    table = pyarrow.parquet.read_table(io.BytesIO(data))
    metadata = {key.decode(): value for key, value in (table.schema.metadata or {}).items()}
    told = [line for key, value in sorted(metadata.items()) for line in [key, *_lines(_json, value, masking)]]
    columns = [f"{field.name}: {field.type}" for field in table.schema]
    return [*columns, *told, *(line for row in table.to_pylist() for line in _spread(masking.document(row)))]


def _npz(data: bytes, masking: Masking) -> list[str]:
    lines = []
    with np.load(io.BytesIO(data)) as file:
        for name in file.files:
            array = file[name]
            lines.append(f"{name}: {array.dtype.kind} {array.shape}")
            if name == "provenance":
                lines += _json(str(array).encode(), masking)
            else:
                lines += [_line(masking.document(row)) for row in np.atleast_1d(array).tolist()]
    return lines


def _text(data: bytes, masking: Masking) -> list[str]:
    try:
        return NOTE.sub("", masking.text(data.decode())).splitlines()
    except UnicodeDecodeError:
        return [f"{len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}"]


READERS: dict[str, Reader] = {
    ".json": _json, ".jsonl": _jsonl, ".yaml": _yaml, ".csv": _csv, ".tsv": _tsv, ".parquet": _parquet, ".npz": _npz,
}  # fmt: skip


def differences(base: dict[str, list[str]], head: dict[str, list[str]]) -> list[str]:
    """The first lines of a unified diff of each part that differs; none where all are equal."""
    told: list[str] = []
    for part in dict.fromkeys([*base, *head]):
        old, new = base.get(part, ["(no such file)"]), head.get(part, ["(no such file)"])
        if old != new:
            told += islice(unified_diff(old, new, f"base: {part}", f"head: {part}", n=2, lineterm=""), SHOWN)
    return told
