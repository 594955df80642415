"""Descriptor files, template sets, word lists and prompts: what a user writes, or downloads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from hostile.case import OK, REFUSED, SOME_FAILED, Case, Outcome
from hostile.inputs import classify, write_image, write_labels

HEAD = "format: bioclip-x/descriptors/1\nclasses:\n"
REST = "  Cyanistes caeruleus: [a blue cap]\n  Erithacus rubecula: [a red breast]\n"
DRAWING = Path(__file__).parents[3] / "examples/drawings/cyanistes-caeruleus.png"
MARKER = "must-not-exist"
FOUND = (0, 1)
"""Of `describe --check`: the file is read; 1 where curation would change it."""


def cases() -> Iterator[Case]:
    yield from _wrong_types()
    yield from _yaml()
    yield from _tags()
    yield from _weights()
    yield from _sizes()
    yield from _characters()
    yield from _json()
    yield from _tables()
    yield from _names()
    yield from _templates()
    yield from _questions()
    yield from _folders()


def _wrong_types() -> Iterator[Case]:
    values = {
        "null": "null",
        "text": "black",
        "number": "3",
        "float": "1.5",
        "yes": "yes",
        "no": "no",
        "date": "2020-01-02",
        "not-a-number": ".nan",
        "infinity": ".inf",
    }
    for name, value in values.items():
        yield _check(f"list-is-{name}", f"{HEAD}  Parus major: {value}\n{REST}", says="Parus major")
        if name != "text":
            yield _check(f"phrase-is-{name}", f"{HEAD}  Parus major: [{value}, b]\n{REST}", says="Parus major.*got")
            yield _check(f"class-is-{name}", f"{HEAD}  {value}: [a cap]\n{REST}", says=r"(name of a class|as a key)")
            yield _check(f"part-is-{name}", f"{HEAD}  Parus major: [{{phrase: a, part: {value}}}]\n{REST}", says="part")
        if name not in ("number", "float"):
            yield _check(
                f"weight-is-{name}", f"{HEAD}  Parus major: [{{phrase: a, weight: {value}}}]\n{REST}", says="weight"
            )
        yield _check(f"classes-are-{name}", f"format: bioclip-x/descriptors/1\nclasses: {value}\n", says="classes")
        if name not in ("text", "null"):
            yield _check(f"style-is-{name}", f"style: {value}\n{HEAD}{REST}", says="style")
        if name != "null":
            yield _check(f"provenance-is-{name}", f"provenance: {value}\n{HEAD}{REST}", says="provenance")
        yield _check(f"document-is-{name}", f"{value}\n", says="mapping|names")
    for name, value in {"binary": "!!binary aGVsbG8=", "set": "!!set {a, b}", "pairs": "!!pairs [a: b]"}.items():
        says = rf"line {{}}.*the tag !!{name} has no meaning"
        yield _check(f"list-is-{name}", f"{HEAD}  Parus major: {value}\n{REST}", says=says.format(3))
        yield _check(f"phrase-is-{name}", f"{HEAD}  Parus major: [{value}, b]\n{REST}", says=says.format(3))
        yield _check(f"class-is-{name}", f"{HEAD}  {value}: [a cap]\n{REST}", says=says.format(3))
        yield _check(f"style-is-{name}", f"style: {value}\n{HEAD}{REST}", says=says.format(1))
    yield _check("phrase-is-a-list", f"{HEAD}  Parus major: [[a, b]]\n{REST}", says="Parus major.*phrases")
    yield _check("unknown-kind", f"{HEAD}  Parus major: {{colour: [a]}}\n{REST}", says="unknown kind colour")
    yield _check("kind-is-a-number", f"{HEAD}  Parus major: {{1: [a]}}\n{REST}", says="unknown kind 1")
    yield _check(
        "kind-twice", f"{HEAD}  Parus major: {{descriptor: [a], descriptor: [b]}}\n{REST}", says="line 3.*twice"
    )
    yield _check("class-twice", f"{HEAD}  Parus major: [a]\n  Parus major: [b]\n{REST}", says="line 4.*twice")
    yield _check("unknown-key", f"colour: red\n{HEAD}{REST}", says="unknown keys? colour")
    yield _check("unknown-format", f"format: other/2\nclasses:\n{REST}", says="format 'other/2'")
    yield _check("format-only", "format: bioclip-x/descriptors/1\n", says="classes")
    yield _check("no-phrase", f"{HEAD}  Parus major: [{{part: bill}}]\n{REST}", says="Parus major.*'phrase'")
    yield _check("empty", "", says="mapping")
    yield _check("only-a-comment", "# nothing\n", says="mapping")
    yield _check("two-documents", f"{HEAD}{REST}---\n{HEAD}{REST}", says="line 5")
    yield _check("empty-list", f"{HEAD}  Parus major: []\n{REST}", SOME_FAILED, "Parus major")
    yield _check("all-lists-empty", f"{HEAD}  Parus major: []\n", SOME_FAILED, "Parus major")
    yield _check("blank-phrases", f"{HEAD}  Parus major: ['', ' ', \"\\t\"]\n{REST}", SOME_FAILED, "blank")


def _yaml() -> Iterator[Case]:
    yield _check("alias-bomb", _make_bomb(9, 9), says="alias")
    yield _check("aliases", _make_bomb(2, 10), says="a1.*phrases")
    yield _check("alias-bomb-in-provenance", f"provenance:\n{_indent(_make_bomb(9, 9))}{HEAD}{REST}", says="alias")
    yield _check("wide-alias-bomb", _make_bomb(3, 300), says="line 4.*aliases stand for")
    yield _check("recursive-list", f"{HEAD}  Parus major: &a [*a]\n{REST}", says="line 3.*alias")
    yield _check("recursive-mapping", f"{HEAD}  Parus major: &a {{descriptor: *a}}\n{REST}", says="line 3.*alias")
    yield _check("recursive-merge", f"{HEAD}  Parus major: &a {{<<: *a}}\n{REST}", says="line 3.*alias")
    yield _check("undefined-alias", f"{HEAD}  Parus major: *a\n{REST}", says="line 3.*alias")
    yield _check("merged", f"{HEAD}  Parus major: {{<<: {{descriptor: [a cap]}}}}\n{REST}", OK)
    for name, value in {"text": "a", "number": "3", "list": "[a]"}.items():
        yield _check(f"merge-of-a-{name}", f"{HEAD}  Parus major: {{<<: {value}}}\n{REST}", says="line 3")
    yield _check("impossible-date", f"{HEAD}  Parus major: [2020-13-45]\n{REST}", says="line 3.*date.*quotes")
    yield _check("impossible-date-as-a-class", f"{HEAD}  2020-02-31: [a]\n{REST}", says="line 3.*(date|name)")
    yield _check("impossible-time", f"{HEAD}  Parus major: [2020-01-01 25:61:61]\n{REST}", says="line 3")
    yield _check("sexagesimal", f"{HEAD}  Parus major: [12:30:45]\n{REST}", says="Parus major.*quotes")
    yield _check("deep-lists", f"{HEAD}  Parus major: {'[' * 100_000}{']' * 100_000}\n", says="nested more than 200")
    yield _check(
        "deep-mappings", f"{HEAD}  Parus major: {'{a: ' * 100_000}1{'}' * 100_000}\n", says="nested more than 200"
    )
    yield _check(
        "deep-blocks", HEAD + "".join(f"{' ' * i}a:\n" for i in range(1, 3000)), says="nested more than 200|line"
    )
    yield _check("list-as-a-key", f"{HEAD}  ? [a, b]\n  : [c]\n{REST}", says="line 3.*key")
    yield _check("tab-indentation", f"{HEAD}\tParus major: [a]\n", says="line 3")
    yield _check("not-closed", f"{HEAD}  Parus major: [a, b\n", says="line")
    yield _check(
        "digits", f"{HEAD}  Parus major: [{{phrase: a, weight: {'9' * 5000}}}]\n{REST}", says="weight|digits|int"
    )
    yield _check("other-version", f"%YAML 9.9\n---\n{HEAD}{REST}", says="line 1|version")
    yield _check("half-a-character", f'{HEAD}  Parus major: ["a \\ud800 cap"]\n{REST}', says="line 3|half a character")
    yield _check("byte-order-mark", f"\ufeff{HEAD}  Parus major: [a cap]\n{REST}", OK)


def _tags() -> Iterator[Case]:
    touch = f"[touch {MARKER}]"
    for name, tag in {
        "system": "!!python/object/apply:os.system",
        "object-new": "!!python/object/new:os.system",
        "module": "!!python/module:os",
        "name": "!!python/name:os.system",
        "tuple": "!!python/tuple",
        "popen": "!!python/object/apply:subprocess.Popen",
        "own": "!touch",
        "long": "!<tag:yaml.org,2002:python/object/apply:os.system>",
        "unknown": "!!colour",
        "eval": "!!python/object/apply:eval",
    }.items():
        for place, text in {
            "phrase": f"{HEAD}  Parus major: [{tag} {touch}]\n{REST}",
            "document": f"{tag} {touch}\n",
            "provenance": f"provenance: {tag} {touch}\n{HEAD}{REST}",
        }.items():
            yield _check(f"tag-{name}-as-{place}", text, says="line [1-3].*tag", check=_marker)
    for name, text in {
        "int": "!!int abc",
        "float": "!!float x",
        "timestamp": "!!timestamp x",
        "bool": "!!bool x",
    }.items():
        yield _check(f"tag-{name}-of-a-word", f"{HEAD}  Parus major: [{text}]\n{REST}", says="line 3")


def _weights() -> Iterator[Case]:
    bad = {
        "0": "0",
        "negative": "-1",
        "nan": ".nan",
        "infinity": ".inf",
        "400-digits": "9" * 400,
        "1e308": "1.0e+308",
        "1e40": "1.0e+40",
        "1e-46": "1.0e-46",
        "1e-320": "1.0e-320",
        "minus-0": "-0.0",
        "text": "'2'",
        "true": "true",
        "list": "[1]",
    }
    for name, weight in bad.items():
        text = f"{HEAD}  Parus major: [a black cap, {{phrase: a yellow belly, weight: {weight}}}]\n{REST}"
        yield _check(f"weight-{name}", text, says="Parus major.*weight.*got")
    for name, weight in {
        "1e308": "1e308",
        "nan": "nan",
        "400-digits": "9" * 400,
        "superscript": "²",
        "hex": "0x1p-9",
        "underscore": "1_0",
    }.items():
        text = f"class,descriptor,weight\nParus major,a cap,{weight}\n"
        yield _check(f"weight-{name}-in-csv", text, says="line 2.*weight", suffix=".csv")
    for name, weight in {"1e308": "1e308", "1e-400": "1e-400", "Infinity": "Infinity", "digits": "9" * 400}.items():
        document = '{"format": "bioclip-x/descriptors/1", "classes": {"Parus major": [{"phrase": "a", "weight": %s}]}}'
        yield _check(f"weight-{name}-in-json", document % weight, says="weight", suffix=".json")
    for name, weights in {
        "far-apart": ("1.0e+6", "1.0e-6"),
        "small": ("1.0e-6", "1.0e-6"),
        "large": ("1.0e+6", "1.0e+6"),
    }.items():
        one, other = weights
        text = f"{HEAD}  Parus major: [{{phrase: a cap, weight: {one}}}, {{phrase: a bib, weight: {other}}}]\n{REST}"
        yield Case(f"shares-of-weights-{name}", partial(_classify, text, ()), OK, check=_shares)


def _sizes() -> Iterator[Case]:
    many = "".join(f"  - trait {i}\n" for i in range(100_000))
    yield _check("100000-phrases", f"{HEAD}  Parus major:\n{many}", says="Parus major.*10,?000", seconds=30)
    yield _check("5000-classes", HEAD + "".join(f"  Class {i}: [trait {i}]\n" for i in range(5_000)), FOUND, seconds=20)
    yield _check(
        "a-million-letters", f"{HEAD}  Parus major: ['{'a' * 1_000_000}']\n{REST}", says="Parus major.*characters"
    )
    yield _check(
        "a-million-words", f"{HEAD}  Parus major: ['{'a ' * 500_000}']\n{REST}", says="Parus major.*characters"
    )
    yield _check("a-name-of-a-million-letters", f"{HEAD}  ? '{'a' * 1_000_000}'\n  : [a]\n{REST}", says="characters")
    for name, piece in {
        "underlines": "__a ",
        "asterisks": "**a ",
        "backticks": "`a ",
        "angle": "<a ",
        "script": "<script ",
        "comment": "<!--",
        "numbers": "1. ",
        "brackets": "(a) ",
        "urls": "http://",
        "blanks": " \t",
        "escapes": "\\e[0",
        "articles": "it ",
        "commas": ", ",
        "quotes": "'' ",
        "apostrophes": "s'' ",
        "scents": "sweet ",
        "entities": "&#",
        "open-tags": "</",
    }.items():
        phrase = json.dumps(piece * (2000 // len(piece)))
        yield _check(f"phrase-of-{name}", f"{HEAD}  Parus major: [a cap, {phrase}]\n{REST}", (0, 1, 2), seconds=8)


def _characters() -> Iterator[Case]:
    for name, escape in {
        "nul": "\\0",
        "bell": "\\a",
        "escape": "\\e[2Jx",
        "backspace": "\\b",
        "delete": "\\x7f",
        "c1": "\\x9b2J",
        "rlo": "\\u202e",
        "isolate": "\\u2066",
        "line-separator": "\\u2028",
        "next-line": "\\x85",
        "zero-width": "\\u200b",
        "tag-letter": "\\U000E0041",
    }.items():
        yield _check(
            f"phrase-with-{name}", f'{HEAD}  Parus major: ["a{escape} cap"]\n{REST}', FOUND, check=_no_controls
        )
        yield _check(f"class-with-{name}", f'{HEAD}  "Parus{escape} major": ["a cap"]\n', FOUND, check=_no_controls)
        wrong = f'{HEAD}  "Parus{escape} major": 3\n'
        yield _check(f"error-of-a-class-with-{name}", wrong, says="list of phrases", check=_no_controls)
    for name, raw in {
        "nul": b"\0",
        "escape": b"\x1b[2J",
        "latin-1": b"\xe9",
        "half-utf-8": b"\xe2\x82",
        "surrogate": b"\xed\xa0\x80",
    }.items():
        data = HEAD.encode() + b"  Parus major: [a " + raw + b" cap]\n"
        statuses = (0, 1, 2) if name == "latin-1" else REFUSED
        yield _check(f"raw-{name}", data, statuses, "" if name == "latin-1" else "descriptors.yaml")
    yield _check("utf-16", (HEAD + REST).encode("utf-16"), (0, 2))
    yield _check("utf-32", (HEAD + REST).encode("utf-32"), (0, 2))


def _json() -> Iterator[Case]:
    for name, text in {
        "lone-surrogate": '{"Parus major": ["a \\ud800 cap"]}',
        "lone-surrogate-in-a-class": '{"Parus \\udc00": ["a cap"]}',
        "deep": "[" * 100_000,
        "deep-and-closed": '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "deep-objects": '{"a":' * 100_000,
        "nan": '{"Parus major": [NaN]}',
        "cut-off": '{"Parus major": ["a cap"',
        "array": '["a cap"]',
        "text": '"a cap"',
        "number": "1",
        "null": "null",
        "class-null": '{"Parus major": null}',
        "nested": '{"Parus major": {"descriptor": {"a": ["b"]}}}',
        "digits": '{"Parus major": [' + "9" * 5000 + "]}",
        "empty": "",
        "object": "{}",
        "blank-class": '{" ": ["a"]}',
    }.items():
        says = "nested more than" if name.startswith("deep") else "descriptors.json"
        yield _check(f"json-{name}", text, says=says, suffix=".json")
    repeated = "{" + ", ".join(f'"Parus major": ["trait {i}"]' for i in range(20_000)) + "}"
    yield _check("json-class-20000-times", repeated, (0, 1, 2), seconds=10, suffix=".json")
    replies = {"1.jpg": '"a": ["b", ' * 2000, "2.jpg": '"a": ["b"]'}
    yield _check("replies-cut-off", json.dumps(replies), (0, 1, 2), suffix=".json", seconds=5)
    for name, piece in {
        "blanks": '"a": [ ' + " " * 40_000,
        "strings": '"a": [' + '"b" ' * 20_000,
        "quotes": '"' * 40_000,
        "backslashes": '"' + "\\" * 40_000,
    }.items():
        text = json.dumps({"1.jpg": piece, "2.jpg": '"a": ["b"]'})
        yield _check(f"replies-of-{name}", text, (0, 1, 2), suffix=".json", seconds=10)


def _tables() -> Iterator[Case]:
    for name, text in {
        "header-only": "class,descriptor\n",
        "no-header": "Parus major,a cap\n",
        "header-twice": "class,class,descriptor\na,b,c\n",
        "unknown-column": "class,descriptor,colour\na,b,c\n",
        "many-cells": "class,descriptor\na,b,c\n",
        "number": "class,descriptor\na,3\n",
        "nan": "class,descriptor\na,nan\n",
        "blank-class": "class,descriptor\n ,a\n",
        "kind": "class,descriptor,kind\na,b,c\n",
        "quote-not-closed": 'class,descriptor\na,"b\n',
        "nul": "class,descriptor\na\0,b\n",
        "empty": "",
        "long-cell": f"class,descriptor\na,{'b' * (1 << 21)}\n",
    }.items():
        statuses = (0, 1, 2) if name in ("quote-not-closed", "nul") else REFUSED
        yield _check(f"table-{name}", text, statuses, r"descriptors\.csv" if statuses == REFUSED else "", suffix=".csv")
    wide = ",".join(f"descriptor{i}" for i in range(4_000))
    yield _check(
        "table-of-4000-columns", f"class,{wide}\nParus major{',a' * 4_000}\n", (0, 1, 2), suffix=".csv", seconds=10
    )


def _names() -> Iterator[Case]:
    for name, called in {
        "almost": "Parus mayor",
        "lower-case": "parus major",
        "underscore": "Parus_major",
        "blanks": "  Parus   major ",
        "nbsp": "Parus\u00a0major",
        "cyrillic": "P\u0430rus major",
        "genus": "Parus",
        "decomposed": "Parus majo\u0301r",
        "path": "Aves; Parus major",
        "long": "Parus major " * 50,
    }.items():
        text = f"{HEAD}  {json.dumps(called)}: [a black cap]\n{REST}"
        yield _check(
            f"name-{name}",
            text,
            FOUND,
            check=_says_what_is_missing,
            more=("--labels", "Parus major,Cyanistes caeruleus"),
        )
    unknown = f"{HEAD}  Pica pica: [a long tail]\n"
    yield Case("no-name-matches", partial(_classify, unknown, ()), REFUSED, "none of its names is a class")
    some = f"{HEAD}  Pica pica: [a long tail]\n{REST}"
    yield Case("a-name-is-unknown", partial(_classify, some, ()), OK, "Pica pica", _shares)
    yield Case("a-class-is-missing", partial(_classify, some, ("--missing", "error")), REFUSED, "Parus major")
    weights = f"{HEAD}  Parus major: [a cap]\n  Aves: [feathers]\n"
    for value in ("-1", "2", "nan", "inf", "1e400", "a", ""):
        options = ("--text", f"descriptors:inherit={value}")
        yield Case(f"inherit-{value or 'nothing'}", partial(_classify, weights, options), REFUSED, "inherit")


def _templates() -> Iterator[Case]:
    sets = {
        "attribute": ("['a photo of {0.__class__}']", REFUSED, "placeholder"),
        "brace": ("['{} {']", REFUSED, "brace"),
        "width": ("['{} {name:>99999999}']", REFUSED, "brace"),
        "percent": ("['a %s photo of {}']", OK, ""),
        "none": ("['a photo']", REFUSED, "placeholder"),
        "empty": ("[]", REFUSED, "templates"),
        "text": ("'a {}'", REFUSED, "templates"),
        "number": ("[1]", REFUSED, "templates"),
        "null": ("", REFUSED, "templates"),
        "twice": ("['a {}', 'a {}']", REFUSED, "more than once"),
        "nested": ("['{{}}']", REFUSED, "brace"),
        "letters": (f"['{'a' * 1_000_000} {{}}']", REFUSED, "characters"),
        "placeholders": (f"['{'{} ' * 20_000}']", REFUSED, "characters"),
        "control": (r'["a \e[2J{}"]', OK, ""),
        "many": ("[" + ",".join(f"'a {i} {{}}'" for i in range(50_000)) + "]", REFUSED, "at most"),
        "date": ("[2020-13-45]", REFUSED, "line 3"),
        "tag": ("!!python/object/apply:os.system [touch x]", REFUSED, "line 3"),
    }
    for name, (templates, statuses, says) in sets.items():
        text = f"name: own\nsource: me\ntemplates: {templates}\n"
        yield Case(f"templates-{name}", partial(_classify_with_templates, text), statuses, says, _marker)
    for name, text in {
        "no-mapping": "- a\n",
        "unknown-key": "name: a\nsource: b\ntemplates: ['{}']\nlicense: x\n",
        "no-source": "name: a\ntemplates: ['{}']\n",
        "name-is-a-list": "name: [a]\nsource: b\ntemplates: ['{}']\n",
        "binary": "\x01\x02",
        "empty": "",
        "number-as-a-name": "name: 3\nsource: b\ntemplates: ['{}']\n",
    }.items():
        yield Case(f"template-set-{name}", partial(_classify_with_templates, text), REFUSED, r"own\.yaml")
    for value in (
        "missing",
        "missing.yaml",
        "/dev/null",
        "..",
        "own.yaml:name=x",
        "own.yaml:name=",
        "a" * 5000,
        "~nobody/x.yaml",
        "a\0.yaml",
    ):
        safe = "".join(c if c.isalnum() else "-" for c in value[:20]) or "nothing"
        if "\0" not in value:
            yield Case(
                f"template-option-{safe}",
                partial(_classify_text, f"templates:{value}"),
                REFUSED,
                "template|missing|name|file|set|nobody",
            )


def _questions() -> Iterator[Case]:
    texts = {
        "attribute": ("Describe {name.__class__} and {name}", OK, ""),
        "unknown": ("a {colour} {name}", REFUSED, "colour"),
        "none": ("Describe it", REFUSED, "name"),
        "width": ("{name:>99999999} {name}", OK, ""),
        "index": ("{0} {name}", OK, ""),
        "many": ("{name} " * 100_000, REFUSED, "characters"),
        "letters": ("{name}" + "a" * 2_000_000, REFUSED, "characters"),
    }
    for name, (text, statuses, says) in texts.items():
        prompt = f"name: own\nsource: me\ntext: {json.dumps(text)}\n"
        yield Case(f"question-{name}", partial(_dry_run, prompt, ()), statuses, says)
    for name, (line, says) in {
        "temperature-nan": ("temperature: .nan", "temperature"),
        "temperature-inf": ("temperature: .inf", "temperature"),
        "max-tokens-0": ("max_tokens: 0", "max_tokens"),
        "max-tokens-digits": (f"max_tokens: {'9' * 400}", "max_tokens"),
        "answers-xml": ("answers: xml", "answers"),
        "unknown": ("colour: red", "colour"),
        "lists-null": ("lists: [null]", "lists"),
        "lists-and-text": ("lists: [{text: 'a {name}'}]", "lists"),
        "domain-number": ("domain: 3", "domain"),
        "kind": ("kind: colour", "kind"),
        "contrast": ("contrast: 'a {name}'", "siblings"),
    }.items():
        yield Case(
            f"question-with-{name}",
            partial(_dry_run, f"name: own\nsource: me\ntext: 'a {{name}}'\n{line}\n", ()),
            REFUSED,
            says,
        )
    for name, exemplar in {
        "null": "",
        "no-phrases": "domain: a\nsource: b\nname: c\ndescriptor: []\nbackground: [d]\n",
        "number": "3\n",
        "phrase-number": "domain: a\nsource: b\nname: c\ndescriptor: [1]\nbackground: [d]\n",
        "deep": "[" * 5000,
    }.items():
        yield Case(f"exemplar-{name}", partial(_dry_run_with_exemplar, exemplar), REFUSED, r"own\.yaml")


def _folders() -> Iterator[Case]:
    yield Case("folder-without-files", _empty_folder, REFUSED, "folder without descriptor files")
    yield Case("folder-with-a-broken-file", _broken_folder, REFUSED, r"b\.json")
    for name in ("missing.yaml", "/dev/null", "/dev/zero", "a" * 300, "~nobody/a.yaml"):
        safe = "".join(c if c.isalnum() else "-" for c in name[:20])
        yield Case(f"file-{safe}", partial(_check_path, name), REFUSED, "descr|missing|dev|a|nobody", seconds=10)


def _check(
    name: str,
    text: str | bytes,
    statuses: tuple[int, ...] = REFUSED,
    says: str = "",
    *,
    suffix: str = ".yaml",
    check: Callable[[Outcome], str] = lambda outcome: "",
    seconds: float = 10,
    more: tuple[str, ...] = (),
) -> Case:
    """A case of `describe --check`, which reads a descriptor file without a model."""
    return Case(name.lower(), partial(_write_and_check, text, suffix, more), statuses, says, check, seconds=seconds)


def _write_and_check(text: str | bytes, suffix: str, more: tuple[str, ...], folder: Path) -> list[str]:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    (folder / f"descriptors{suffix}").write_bytes(data)
    return ["describe", "--check", f"descriptors{suffix}", *more]


def _classify(text: str, more: tuple[str, ...], folder: Path) -> list[str]:
    (folder / "bird.png").write_bytes(DRAWING.read_bytes())  # which the demonstration model does not refuse
    write_labels(folder)
    (folder / "descriptors.yaml").write_text(text, "utf-8")
    return classify("--plugin", "descriptors", "--descriptors", "descriptors.yaml", *more)


def _classify_with_templates(text: str, folder: Path) -> list[str]:
    (folder / "own.yaml").write_text(text, "utf-8")
    return _classify_text("templates:own.yaml", folder)


def _classify_text(text: str, folder: Path) -> list[str]:
    write_image(folder)
    write_labels(folder)
    return classify("--text", text)


def _dry_run(prompt: str, more: tuple[str, ...], folder: Path) -> list[str]:
    (folder / "own.yaml").write_text(prompt, "utf-8")
    return ["describe", "--labels", "Parus major", "--prompt", "own.yaml", "--dry-run", *more]


def _dry_run_with_exemplar(exemplar: str, folder: Path) -> list[str]:
    (folder / "own.yaml").write_text(exemplar, "utf-8")
    return ["describe", "--labels", "Parus major", "--prompt", "exemplar:domain=own.yaml", "--dry-run"]


def _empty_folder(folder: Path) -> list[str]:
    (folder / "empty").mkdir()
    return ["describe", "--check", "empty"]


def _broken_folder(folder: Path) -> list[str]:
    (folder / "some").mkdir()
    (folder / "some/a.json").write_text('{"Parus major": ["a cap"]}')
    (folder / "some/b.json").write_text('{"Parus major": [')
    return ["describe", "--check", "some"]


def _check_path(path: str, folder: Path) -> list[str]:
    return ["describe", "--check", path]


def _make_bomb(levels: int, width: int) -> str:
    """A document of aliases: width ** levels values in a few lines."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels + 1)]
    return "\n".join(lines) + "\n"


def _indent(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def _marker(outcome: Outcome) -> str:
    return "a tag was run" if (outcome.folder / MARKER).exists() or (outcome.folder / "x").exists() else ""


def _no_controls(outcome: Outcome) -> str:
    said = outcome.stdout + outcome.stderr
    found = sorted(
        {c for c in said if (ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 or c in "\u2028\u202e\u2066"}
    )
    return f"control characters are printed: {found}" if found else ""


def _says_what_is_missing(outcome: Outcome) -> str:
    """A name that is no class is told; or else the class has its descriptors."""
    said = " ".join(outcome.stdout.split())
    matched = "no descriptors for 1 class" not in said
    return "" if matched or "no taxon of the taxonomy has this name" in said else f"nothing is said of the name: {said}"


def _shares(outcome: Outcome) -> str:
    shares = [one["probability"] for one in json.loads(outcome.stdout)["results"][0]["predictions"]]
    return "" if len(shares) == 3 and abs(sum(shares) - 1) < 1e-3 else f"shares {shares}"
