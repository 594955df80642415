"""Servers of language models that are down, hang, lie, or send what is no answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from hostile.case import OK, REFUSED, SOME_FAILED, Case, Outcome
from hostile.servers import KEY, REPLIES, Reply, complete, compress, find_closed_port, send_for_ever, start_server

GOOD = "- a black cap\n- a yellow belly"
EITHER = (0, 1, 2)


def cases() -> Iterator[Case]:
    REPLIES["redirect"] = Reply(b"{}")
    yield from _statuses()
    yield from _bodies()
    yield from _shapes()
    yield from _slow()
    yield from _addresses()
    yield from _options()


def _statuses() -> Iterator[Case]:
    for status in (
        400,
        401,
        402,
        403,
        404,
        405,
        408,
        409,
        413,
        415,
        418,
        422,
        429,
        431,
        451,
        500,
        501,
        502,
        503,
        504,
        529,
        599,
    ):
        error = {"error": {"message": f"no, {KEY}, \x1b[2J\u202e", "type": "x", "param": None, "code": None}}
        yield _ask(f"status-{status}", Reply(json.dumps(error).encode(), status), says=f"HTTP {status}")
    for status in (100, 204, 205, 206, 304):
        yield _ask(
            f"status-{status}",
            Reply(b"" if status != 206 else b"{", status),
            says="chat completion|cannot be reached|HTTP",
        )
    for status in (301, 302, 303, 307, 308):
        yield _ask(
            f"redirect-{status}",
            Reply(b"", status, {"Location": "/v1/chat/completions"}),
            says="HTTP|redirect|chat completion|reached",
        )
    elsewhere = {"Location": "http://127.0.0.1:9/v1/chat/completions"}
    yield _ask("redirect-elsewhere", Reply(b"", 307, elsewhere), says="reached|HTTP|redirect")
    yield _ask(
        "redirect-to-a-file",
        Reply(b"", 302, {"Location": "file:///etc/passwd"}),
        says="reached|HTTP|redirect|protocol|failed",
    )
    yield _ask("redirect-to-nothing", Reply(b"", 302, {"Location": ""}), says="reached|HTTP|redirect|chat completion")
    yield _ask(
        "redirect-malformed", Reply(b"", 302, {"Location": "http://["}), says="reached|HTTP|redirect|URL|address"
    )
    for name, value in {"1e9": "1000000000", "digits": "9" * 400, "date": "Fri, 31 Dec 9999 23:59:59 GMT"}.items():
        yield _ask(
            f"retry-after-{name}", Reply(b"{}", 429, {"Retry-After": value}), says="asks to retry in|429", retries=1
        )
    for name, value in {
        "negative": "-5",
        "nan": "nan",
        "infinity": "inf",
        "text": "soon",
        "old": "Fri, 31 Dec 1999 23:59:59 GMT",
        "impossible": "Fri, 99 Foo 2020 99:99:99 GMT",
        "year": "Fri, 31 Dec 99999999 00:00:00 GMT",
        "zone": "Fri, 31 Dec 2020 00:00:00 +9999",
        "empty": "",
    }.items():
        yield _ask(f"retry-after-{name}", Reply(b"{}", 429, {"Retry-After": value}), says="HTTP 429", retries=1)
    for name, body in {
        "html": b"<html><script>alert(1)</script></html>",
        "binary": bytes(range(256)),
        "deep": b"[" * 100_000,
        "null": b"null",
        "list": b"[1]",
        "text": b'"no"',
        "error-null": b'{"error": null}',
        "error-number": b'{"error": 3}',
        "message-list": b'{"error": {"message": ["a"]}}',
        "message-long": json.dumps({"error": {"message": "no " * 500_000}}).encode(),
        "code-list": b'{"error": {"message": "no", "code": [1], "param": {"a": 1}}}',
        "lone-surrogate": b'{"error": {"message": "\\ud800"}}',
    }.items():
        for status in (400, 500):
            yield _ask(
                f"status-{status}-with-{name}", Reply(body, status), says=f"HTTP {status}|nest|deep|chat completion"
            )


def _bodies() -> Iterator[Case]:
    bodies = {
        "nothing": b"",
        "blanks": b" " * 1000,
        "html": b"<!doctype html><html><body>Welcome</body></html>",
        "binary": bytes(range(256)) * 10,
        "nul": b"\0" * 1000,
        "cut-off": complete(GOOD)[:60],
        "deep": b"[" * 100_000,
        "deep-and-closed": b'{"choices": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "deep-objects": b'{"choices":' * 50_000,
        "two-documents": complete(GOOD) * 2,
        "utf-16": complete(GOOD).decode().encode("utf-16"),
        "half-utf-8": complete(GOOD).replace(b"black", b"bl\xe2\x82ck"),
        "stream": b"data: " + complete(GOOD) + b"\n\ndata: [DONE]\n\n",
        "large": complete("x" * (5 << 20)),
        "digits": b'{"choices": ' + b"9" * 5000 + b"}",
        "xml": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    }
    for name, body in bodies.items():
        statuses = EITHER if name in ("half-utf-8", "utf-16") else REFUSED
        yield _ask(f"body-{name}", Reply(body), statuses, "chat completion" if statuses == REFUSED else "")
    for kind in (
        "text/html",
        "text/event-stream",
        "image/png",
        "application/json; charset=utf-7",
        "application/json; charset=rot13",
        "",
        "\u00e9",
    ):
        safe = "".join(c if c.isalnum() and c.isascii() else "-" for c in kind) or "nothing"
        yield _ask(f"kind-{safe}", Reply(complete(GOOD), kind=kind), EITHER)
    gzipped = {"Content-Encoding": "gzip"}
    yield _ask("gzip-bomb", Reply(compress(128 << 20), headers=gzipped), says="KiB|chat completion", megabytes=900)
    yield _ask("gzip-bomb-small", Reply(compress(60 << 20), headers=gzipped), says="chat completion", megabytes=900)
    yield _ask(
        "gzip-bomb-as-an-error",
        Reply(compress(60 << 20), 400, gzipped),
        says="HTTP 400|chat completion|KiB",
        megabytes=900,
    )
    yield _ask(
        "gzip-damaged",
        Reply(compress(1 << 20)[:-9] + b"123456789", headers=gzipped),
        says="reached|chat completion|cannot",
    )
    yield _ask("gzip-that-is-none", Reply(complete(GOOD), headers=gzipped), says="reached|chat completion|cannot")
    for encoding in (
        "br",
        "zstd",
        "deflate",
        "gzip, gzip",
        "gzip, gzip, gzip, gzip, gzip",
        "rot13",
        "compress",
        "identity",
    ):
        reply = Reply(complete(GOOD), headers={"Content-Encoding": encoding})
        statuses = OK if encoding == "identity" else REFUSED
        yield _ask(f"encoding-{encoding.replace(', ', '-')}", reply, statuses)
    yield _ask("chunks-for-ever", Reply(send_for_ever(b" " * 65536)), says="KiB|chat completion")
    yield _ask("error-for-ever", Reply(send_for_ever(b" " * 65536), 500), says="KiB|HTTP 500|chat completion")
    yield _ask("longer-than-it-says", Reply(complete(GOOD), length=10), says="chat completion")
    yield _ask("shorter-than-it-says", Reply(complete(GOOD), length=100_000), says="reached|chat completion")
    yield _ask("negative-length", Reply(complete(GOOD), length=-5), EITHER)
    yield _ask("closes-at-once", Reply(close=True), says="cannot be reached")
    yield _ask("many-headers", Reply(complete(GOOD), headers={f"X-{i}": "a" * 500 for i in range(150)}), EITHER)
    yield _ask("a-long-header", Reply(complete(GOOD), headers={"X-A": "a" * 1_000_000}), REFUSED, "reached|header")


def _shapes() -> Iterator[Case]:
    good = json.loads(complete(GOOD))
    for name, choices in {
        "missing": None,
        "null": "null",
        "empty": [],
        "number": 3,
        "text": "a",
        "object": {"0": {}},
        "of-null": [None],
        "of-numbers": [1],
        "without-a-message": [{}],
        "message-null": [{"message": None}],
        "message-text": [{"message": "a"}],
        "message-list": [{"message": []}],
    }.items():
        document = {key: value for key, value in good.items() if key != "choices"}
        if choices is not None:
            document["choices"] = None if choices == "null" else choices
        yield _ask(f"choices-{name}", Reply(json.dumps(document).encode()), says="chat completion")
    for name, content in {
        "null": None,
        "empty": "",
        "number": 3,
        "list": [],
        "of-parts": [{"type": "text", "text": GOOD}],
        "object": {"a": 1},
        "true": True,
        "of-null": [None],
        "part-number": [{"text": 3}],
        "surrogate": "- a \ud800 cap",
        "nul": "- a \0 cap",
        "escape": "- a \x1b[2J cap",
        "key": f"- a cap {KEY}",
        "html": "- <script>alert(1)</script> cap",
        "deep": "[" * 90_000,
        "underlines": "- " + "__a " * 30_000,
        "long": "x" * 200_000,
        "lines": "\n" * 90_000 + "x",
        "fences": "```" * 30_000,
        "thoughts": "<think>" * 10_000,
        "json": '{"class": "Pica pica", "phrases": ["a"]}',
    }.items():
        statuses = (
            OK
            if name in ("of-parts", "surrogate", "nul", "escape", "key")
            else (0, 1)
            if name == "html"
            else SOME_FAILED
        )
        yield _ask(f"content-{name}", Reply(complete(content)), statuses, "1 of 1|0 of 1")
    for name, usage in {
        "null": None,
        "text": "many",
        "list": [1],
        "negative": {"prompt_tokens": -1, "completion_tokens": -9},
        "digits": {"prompt_tokens": int("9" * 400), "completion_tokens": 1},
        "float": {"prompt_tokens": 1.5, "completion_tokens": 1e308},
        "true": {"prompt_tokens": True, "completion_tokens": False},
        "infinity": {"prompt_tokens": float("inf"), "completion_tokens": float("nan")},
        "nested": {"prompt_tokens": {"a": 1}},
    }.items():
        yield _ask(f"usage-{name}", Reply(complete(GOOD, usage=usage)), OK, "described", prices=True)
    for name, reason in {
        "null": None,
        "number": 3,
        "length": "length",
        "filter": "content_filter",
        "long": "x" * 100_000,
        "escape": "\x1b[2J",
    }.items():
        body = json.loads(complete(GOOD))
        body["choices"][0]["finish_reason"] = reason
        yield _ask(f"finish-{name}", Reply(json.dumps(body).encode()), EITHER, "of 1")
    for name, model in {
        "null": None,
        "list": [1],
        "long": "m" * 100_000,
        "escape": "\x1b[2J\u202e",
        "key": KEY,
        "surrogate": "\ud800",
    }.items():
        yield _ask(f"model-{name}", Reply(complete(GOOD, model=model)), OK, "1 of 1")


def _slow() -> Iterator[Case]:
    yield _ask("hangs", Reply(complete(GOOD), wait=3), says="did not answer in time", timeout=0.3)
    yield _ask("trickles", Reply(send_for_ever(b" ", 0.05, 4)), says="did not answer in time", timeout=0.4)
    yield _ask(
        "trickles-an-error", Reply(send_for_ever(b" ", 0.05, 4), 500), says="did not answer in time", timeout=0.4
    )
    yield _ask(
        "hangs-twice", Reply(b"", wait=2, close=True), says="did not answer in time .2 tries", timeout=0.2, retries=1
    )


def _addresses() -> Iterator[Case]:
    port = find_closed_port()
    for name, url in {
        "nobody-listens": f"http://127.0.0.1:{port}/v1",
        "https-of-http": "https:{server}",
        "no-such-host": "http://a.invalid/v1",
        "long-host": f"http://{'a' * 300}.invalid/v1",
        "label-too-long": f"http://{'a' * 64}.invalid/v1",
        "dots": "http://a..b/v1",
        "zero": "http://0.0.0.0:1/v1",
        "port-0": "http://127.0.0.1:0/v1",
        "not-ascii": "http://\u00fc\u2060.invalid/v1",
    }.items():
        yield Case(
            f"address-{name}",
            partial(_describe_at, url),
            REFUSED,
            "reached|base URL|host",
            _no_key,
            {"OPENAI_API_KEY": KEY},
        )
    for name, url in {
        "bracket": "http://[",
        "port-text": "http://localhost:abc/v1",
        "port-large": "http://localhost:99999/v1",
        "port-negative": "http://localhost:-1/v1",
        "no-scheme": "localhost:8000/v1",
        "empty": " ",
        "ftp": "ftp://localhost/v1",
        "file": "file:///etc/passwd",
        "no-host": "http:///v1",
        "blank": "http://local host/v1",
        "line": "http://localhost/v1\nX-A: b",
        "nothing": "http://",
        "ipv6": "http://[::1",
        "ipv6-zone": "http://[fe80::1%eth0]:1/v1",
        "ip": "http://999.999.999.999:1/v1",
        "percent": "http://%zz/v1",
        "script": "javascript:alert(1)",
        "long": "http://localhost/" + "a" * 100_000,
        "escape": "http://\x1b[2J/v1",
        "query": f"http://127.0.0.1:{port}/v1?a=b#c",
        "user": f"http://user:{KEY}@127.0.0.1:{port}/v1",
        "surrogate": "http://\udcff/v1",
    }.items():
        yield Case(
            f"url-{name}",
            partial(_describe_at, url),
            REFUSED,
            "base URL|reached|no chat endpoint|in time",
            _no_key,
            {"OPENAI_API_KEY": KEY},
        )
        if name not in ("line", "escape", "surrogate", "long"):
            environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": url}
            statuses = REFUSED
            says = "base URL|reached|no chat endpoint|in time" if url.strip() else "reached|key"
            if url.strip():
                yield Case(f"variable-{name}", partial(_describe_at, ""), statuses, says, _no_key, environment)
    for name, key in {
        "line": "a\nb",
        "not-ascii": "schl\u00fcssel",
        "nul-like": "\x01",
        "long": "k" * 100_000,
        "blank": " ",
    }.items():
        reply = Reply(complete(GOOD))
        yield _ask(f"key-{name}", reply, EITHER, key=key)


def _options() -> Iterator[Case]:
    for name, options in {
        "timeout-0": "timeout=0",
        "timeout-nan": "timeout=.nan",
        "timeout-infinity": "timeout=.inf",
        "timeout-negative": "timeout=-1",
        "timeout-text": "timeout=soon",
        "retries-negative": "max_retries=-1",
        "retries-digits": f"max_retries={'9' * 400}",
        "temperature-3": "temperature=3",
        "temperature-nan": "temperature=.nan",
        "max-tokens-0": "max_tokens=0",
        "max-tokens-digits": f"max_tokens={'9' * 400}",
        "unknown": "colour=red",
        "model-twice": "model=a,model=b",
        "model-empty": "model=''",
        "model-list": "model=[a]",
        "date": "timeout=2020-13-45",
        "tag": "model=!!python/object/apply:os.system [x]",
        "bomb": "model=&a [*a]",
        "deep": "model=" + "[" * 2000,
        "digits": f"timeout={'9' * 5000}",
        "long": "model=" + "a" * 100_000,
        "commas": "," * 9000,
    }.items():
        arguments = [
            "describe",
            "--labels",
            "Parus major",
            "--llm",
            f"openai:{options if options.startswith((',', 'model=')) else f'model=m,{options}'}",
        ]
        yield Case(
            f"option-{name}",
            partial(
                _return, [*arguments, "--output", "a.yaml", "--base-url", f"http://127.0.0.1:{find_closed_port()}/v1"]
            ),
            REFUSED,
            "expected|option|digits|number|valid YAML",
            _not_asked,
        )
    for flag, value in {
        "--concurrency": "0",
        "--ask-again": "-1",
        "--price-in": "nan",
        "--price-out": "-1",
        "--language": "\x1b",
        "--at": ",,",
        "--name": "other",
    }.items():
        arguments = ["describe", "--labels", "Parus major", "--dry-run", flag, value]
        statuses = OK if flag in ("--language", "--at") else REFUSED
        yield Case(f"flag{flag}", partial(_return, arguments), statuses)


def _not_asked(outcome: Outcome) -> str:
    return "the server is asked" if "reached" in outcome.stderr else _no_key(outcome)


def _return(arguments: list[str], folder: Path) -> list[str]:
    return arguments


def _ask(
    name: str,
    reply: Reply,
    statuses: tuple[int, ...] = REFUSED,
    says: str = "",
    *,
    retries: int = 0,
    timeout: float = 5,
    prices: bool = False,
    megabytes: int = 2048,
    key: str = KEY,
) -> Case:
    """A case of `describe` with one class, whose server sends this reply again and again."""
    REPLIES[name] = reply
    make = partial(_describe, name, retries, timeout, prices)
    return Case(name, make, statuses, says, _no_key, {"OPENAI_API_KEY": key}, seconds=6, bytes=megabytes << 20)


def _describe(name: str, retries: int, timeout: float, prices: bool, folder: Path) -> list[str]:
    model = f"openai:model={name},max_retries={retries},timeout={timeout}"
    costs = ["--price-in", "1", "--price-out", "2"] if prices else []
    server = ["--base-url", start_server(), "--ask-again", "0"]
    return ["describe", "--labels", "Parus major", "--llm", model, "--output", "a.yaml", *server, *costs]


def _describe_at(url: str, folder: Path) -> list[str]:
    url = url.replace("{server}", start_server().partition(":")[2])
    server = ["--base-url", url] if url else []
    return [
        "describe",
        "--labels",
        "Parus major",
        "--llm",
        "openai:model=m,max_retries=0,timeout=1",
        "--output",
        "a.yaml",
        *server,
    ]


def _no_key(outcome: Outcome) -> str:
    """The key is nowhere in what is printed or written; nor are control characters in what is printed."""
    said = outcome.stdout + outcome.stderr
    if KEY in said:
        return "the key is printed"
    if any(KEY.encode() in file.read_bytes() for file in outcome.folder.rglob("*") if file.is_file()):
        return "the key is written"
    return "control characters are printed" if any(c in said for c in "\x1b\u202e\0") else ""
