"""A language model's server on this machine whose answer to a prompt is always the same.

What it answers is drawn from a hash of the prompt and of what it was asked with, so that a prompt, a temperature or a
token limit that changed by a letter changes the descriptors. Models: `lists`, which answers by JSON schema where asked
to and by a list otherwise; `no-schema`, which refuses schemas; `rambling`, whose every third answer is of no use.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PHRASES = [
    f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {part}"
    for colour in ("black", "orange", "olive", "pale yellow", "deep blue", "white-spotted")
    for part in ("crown", "breast", "wing edge", "cap", "stem", "patch behind the eye", "tail")
]
ODD = ["may be seen near houses", "Black crown.", "a black crown", "unknown", "it lives in woods and sings at night"]
"""What curation has something to do with."""


@contextmanager
def serving() -> Iterator[str]:
    """The server's base URL."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/v1"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def answer(asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """HTTP status and body."""
    wants_json = "response_format" in asked
    if wants_json and asked["model"] == "no-schema":
        return 400, {"error": {"message": "response_format is not supported", "type": "error", "code": None}}
    matters = {key: asked.get(key) for key in ("messages", "temperature", "max_tokens", "response_format")}
    digest = hashlib.sha256(json.dumps(matters, sort_keys=True).encode()).digest()
    text = _text(random.Random(digest), wants_json)
    if asked["model"] == "rambling" and digest[0] % 3 == 0:
        text = "It is a handsome thing that everybody knows."
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 100 + digest[1], "completion_tokens": 20 + digest[2] % 16}
    usage["total_tokens"] = sum(usage.values())
    head = {"id": "1", "object": "chat.completion", "created": 0, "model": f"{asked['model']}-2025"}
    return 200, {**head, "choices": [choice], "usage": usage}


def _text(drawn: random.Random, wants_json: bool) -> str:
    phrases = drawn.sample(PHRASES, drawn.randint(3, 7)) + drawn.sample(ODD, drawn.randint(0, 2))
    if wants_json:
        return json.dumps({"phrases": phrases})
    bullet = drawn.choice(["- ", "* ", "1. "])
    return "\n".join(f"{bullet}{phrase}" for phrase in phrases)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        status, body = answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass
