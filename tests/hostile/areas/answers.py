"""Answers of language models, as `describe` reads them again from its log: long, deep, foreign, malformed, hostile."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from hostile.case import OK, REFUSED, Case, Outcome
from hostile.servers import find_closed_port

PROMPT = "name: own\nsource: me\ntext: 'Describe a {name}.'\nanswers: %s\n"
GOOD = "- a black cap\n- a yellow belly"
EITHER = (0, 1)
LONG = 90_000
"""Characters: near what is read of an answer."""


def cases() -> Iterator[Case]:
    yield from _repetitions()
    yield from _forms()
    yield from _logs()


def _repetitions() -> Iterator[Case]:
    pieces = {
        "underlines": "__a ",
        "asterisks": "**a ",
        "star": "*a ",
        "backticks": "`a ",
        "fences": "```",
        "fence-lines": "```\n",
        "bullets": "- ",
        "bullet-lines": "-\n",
        "numbers": "1. ",
        "number-lines": "1) a\n",
        "newlines": "\n",
        "blanks": " ",
        "tabs": "\t",
        "carriage-returns": "\r",
        "questions": "Q: a\n",
        "think": "<think>",
        "close-think": "</think>",
        "half-think": "<think",
        "there-is": "there is ",
        "there-is-a": "there is a x in ",
        "quotes": '"',
        "escaped-quotes": '\\"',
        "brackets": "[",
        "braces": "{",
        "pairs": "[]",
        "objects": '{"a":',
        "strings": '"a",',
        "commas": ",",
        "colons": ":",
        "backslashes": "\\",
        "digits": "1.",
        "units": "1,1 ",
        "urls": "http://",
        "tags": "<a ",
        "comments": "<!--",
        "scripts": "<script>",
        "entities": "&amp;",
        "escapes": "\x1b[0",
        "articles": "it is ",
        "apostrophes": "s' ",
        "woods": "wood",
        "scents": "sweet ",
        "preambles": "here is ",
        "refusals": "i cannot ",
        "dashes": "–—",
        "full-width": "\u3000",
        "combining": "a\u0301",
        "zero-width": "\u200b",
        "marks-of-direction": "\u202e",
        "emoji": "\U0001f426",
        "nul": "\0",
    }
    for name, piece in pieces.items():
        text = piece * (LONG // len(piece))
        yield _read(f"repeated-{name}", text, EITHER, seconds=6)
        for start, opening in {
            "list": "- a cap\n- ",
            "object": '{"class": "Parus major", "phrases": ["a cap", "',
        }.items():
            yield _read(
                f"{start}-of-{name}",
                opening + text[: LONG // 4],
                EITHER,
                "json" if start == "object" else "list",
                seconds=5,
            )


def _forms() -> Iterator[Case]:
    forms = {
        "html": "<ul><li>a black cap</li><li>a bill</li></ul>",
        "script": "- <script>alert(1)</script>\n- a black cap",
        "markdown": "# Traits\n\n| a | b |\n|---|---|\n| cap | black |",
        "chinese": "- 黑色的头顶\n- 黄色的腹部",
        "arabic": "- قبعة سوداء\n- بطن أصفر",
        "emoji": "- 🐦\n- 🎩",
        "latex": "\\begin{itemize}\\item a cap\\end{itemize}",
        "fenced": "```\n- a black cap\n```",
        "fenced-json": '```json\n{"phrases": ["a black cap"]}\n```',
        "think-open": "<think>- a cap",
        "think": "<think>x</think>- a black cap\n- a bill",
        "duplicates": "- a black cap\n" * 1000,
        "many": "".join(f"- trait {'abcdefghij'[i % 10]}{i}\n" for i in range(5000)),
        "long-item": "- " + "a" * 80_000,
        "too-long": "x" * 200_000,
        "a-megabyte": "- a cap " + "x" * (1 << 20),
        "thoughts-of-a-megabyte": f"<think>{'x' * (1 << 20)}</think>- a black cap\n- a bill",
        "crlf": "- a black cap\r\n- a bill\r\n",
        "surrogate": "- a \ud800 cap",
        "controls": "- a \x1b[2J\x07\x9b cap\n- a bill",
        "bidi": "- a \u202eblack\u202c cap\n- a bill",
        "template": "- a {name} {0.__class__} %s cap\n- a bill",
        "yaml": "- !!python/object/apply:os.system [touch x]\n- a bill",
        "key": "- Parus major: a black cap\n- 2020-13-45",
        "formula": "- =cmd|'/C calc'!A0\n- a bill",
        "path": "- ../../etc/passwd\n- a bill",
        "refusal": "I'm sorry, I cannot help with that.",
        "other": "Q: What distinguishes a crow in a photo?\n- black",
        "nothing": "",
        "no": "- no\n- yes\n- null\n- 3",
    }
    for name, text in forms.items():
        yield _read(f"form-{name}", text, EITHER, check=_readable)
    documents: dict[str, Any] = {
        "deep": "[" * 90_000,
        "deep-closed": "[" * 45_000 + "]" * 45_000,
        "deep-objects": '{"a":' * 15_000,
        "null": "null",
        "number": "3",
        "text": '"a black cap"',
        "list": '["a black cap", "a bill"]',
        "numbers": '{"phrases": [1, 2]}',
        "nan": '{"phrases": [NaN]}',
        "digits": '{"phrases": ["a cap", ' + "9" * 5000 + "]}",
        "nested": '{"phrases": [["a cap", ["a bill"]]]}',
        "object": '{"phrases": {"a": "a cap"}}',
        "other-class": '{"class": "Pica pica", "phrases": ["a tail"]}',
        "class-list": '{"class": [1], "phrases": ["a cap"]}',
        "cut-off": '{"phrases": ["a cap", "a b',
        "two": '{"phrases": ["a cap"]}{"phrases": ["b"]}',
        "surrogate": '{"phrases": ["a \\ud800 cap", "a bill"]}',
        "escape": '{"phrases": ["a \\u001b[2J cap", "a bill"]}',
        "keys": '{"phrases": ["a"], "phrases": ["b cap"]}',
        "html": '{"phrases": ["<script>alert(1)</script> cap"]}',
        "wide": json.dumps({"phrases": ["cap"] * 12_000}),
        "class-long": json.dumps({"class": "x" * 80_000, "phrases": ["a cap"]}),
        "bom": '\ufeff["a cap"]',
        "unclosed-strings": '["' + '\\"' * 45_000,
        "blanks": '["a"' + " " * 80_000 + ":",
        "comment": '{"phrases": ["a cap"] /* b */}',
        "single": "{'phrases': ['a cap']}",
    }
    for name, text in documents.items():
        yield _read(f"json-{name}", text, EITHER, "json", check=_readable)


def _logs() -> Iterator[Case]:
    line = _make_line(GOOD, "list")
    for name, raw in {
        "empty": b"",
        "binary": bytes(range(256)),
        "nul": b"\0" * 4096,
        "text": b"hello\n",
        "null": b"null\n",
        "list": b"[1]\n",
        "deep": b"[" * 100_000 + b"\n",
        "cut-off": line[:50],
        "other-keys": b'{"a": 1}\n',
        "long-line": b"x" * (4 << 20) + b"\n",
        "blank-lines": b"\n" * 100_000,
        "half-utf-8": line.replace(b"black", b"bl\xe2\x82ck"),
        "bad-date": line.replace(b"2026", b"9999999"),
        "a-model": line.replace(b'"m"', b"3"),
    }.items():
        says = "is not answered|reached|cannot"
        if name == "bad-date":
            yield Case(f"log-{name}", partial(_describe_log, raw), OK, "1 of 1", _readable)
        else:
            yield Case(f"log-{name}", partial(_describe_log, raw), REFUSED, says, _readable)
    for name, (old, new) in {
        "tokens-negative": (b'"prompt_tokens":1', b'"prompt_tokens":-1'),
        "tokens-digits": (b'"prompt_tokens":1', b'"prompt_tokens":' + b"9" * 400),
        "tokens-text": (b'"prompt_tokens":1', b'"prompt_tokens":"x"'),
        "finish-long": (b'"stop"', b'"' + b"x" * 100_000 + b'"'),
        "answered-by-escape": (b'"answered_by":""', b'"answered_by":"\\u001b[2J"'),
        "date-escape": (b"2026", b"\\u001b[2J"),
        "date-number": (b'"2026-01-01T00:00:00+00:00"', b"3"),
    }.items():
        yield Case(f"log-{name}", partial(_describe_log, line.replace(old, new)), (0, 2), "1 of 1|reached", _readable)
    yield Case(
        "log-good-among-bad",
        partial(_describe_log, b"{\n" * 1000 + line + b"\xff\n"),
        OK,
        "1,?001 broken lines",
        _readable,
    )
    yield Case("log-is-a-folder", _log_is_a_folder, REFUSED, "answers.jsonl", _readable)


def _read(
    name: str, text: str, statuses: tuple[int, ...], form: str = "list", *, seconds: float = 5, check: Any = None
) -> Case:
    """A case of `describe` that finds this answer in its log, and asks nobody."""
    make = partial(_describe_log, _make_line(text, form), form)
    return Case(name, make, statuses, "of 1 classes described", check or _readable, seconds=seconds)


def _make_line(text: str, form: str) -> bytes:
    """Returns a line of the log of answers."""
    asked = {
        "path": ["Parus major"],
        "prompt_sha256": hashlib.sha256(b"Describe a Parus major.").hexdigest(),
        "model": "m",
        "host": "127.0.0.1",
        "temperature": None,
        "max_tokens": None,
        "answers": form,
    }
    text = text.encode("utf-8", "replace").decode()  # as the program writes it
    stored = {"asked": asked, "date": "2026-01-01T00:00:00+00:00", "text": text, "finish_reason": "stop"}
    return (
        json.dumps(
            {**stored, "prompt_tokens": 1, "completion_tokens": 2, "answered_by": ""}, separators=(",", ":")
        ).encode()
        + b"\n"
    )


def _describe_log(raw: bytes, form_or_folder: Any, folder: Path | None = None) -> list[str]:
    form, folder = (form_or_folder, folder) if folder is not None else ("list", form_or_folder)
    (folder / "own.yaml").write_text(PROMPT % form, "utf-8")
    (folder / "a.yaml.answers.jsonl").write_bytes(raw)
    return _make_arguments()


def _make_arguments() -> list[str]:
    server = ["--base-url", f"http://127.0.0.1:{find_closed_port()}/v1", "--ask-again", "0"]
    return [
        "describe",
        "--labels",
        "Parus major",
        "--prompt",
        "own.yaml",
        "--llm",
        "openai:model=m,max_retries=0",
        "--output",
        "a.yaml",
        *server,
    ]


def _log_is_a_folder(folder: Path) -> list[str]:
    (folder / "own.yaml").write_text(PROMPT % "list", "utf-8")
    (folder / "a.yaml.answers.jsonl").mkdir()
    return _make_arguments()


def _readable(outcome: Outcome) -> str:
    """What is written is a descriptor file, and nothing is run or printed that moves the cursor."""
    from bioclip_x.prompts import load_descriptors

    file = outcome.folder / "a.yaml"
    if file.exists() and any(
        len(one.phrase) > 200 for entries in load_descriptors(file).classes.values() for one in entries
    ):
        return "a long phrase is kept"
    if (outcome.folder / "x").exists():
        return "a tag was run"
    return (
        "control characters are printed"
        if any(c in outcome.stdout + outcome.stderr for c in "\x1b\u202e\x07\x9b\0")
        else ""
    )
