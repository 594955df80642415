"""The captioner `openai-vision` against a server on this machine that behaves well, badly, and not at all."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from PIL import Image

from bioclip_x.dataset.output.captions import caption_images, read_captions
from bioclip_x.errors import DescriptorError, LanguageModelError, NoAnswerError, RecipeError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records import Taxon
from bioclip_x_plugins.language_models.captioner import OpenAIVision, make_data_uri
from llm_server import KEY, Reply, Server, failed, in_turn, said, serving

TIT = Taxon(
    "species", "Parus major", (("family", "Paridae"), ("species", "Parus major")), common_names={"en": ("Great Tit",)}
)
NAMELESS = Taxon("", "", ())
SAID = "A small bird with a yellow breast."


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def make_jpeg(width: int = 40, height: int = 30, **more: Any) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(buffer, "JPEG", **more)
    return buffer.getvalue()


@contextmanager
def making(server: Server, **options: Any) -> Iterator[OpenAIVision]:
    made: Any = create_registry().make(
        "captioners", "openai-vision", {"model": "m", "base_url": server.url, "max_retries": 0} | options
    )
    yield made


def ask(captioner: OpenAIVision, image: bytes | None = None, taxon: Taxon = TIT) -> str:
    async def once() -> str:
        try:
            return await captioner.caption(make_jpeg() if image is None else image, taxon)
        finally:
            await captioner.close()

    return anyio.run(once)


def read_request(body: dict[str, Any]) -> tuple[str, Image.Image]:
    """Returns the question and the image of a request, which must be a JPEG in a data URI."""
    [message] = body["messages"]
    question, image = message["content"]
    assert message["role"] == "user" and question["type"] == "text" and image["type"] == "image_url"
    head, _, data = image["image_url"]["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    opened = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
    opened.load()
    assert opened.format == "JPEG"
    return question["text"], opened


def error_of(*replies: Reply, **options: Any) -> tuple[str, Server]:
    """What the user is told where the server answers so."""
    with serving(in_turn(*replies)) as server, making(server, **options) as captioner:
        with pytest.raises(LanguageModelError) as problem:
            ask(captioner)
        told = str(problem.value)
        assert problem.value.__cause__ is None and KEY not in told and "\n" not in told and "://" not in told
        assert server.url.removesuffix("/v1").removeprefix("http://") in told
        return told, server


def test_a_question_and_a_decodable_jpeg_are_sent() -> None:
    with serving(in_turn(said(SAID))) as server, making(server) as captioner:
        assert ask(captioner) == SAID
    question, image = read_request(server.asked[0])
    assert "labelled Great Tit (Paridae, Parus major)" in question and image.size == (40, 30)
    assert {key: value for key, value in server.asked[0].items() if key != "messages"} == {
        "model": "m", "temperature": 0.2, "max_tokens": 120,
    }  # fmt: skip
    assert server.authorizations == [f"Bearer {KEY}"]


@pytest.mark.parametrize(("options", "taxon"), [({"names": False}, TIT), ({}, NAMELESS)])
def test_the_name_is_not_needed(options: dict[str, Any], taxon: Taxon) -> None:
    with serving(in_turn(said(SAID))) as server, making(server, **options) as captioner:
        ask(captioner, taxon=taxon)
    question, _ = read_request(server.asked[0])
    assert "Tit" not in question and "Paridae" not in question and question.startswith("Describe the organism")


def test_a_question_of_its_own_and_a_file_of_one(tmp_path: Path) -> None:
    with serving(in_turn(said(SAID))) as server:
        with making(server, prompt="Which colours has this {rank}, {scientific_name}?") as captioner:
            ask(captioner)
            ask(captioner, taxon=NAMELESS)
        (tmp_path / "p.yaml").write_text("name: p\nsource: me\ntext: What is this?\nmax_tokens: 9\n")
        with making(server, prompt=str(tmp_path / "p.yaml"), temperature=1) as captioner:
            ask(captioner)
            assert captioner.provenance["prompt"] == "p"
    assert [read_request(body)[0] for body in server.asked] == [
        "Which colours has this species, Parus major?",
        "Which colours has this organism, organism?",
        "What is this?",
    ]
    assert (server.asked[2]["max_tokens"], server.asked[2]["temperature"]) == (9, 1)


def test_the_image_is_made_smaller_and_upright_and_loses_its_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010E] = "a secret place"
    image = make_jpeg(800, 400, exif=exif)
    with serving(in_turn(said(SAID))) as server, making(server, side=100) as captioner:
        ask(captioner, image)
    _, sent = read_request(server.asked[0])
    assert sent.size == (50, 100) and not sent.getexif()
    assert b"secret" not in base64.b64decode(
        server.asked[0]["messages"][0]["content"][1]["image_url"]["url"].partition(",")[2]
    )


@pytest.mark.parametrize(
    "image", [b"", b"GIF89a", make_jpeg()[:200], make_jpeg()[:-200]], ids=["none", "gif", "head", "short"]
)
def test_an_image_that_cannot_be_read_costs_nothing(image: bytes) -> None:
    with (
        serving(in_turn(said(SAID))) as server,
        making(server) as captioner,
        pytest.raises(NoAnswerError, match="the image cannot be read"),
    ):
        ask(captioner, image)
    assert server.asked == []


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_jpegs(mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (20, 10)).save(buffer, "JPEG")
    data = base64.b64decode(make_data_uri(buffer.getvalue(), 512).partition(",")[2])
    assert Image.open(io.BytesIO(data)).mode == "RGB"


def test_its_provenance_has_no_key_no_user_and_no_address() -> None:
    captioner = OpenAIVision(model="m", base_url=f"http://user:{KEY}@somewhere:80/v1")
    told = json.dumps(dict(captioner.provenance))
    assert json.loads(told)["host"] == "somewhere" and json.loads(told)["side"] == 512
    assert KEY not in told and "user" not in told and "://" not in told
    other = OpenAIVision(model="m", base_url="http://somewhere/v1", prompt="Which colours?")
    assert other.provenance["prompt_sha256"] != captioner.provenance["prompt_sha256"]


def test_a_prompt_that_is_not_there() -> None:
    with pytest.raises(DescriptorError, match="no prompt for captions is called 'nice'; built in: visible"):
        _ = OpenAIVision(model="m", prompt="nice").provenance
    with pytest.raises(DescriptorError, match=r"needs \{colour\}"):
        _ = OpenAIVision(model="m", prompt="Is it {colour} or not?").provenance


def bomb() -> Reply:
    """100 MB of blanks in 100 KB of gzip."""
    return Reply(gzip.compress(b" " * 100_000_000, 6), headers={"Content-Encoding": "gzip"})


BROKEN: dict[str, tuple[Callable[[], Reply], str]] = {
    "500": (
        lambda: failed(500, f"out of memory, {KEY}"),
        r"failed in each of 1 try \(HTTP 500: out of memory, \[key\]\)",
    ),
    "429": (lambda: failed(429, "slow down"), "too many requests"),
    "400": (lambda: failed(400, "image too small", param="messages"), "refused the request for the model 'm'"),
    "slow": (lambda: Reply({}, wait=20), "did not answer in time"),
    "drip": (lambda: Reply("x" * 5000, drip=0.05), "did not answer in time"),
    "reset": (lambda: Reply("x" * 5000, reset=True), "cannot be reached"),
    "html": (lambda: Reply("<html>hello"), "did not answer with a chat completion"),
    "broken": (lambda: Reply('{"choices": [{"mess'), "invalid or truncated JSON"),
    "huge": (lambda: said("a bird " * 1_000_000), "more than 4,096 KiB of a reply"),
    "huge error": (lambda: failed(500, "x" * 8_000_000), "more than 4,096 KiB of a reply"),
    "bomb": (bomb, "more than 64 KiB of a compressed reply"),
    "br": (lambda: Reply("x", headers={"Content-Encoding": "br"}), "a reply compressed by 'br'"),
    "gzip, gzip": (lambda: Reply("x", headers={"Content-Encoding": "gzip, gzip"}), "compressed by 'gzip, gzip'"),
    "no gzip": (lambda: Reply("x", headers={"Content-Encoding": "gzip"}), "cannot be reached|chat completion"),
    "list": (lambda: Reply([1]), "JSON, but not a chat completion"),
    "number": (lambda: Reply({"choices": [{"message": 3}]}), "JSON, but not a chat completion"),
    "filter": (lambda: said("", "content_filter"), "content filter"),
    "cut": (lambda: said("A bird on a", "length"), "cut off; increase the option max_tokens"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_server_that_misbehaves_costs_one_caption(what: str) -> None:
    make, message = BROKEN[what]
    told, _ = error_of(make(), timeout=1.5)
    assert re.search(message, told), told
    assert len(told) < 700


@pytest.mark.parametrize(("content", "text"), [(None, ""), (3, ""), ([{"text": "A bird."}, 4], "A bird."), ({}, "")])
def test_contents_of_wrong_types(content: Any, text: str) -> None:
    with serving(in_turn(said(content))) as server, making(server) as captioner:
        assert ask(captioner) == text


def test_a_small_compressed_reply_is_read() -> None:
    body = gzip.compress(json.dumps(said(SAID).body).encode())
    reply = Reply(body, headers={"Content-Encoding": "gzip"})
    with serving(in_turn(reply)) as server, making(server) as captioner:
        assert ask(captioner) == SAID


def test_an_answer_that_is_cut_off_keeps_its_whole_sentences() -> None:
    with serving(in_turn(said("A small bird. It sits on a 3.5 m", "length"))) as server, making(server) as captioner:
        assert ask(captioner) == "A small bird."


def test_transient_failures_are_retried() -> None:
    replies = in_turn(
        failed(429, "wait", {"Retry-After": "0"}), failed(500, "no"), Reply("x" * 500, reset=True), said(SAID)
    )
    with serving(replies) as server, making(server, max_retries=3) as captioner:
        assert ask(captioner) == SAID
    assert len({json.dumps(body) for body in server.asked}) == 1 and len(server.asked) == 4


def test_a_refused_key_ends_the_run() -> None:
    told, server = error_of(failed(401, f"bad key {KEY}"), max_retries=5)
    assert "refused the key" in told and len(server.asked) == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "'model'"),
        ({"model": "m", "side": 4}, "'side'"),
        ({"model": "m", "api_key": "k"}, "has no option 'api_key'"),
    ],
)
def test_options_are_checked(options: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        create_registry().make("captioners", "openai-vision", options)


def test_a_run_of_many_images_with_every_kind_of_trouble(tmp_path: Path) -> None:
    """The whole way: images, captions in the journal, and a second run that asks for the failed ones alone."""
    trouble = {
        3: failed(500, "no"), 5: said("I'm sorry, I can't help with that."), 7: said(""), 9: Reply("<html>"), 11: said("..."),
    }  # fmt: skip
    images = [(str(n), make_jpeg(20 + n, 20), TIT) for n in range(20)]

    def answer(body: dict[str, Any]) -> Reply:
        number = read_request(body)[1].width - 20
        return trouble.get(number, said(f"A bird of {number} pixels."))

    with serving(answer) as server:
        with making(server) as captioner:
            counts = caption_images(captioner, iter(images), tmp_path / "j", {"images": "x"}, 4)
            assert (counts.captioned, counts.failed) == (15, 5)
            trouble.clear()
            counts = caption_images(captioner, iter(images), tmp_path / "j", {"images": "x"}, 4)
        assert (counts.captioned, counts.failed, counts.earlier, len(server.asked)) == (5, 0, 15, 25)
    assert dict(read_captions(tmp_path / "j")) == {str(n): f"A bird of {n} pixels." for n in range(20)}
    journal = (tmp_path / "j").read_bytes()
    assert KEY.encode() not in journal and b"http://" not in journal and os.fsencode(tmp_path) not in journal
