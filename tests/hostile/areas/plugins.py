"""Files of plugins that are broken: at import, in what they register, in what their components return, raise and print."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bioclip_x.hooks.components import KINDS
from hostile.case import OK, REFUSED, SOME_FAILED, Case, Outcome
from hostile.inputs import LABELS, classify, write_image

RAISED = {
    "exit-0": "raise SystemExit(0)",
    "exit-3": "raise SystemExit(3)",
    "generator-exit": "raise GeneratorExit",
    "recursion": "f = lambda: f(); f()",
    "value-error": "raise ValueError('bad ' * 1000 + chr(27) + '[2J')",
    "group": "raise ExceptionGroup('several', [ValueError('a')])",
    "own": "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})()",
    "base": "raise type('Base', (BaseException,), {})('odd')",
    "stop-iteration": "raise StopIteration",
    "assertion": "assert False",
    "unicode": "raise ValueError('\\ud800')",
    "timeout": "raise TimeoutError",
    "import": "import a_module_that_is_missing",
}
"""What a hook or a component may raise: all of it is told in one line that names the plugin."""
HEAD = "from bioclip_x.plugin import ComponentSpec, hookimpl\n"
HOOKS = KINDS


def cases() -> Iterator[Case]:
    yield from _imports()
    yield from _hooks()
    yield from _components()
    yield from _printing()
    yield from _names()


def _imports() -> Iterator[Case]:
    for name, code in RAISED.items():
        yield _list(f"import-raises-{name}", code, says="own.py")
    for name, data in {
        "syntax": b"def f(:\n",
        "indentation": b"def f():\nx\n",
        "nul": b"a = 1\0\n",
        "binary": bytes(range(256)),
        "encoding": b"# coding: rot13\nx\n",
        "encoding-unknown": b"# coding: nothing\n",
        "latin-1": b"a = '\xe9'\n",
        "utf-16": "a = 1".encode("utf-16"),
        "empty": b"",
        "no-hooks": b"a = 1\n",
        "deep": b"a = " + b"(" * 500 + b")" * 500,
        "nested": b"a = " + b"-" * 200_000 + b"1\n",
        "long-number": b"a = " + b"9" * 10_000 + b"\n",
        "warning": b"a = '\\d' is 'b'\nimport warnings; warnings.warn('x')\n",
    }.items():
        statuses = OK if name in ("empty", "no-hooks", "warning") else REFUSED
        yield Case(
            f"file-{name}",
            partial(_write_and_list, data),
            (0, 2) if statuses == OK else statuses,
            "" if statuses == OK else r"own\.py",
        )
    for name, given in {
        "missing": "missing.py",
        "folder": "folder.py",
        "device": "/dev/null",
        "module": "a_module_that_is_missing",
        "submodule": "json.missing",
        "standard": "json",
        "relative": "..own",
        "blank": " ",
        "empty": "",
        "long": "a" * 300 + ".py",
        "very-long": "a" * 100_000,
        "escape": "\x1b[2J",
        "no-plugin": "no:missing",
        "dots": "...",
        "dunder": "__main__",
        "url": "http://a.invalid/own.py",
        "object": "os:system",
        "home": "~nobody/own.py",
    }.items():
        yield Case(
            f"named-{name}",
            partial(_name, given),
            (0, 2) if name in ("standard", "dunder", "no-plugin") else REFUSED,
            "",
            _no_controls,
        )
    yield _list("import-replaces-stdout", "import sys; sys.stdout = None")
    yield _list("import-removes-itself", "import sys; del sys.modules[__name__]", (0, 2))
    yield _list("import-changes-the-folder", "import os; os.chdir('/')")
    yield _list(
        "import-starts-a-thread",
        "import threading, time; threading.Thread(target=time.sleep, args=(0.1,), daemon=True).start()",
    )
    yield _list("import-imports-itself", "import bioclip_x.cli.main")


def _hooks() -> Iterator[Case]:
    for hook in HOOKS:
        for name in ("exit-0", "value-error", "base"):
            yield _list(
                f"{hook}-raises-{name}",
                _make_hook(hook, RAISED[name].replace("f = lambda: f(); f()", "pass")),
                says=r"own",
            )
        for name, value in {
            "none": "None",
            "number": "3",
            "text": "'a'",
            "list-of-none": "[None]",
            "list-of-texts": "['a']",
            "mapping": "{'a': 1}",
        }.items():
            statuses = (0, 2) if name == "none" else REFUSED
            yield _list(
                f"{hook}-returns-{name}", _make_hook(hook, f"return {value}"), statuses, "" if name == "none" else "own"
            )
    for name, value in {
        "endless": "__import__('itertools').repeat(ComponentSpec('a', 'b', 'c:d'))",
        "generator": "(1 / 0 for _ in 'a')",
        "twice": "[ComponentSpec('a', 'b', 'c:d')] * 2",
        "a-builtin": "[ComponentSpec('flat', 'b', 'c:d')]",
        "class": "list",
        "many": "[ComponentSpec(f'a{i}', 'b', 'c:d') for i in range(20000)]",
    }.items():
        yield _list(
            f"heads-return-{name}",
            _make_hook("heads", f"return {value}"),
            (0, 2) if name == "many" else REFUSED,
            seconds=6,
        )
    for name, arguments in {
        "name-blank": "'', 'b', 'c:d'",
        "name-number": "3, 'b', 'c:d'",
        "name-long": "'a' * 100000, 'b', 'c:d'",
        "name-escape": "'\\x1b[2J', 'b', 'c:d'",
        "name-colon": "'a:b', 'b', 'c:d'",
        "name-line": "'a\\nb', 'b', 'c:d'",
        "name-surrogate": "'\\ud800', 'b', 'c:d'",
        "summary-none": "'a', None, 'c:d'",
        "target-none": "'a', 'b', None",
        "target-number": "'a', 'b', 3",
        "target-no-colon": "'a', 'b', 'c'",
        "few": "'a'",
        "many": "'a', 'b', 'c:d', 1, 2, 3, 4, 5, 6",
    }.items():
        yield _list(
            f"spec-{name}", _make_hook("heads", f"return [ComponentSpec({arguments})]"), (0, 2), check=_no_controls
        )
    yield _list("hook-misspelt", "@hookimpl\ndef haeds(): return []", says="heads")
    yield _list("hook-with-arguments", "@hookimpl\ndef heads(a, b): return []", says="own")
    yield _list("hook-is-a-coroutine", "@hookimpl\nasync def heads(): return []", says="own")
    yield _list("hook-is-a-generator", "@hookimpl\ndef heads(): yield ComponentSpec('a', 'b', 'c:d')", (0, 2))
    yield _list("hook-is-a-wrapper", "@hookimpl(wrapper=True)\ndef heads(): return (yield)", says="own")
    for name, code in {
        **RAISED,
        "none": "return None",
        "number": "return 3",
        "list": "return [1]",
        "unknown": "return {'colour': 1}",
        "type": "return {'k': 'many'}",
        "nan": "return {'k': float('nan')}",
    }.items():
        statuses = REFUSED
        if name not in ("import", "recursion"):
            yield _classify(
                f"configure-{name}",
                f"@hookimpl\ndef configure(recipe): {code}",
                statuses,
                "" if statuses == OK else "own|colour|'?k'?",
                (),
            )


def _components() -> Iterator[Case]:
    for name, target in {
        "missing-module": "a_module_that_is_missing:Head",
        "missing-name": "json:Head",
        "number": "math:pi",
        "builtin": "builtins:exit",
        "module": "json:decoder",
        "no-name": "json:",
        "system": "os:abort_not",
    }.items():
        yield _classify(
            f"target-{name}", f"@hookimpl\ndef heads(): return [ComponentSpec('own', 'x', '{target}')]", REFUSED, "own"
        )
    for name, code in RAISED.items():
        if name != "import":
            yield _head(f"constructor-raises-{name}", "pass", REFUSED, init=code)
        # What a head raises is a row's error.
        yield _head(f"head-raises-{name}", code, SOME_FAILED, check=_is_json)
    for name, code in {
        "none": "return None",
        "number": "return 3",
        "text": "return 'a'",
        "list": "return [0.5]",
        "generator": "yield 1",
        "endless": "import itertools; return itertools.repeat(1)",
        "input": "return head_input",
        "itself": "return self",
        "class": "return Scores",
        "coroutine": "return __import__('asyncio').sleep(0)",
    }.items():
        yield _head(f"head-returns-{name}", code, (1, 2), check=_is_json)
    for name, code in {
        "nan": "z * float('nan')",
        "infinity": "z + float('inf')",
        "minus-infinity": "z - float('inf')",
        "shape": "z[:1]",
        "flat": "z[None]",
        "empty": "z[:0]",
        "integers": "z.long()",
        "booleans": "z.bool()",
        "numpy": "z.numpy()",
        "list": "z.tolist()",
        "none": "None",
        "float64": "z.double()",
        "half": "z.half()",
        "complex": "z.to(torch.complex64)",
        "gradient": "z.clone().requires_grad_()",
        "meta": "z.to('meta')",
        "sparse": "z.to_sparse()",
        "positive": "z.abs() + 5",
        "large": "z.repeat(1000)",
    }.items():
        statuses = OK if name in ("float64", "gradient") else (0, 1, 2)
        yield _adjust(f"offsets-{name}", code, statuses)
    for name, code in {
        "none": "return None",
        "empty": "return PromptSet(())",
        "number": "return 3",
        "of-texts": "return PromptSet(('a',))",
        "generator": "yield Prompt('a', 0, 'own')",
        "few": "return PromptSet((Prompt('a', 0, 'own'),))",
        "class-negative": "return PromptSet((Prompt('a', -1, 'own'),))",
        "class-large": "return PromptSet((Prompt('a', 10**30, 'own'),))",
        "blank": "return PromptSet(tuple(Prompt(' ', c, 'own') for c in request.classes))",
        "text-none": "return PromptSet(tuple(Prompt(None, c, 'own') for c in request.classes))",
        "weight-nan": "return PromptSet(tuple(Prompt('a', c, 'own', weight=float('nan')) for c in request.classes))",
        "weight-huge": "return PromptSet(tuple(Prompt('a', c, 'own', weight=10**400) for c in request.classes))",
        "weight-1e308": "return PromptSet(tuple(Prompt('a', c, 'own', weight=1e308) for c in request.classes))",
        "notes-number": "return PromptSet(tuple(Prompt('a', c, 'own') for c in request.classes), 3)",
        "exit": "raise SystemExit(0)",
        "error": "raise ValueError('x')",
    }.items():
        yield _texts(f"texts-{name}", code, REFUSED, "own|no text builder")
    for name, code in {"long": "'a' * 1000000", "controls": "'a\\x1b[2J\\0'", "surrogate": "'\\ud800'"}.items():
        yield _texts(
            f"texts-{name}",
            f"return PromptSet(tuple(Prompt({code}, c, 'own') for c in request.classes))",
            (0, 2),
            "",
            _no_controls,
        )
    for name, code in {
        **RAISED,
        "none": "return None",
        "text": "return 'a'",
        "number": "return 3",
        "answer-none": "return Answer(None)",
        "answer-number": "return Answer(3)",
        "answer-tokens": "return Answer('- a cap', prompt_tokens='many')",
        "answer-surrogate": "return Answer('- a \\ud800 cap')",
        "coroutine": "return __import__('asyncio').sleep(0)",
        "generator": "yield 1",
    }.items():
        if name != "import":
            yield _language_model(
                f"language-model-{name}",
                code,
                OK if name == "answer-surrogate" else REFUSED,
                "" if name == "answer-surrogate" else "own",
            )
    for name, options in {
        "unknown": "colour=1",
        "twice": "a=1,a=2",
        "no-value": "a=",
        "no-name": "=1",
        "equals": "a==",
        "braces": "a={",
        "deep": "a=" + "[" * 3000,
        "long": "a=" + "x" * 200_000,
        "commas": "," * 5000,
        "date": "a=2020-13-45",
        "tag": "a=!!python/object/apply:os.system [x]",
        "bomb": "a=[&b [x],*b,*c]",
        "digits": "a=" + "9" * 5000,
        "nan": "a=.nan",
        "list": "a=[1,2]",
        "escape": "a=\x1b[2J",
        "colon": ":::",
        "blank": " ",
    }.items():
        yield _head(f"options-{name}", "return None", (1, 2), options=options, check=_no_controls)


def _printing() -> Iterator[Case]:
    ways = {
        "print": "print('LOUD')",
        "sys-stdout": "sys.stdout.write('LOUD\\n'); sys.stdout.flush()",
        "dunder": "sys.__stdout__.write('LOUD\\n'); sys.__stdout__.flush()",
        "descriptor": "os.write(1, b'LOUD\\n')",
        "echo": "subprocess.run(['echo', 'LOUD'])",
        "shell": "os.system('echo LOUD')",
        "logging": "import logging; logging.basicConfig(stream=sys.stdout, force=True); logging.warning('LOUD')",
        "buffer": "sys.stdout.buffer.write(b'LOUD'); sys.stdout.flush()",
        "thread": "import threading; t = threading.Thread(target=print, args=('LOUD',)); t.start(); t.join()",
        "exit": "import atexit; atexit.register(print, 'LOUD', file=sys.stderr)",
    }
    for name, code in ways.items():
        alone = name in ("dunder", "descriptor", "echo", "shell")
        at_import = f"import os, subprocess, sys\n{code}\n" + _make_head("pass", "")
        yield Case(
            f"prints-at-import-{name}", partial(_write_and_classify, at_import, ()), OK, "", _is_json, alone=alone
        )
        in_head = f"import os, subprocess, sys; {code}; raise ValueError('done')"
        yield Case(
            f"prints-in-a-head-{name}",
            partial(_write_and_classify, _make_head(in_head, ""), ("--head", "own")),
            SOME_FAILED,
            "done",
            _is_json,
            alone=alone,
        )


def _names() -> Iterator[Case]:
    for kind in ("head", "text", "scorer", "adjust", "detector"):
        for name, given in {
            "missing": "missing",
            "blank": " ",
            "colon": ":",
            "long": "a" * 20_000,
            "escape": "\x1b[2J",
            "none": "null",
            "path": "../flat",
            "case": "FLAT",
            "dunder": "__class__",
        }.items():
            yield Case(f"no-{kind}-{name}", partial(_classify_with, (f"--{kind}", given)), REFUSED, "", _no_controls)


def _make_hook(hook: str, code: str) -> str:
    return f"@hookimpl\ndef {hook}():\n    {code}\n"


def _make_head(code: str, init: str) -> str:
    constructor = f"    def __init__(self):\n        {init}\n" if init else ""
    return (
        "from bioclip_x.plugin import Scores\n"
        f"class Head:\n{constructor}    def decide(self, head_input):\n        {code}\n"
        "@hookimpl\ndef heads(): return [ComponentSpec('own', 'x', f'{__name__}:Head')]\n"
    )


def _head(
    name: str,
    code: str,
    statuses: tuple[int, ...],
    *,
    init: str = "",
    options: str = "",
    check: Callable[[Outcome], str] = lambda outcome: "",
) -> Case:
    reference = f"own:{options}" if options else "own"
    return _classify(name, _make_head(code, init), statuses, "own", ("--head", reference), check)


def _adjust(name: str, code: str, statuses: tuple[int, ...]) -> Case:
    text = (
        "import torch\nclass Own:\n    def offsets(self, taxonomy, sources):\n"
        "        z = torch.zeros(taxonomy.n_classes)\n"
        f"        return {code}\n    def notes(self, *a): return []\n"
        "@hookimpl\ndef adjust_logits(): return [ComponentSpec('own', 'x', f'{__name__}:Own')]\n"
    )
    return _classify(name, text, statuses, "" if 0 in statuses else "own", ("--adjust", "own"), _finite)


def _texts(
    name: str, code: str, statuses: tuple[int, ...], says: str, check: Callable[[Outcome], str] = lambda outcome: ""
) -> Case:
    text = (
        f"from bioclip_x.plugin import Prompt, PromptSet\nclass Own:\n    def build(self, request):\n        {code}\n"
        "@hookimpl\ndef text_builders(): return [ComponentSpec('own', 'x', f'{__name__}:Own')]\n"
    )
    return _classify(name, text, statuses, says, ("--text", "own"), check)


def _language_model(name: str, code: str, statuses: tuple[int, ...], says: str) -> Case:
    text = (
        "from bioclip_x.plugin import Answer\nclass Own:\n    provenance = {'model': 'm', 'host': ''}\n"
        f"    def complete(self, prompt, **more):\n        {code}\n    def close(self): pass\n"
        "@hookimpl\ndef language_models(): return [ComponentSpec('own', 'x', f'{__name__}:Own')]\n"
    )
    return Case(name, partial(_write_and_describe, text), statuses, says, _no_controls)


def _classify(
    name: str,
    code: str,
    statuses: tuple[int, ...],
    says: str,
    more: tuple[str, ...] = ("--head", "own"),
    check: Callable[[Outcome], str] = lambda outcome: "",
) -> Case:
    return Case(name, partial(_write_and_classify, code, more), statuses, says, check, seconds=10)


def _list(
    name: str,
    code: str,
    statuses: tuple[int, ...] = REFUSED,
    says: str = "",
    *,
    seconds: float = 10,
    check: Callable[[Outcome], str] = lambda outcome: "",
) -> Case:
    return Case(
        name.replace("_", "-"),
        partial(_write_and_list, (HEAD + code).encode("utf-8", "surrogatepass")),
        statuses,
        says,
        check,
        seconds=seconds,
    )


def _write_and_list(data: bytes, folder: Path) -> list[str]:
    (folder / "own.py").write_bytes(data)
    return ["plugins", "list", "--plugin", "own.py"]


def _name(given: str, folder: Path) -> list[str]:
    (folder / "folder.py").mkdir()
    return ["plugins", "list", "--plugin", given]


def _write_and_classify(code: str, more: tuple[str, ...], folder: Path) -> list[str]:
    (folder / "own.py").write_text(HEAD + code, "utf-8")
    return [*_classify_with(more, folder), "--plugin", "own.py"]


def _classify_with(more: tuple[str, ...], folder: Path) -> list[str]:
    write_image(folder)
    (folder / "labels.txt").write_text(LABELS, "utf-8")
    return classify(*more)


def _write_and_describe(code: str, folder: Path) -> list[str]:
    (folder / "own.py").write_text(HEAD + code, "utf-8")
    return ["describe", "--labels", "Parus major", "--llm", "own", "--output", "a.yaml", "--plugin", "own.py"]


def _is_json(outcome: Outcome) -> str:
    """What is printed on standard output is one document, where the run was completed."""
    if outcome.status == 2:  # an output that is broken off has no end
        return ""
    try:
        json.loads(outcome.stdout)
    except ValueError as problem:
        return f"stdout is no JSON: {problem}: {outcome.stdout[:200]!r}"
    return ""


def _finite(outcome: Outcome) -> str:
    return _is_json(outcome) or ("NaN is printed" if "NaN" in outcome.stdout or "Infinity" in outcome.stdout else "")


def _no_controls(outcome: Outcome) -> str:
    return "control characters are printed" if any(c in outcome.stdout + outcome.stderr for c in "\x1b\x00") else ""
