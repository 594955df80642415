"""The requests of the page. Whatever takes time runs in a thread; the event loop only passes on."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from anyio.to_thread import run_sync

from bioclip_x.app.choices import Kind, Settings
from bioclip_x.app.exports import list_formats, pack_folder, write_report_file
from bioclip_x.app.known_image import KnownImage
from bioclip_x.app.limits import AppError, clean_name
from bioclip_x.app.loaded import Loaded
from bioclip_x.app.phrases import PhraseFigures, measure_phrase
from bioclip_x.app.session import Session
from bioclip_x.app.variants import Variant, decide_again, leave_out
from bioclip_x.errors import BioclipXError
from bioclip_x.faults import log_row, naming, summarise
from bioclip_x.records import Result

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

T = TypeVar("T")

TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".html": "text/html", ".svg": "image/svg+xml"}
KEEP_ALIVE: Final = 15.0
"""Seconds after which a stream without events sends a comment, and finds out whether anybody listens."""
FILES_AT_ONCE: Final = 64
"""Files of one request; the page sends many in several."""


class Routes:
    """The handlers of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._assets = {
            asset.name: asset.read_bytes() for asset in (files(__package__) / "static").iterdir() if asset.is_file()
        }
        self._assets["cards.css"] = session.card_report.make_card_style().encode()

    def list(self) -> list[Route]:
        from starlette.routing import Route

        def get(path: str, handler: Any) -> Route:
            return Route(path, _answering(handler))

        def post(path: str, handler: Any) -> Route:
            return Route(path, _answering(handler), methods=["POST"])

        return [
            get("/", self.page),
            get("/static/{name}", self.asset),
            get("/api/state", self.state),
            get("/api/changes", self.changes),
            get("/api/cards/{key}", self.card),
            get("/api/photos/{key}/small", self.small),
            get("/api/taxa", self.taxa),
            get("/api/export/{format}", self.export),
            post("/api/photos", self.add_photos),
            post("/api/files/{kind}", self.add_file),
            post("/api/settings", self.choose),
            post("/api/clear", self.clear),
            post("/api/cards/{key}", self.variant),
            post("/api/photos/{key}/phrase", self.phrase),
            post("/api/photos/{key}/label", self.label),
            post("/api/similarity", self.similarity),
        ]

    # The page and its files

    async def page(self, request: Request) -> Response:
        return self._serve("index.html")

    async def asset(self, request: Request) -> Response:
        return self._serve(request.path_params["name"])

    def _serve(self, name: str) -> Response:
        from starlette.responses import Response

        content = self._assets.get(name)
        if content is None:
            raise AppError("there is no such file", 404)
        return Response(content, media_type=TYPES[Path(name).suffix])

    # State

    async def state(self, request: Request) -> Any:
        described = await run_sync(self._session.describe)
        return described | {"formats": await run_sync(list_formats, self._session.registry)}

    async def changes(self, request: Request) -> Response:
        """A stream of events: `state`, and `items` that have changed, each with the version to go on from as its id."""
        from starlette.responses import StreamingResponse

        after = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
        if not after.isdecimal() or len(after) > 18:
            raise AppError("after: expected a number")
        return StreamingResponse(self._stream(int(after)), media_type="text/event-stream")

    async def _stream(self, after: int) -> AsyncIterator[str]:
        notices = self._session.notices
        with notices.subscribe() as wait:
            while not notices.closed:
                state, items, version = await run_sync(self._session.list_changes, after)
                if state is not None:
                    yield _format_event("state", state, after)
                if items:
                    yield _format_event("items", items, version)
                after = version
                if not await wait(KEEP_ALIVE):
                    yield ": waiting\n\n"

    async def choose(self, request: Request) -> Any:
        body = await _read_json(request)
        settings = Settings(*(_take_text(body, name, 500) for name in ("model", "taxonomy", "descriptors")))
        await run_sync(self._session.choices.check, settings)
        await run_sync(self._session.choose, settings)
        return {}

    async def clear(self, request: Request) -> Any:
        await run_sync(self._session.clear)
        return {}

    # Uploads

    async def add_photos(self, request: Request) -> Any:
        """Keeps the photos of a form; returns of each its key, or why it was refused."""
        answers = []
        async with request.form(max_files=FILES_AT_ONCE, max_fields=8) as form:
            for upload in form.getlist("photo"):
                if isinstance(upload, str):
                    continue
                name = clean_name(upload.filename)
                try:
                    key = await run_sync(self._session.add_photo, upload.filename, upload.file)
                except AppError as problem:
                    answers.append({"file": name, "error": str(problem)})
                else:
                    answers.append({"file": name, "key": key})
        return {"photos": answers}

    async def add_file(self, request: Request) -> Any:
        kind = request.path_params["kind"]
        if kind not in ("taxonomy", "descriptors"):
            raise AppError("there is no such kind of file", 404)
        async with request.form(max_files=1, max_fields=8) as form:
            upload = form.get("file")
            if upload is None or isinstance(upload, str):
                raise AppError("expected a file")
            add = partial(self._session.add_file, cast(Kind, kind), upload.filename, upload.file)
            return {"id": await run_sync(add)}

    # Cards

    async def card(self, request: Request) -> Any:
        return await run_sync(self._make_card, request.path_params["key"], Variant())

    async def variant(self, request: Request) -> Any:
        variant = self._read_variant(await _read_json(request))
        return await run_sync(self._make_card, request.path_params["key"], variant)

    def _read_variant(self, body: dict[str, Any]) -> Variant:
        """Reads which texts are left out, and which taxon is compared with. Raises AppError for another form."""
        struck = body.get("struck", [])
        if not isinstance(struck, list) or len(struck) > self._session.limits.texts:
            raise AppError(f"struck: expected at most {self._session.limits.texts} texts")
        if not all(
            isinstance(one, list) and len(one) == 2 and type(one[0]) is int and isinstance(one[1], str)
            for one in struck
        ):
            raise AppError("struck: expected pairs of the index of a class and a text")
        why_not = _take_text(body, "why_not", self._session.limits.text_length)
        return Variant(tuple((number, text) for number, text in struck), why_not.strip())

    def _make_card(self, key: str, variant: Variant) -> dict[str, Any]:
        session = self._session
        if variant == Variant():
            loaded, result = session.find_result(key)
        else:
            loaded, image = session.find_image(key)
            result = _vary(loaded, image, variant).result
        with naming(session.card_report, "make_card", result.source):
            html = session.card_report.make_card(result, loaded.provenance)
        return {"html": html, "decision": describe_decision(result)}

    async def small(self, request: Request) -> Response:
        from starlette.responses import Response

        result = await run_sync(self._session.get_result, request.path_params["key"])
        if not result.thumbnail:
            raise AppError("there is no image", 404)
        small = await run_sync(make_small, result.thumbnail)
        return Response(small, media_type="image/jpeg")

    # Questions

    async def phrase(self, request: Request) -> Any:
        body = await _read_json(request)
        phrase = " ".join(_take_text(body, "phrase", self._session.limits.text_length).split())
        if not phrase:
            raise AppError("expected a phrase")
        return await run_sync(self._measure, request.path_params["key"], phrase, self._read_variant(body))

    def _measure(self, key: str, phrase: str, variant: Variant) -> dict[str, Any]:
        loaded, image = self._session.find_image(key)
        if variant == Variant():
            return describe_phrase(measure_phrase(loaded.classifier, image, phrase))
        bank = leave_out(loaded.classifier, variant.struck) if variant.struck else None
        return describe_phrase(measure_phrase(loaded.classifier, _vary(loaded, image, variant), phrase, bank))

    async def similarity(self, request: Request) -> Any:
        body = await _read_json(request)
        keys = [_take_text(body, name, 40) for name in ("one", "other")]
        one, other = [(await run_sync(self._session.find_image, key))[1].embedding_D for key in keys]
        return {"cosine": float(one.double() @ other.double())}

    async def taxa(self, request: Request) -> Any:
        typed = request.query_params.get("typed", "")[: self._session.limits.text_length]
        found = await run_sync(self._session.loaded.names.find, typed)
        return {"taxa": [asdict(one) for one in found]}

    async def label(self, request: Request) -> Any:
        """Writes a label; removes it where the name is blank."""
        body, key = await _read_json(request), request.path_params["key"]
        name = " ".join(_take_text(body, "label", self._session.limits.text_length).split())
        if not name:
            await run_sync(self._session.unlabel, key)
            return {"label": None}
        return await run_sync(self._session.label, key, name)

    # Files of the results

    async def export(self, request: Request) -> Response:
        from starlette.background import BackgroundTask
        from starlette.responses import FileResponse

        format_ = request.path_params["format"]
        folder = tempfile.TemporaryDirectory(dir=self._session.store.folder)
        try:
            path = await run_sync(self._write_export, format_, Path(folder.name))
        except BaseException:
            folder.cleanup()
            raise
        return FileResponse(path, filename=path.name, background=BackgroundTask(folder.cleanup))

    def _write_export(self, format_: str, folder: Path) -> Path:
        session = self._session
        if format_ == "labels":
            if not session.label_file.path.is_file():
                raise AppError("no name was corrected yet, so there is no file of labels", 404)
            copy = folder / session.label_file.path.name
            copy.write_bytes(session.label_file.path.read_bytes())
            return copy
        formats = list_formats(session.registry) if format_ == "zip" else [format_]
        written = folder / "files"
        written.mkdir()
        snapshot = session.take_snapshot()
        provenance = snapshot.loaded.provenance
        paths = [
            write_report_file(session.registry, one, provenance, session.iterate_results(snapshot), written)
            for one in formats
        ]
        if format_ != "zip":
            return paths[0]
        return pack_folder(written, folder / "bioclip-x-results.zip", [session.label_file.path])


def _vary(loaded: Loaded, image: KnownImage, variant: Variant) -> KnownImage:
    """Returns an image with the result of a variant. Raises AppError for one that has no name."""
    if not image.result.predictions:
        raise AppError("this image is not named, so there is no decision to change", 409)
    return replace(image, result=decide_again(loaded.classifier, image, variant))


def _answering(handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """Makes a handler of a request: what it returns becomes JSON, and what goes wrong an error of one line."""

    async def answer(request: Request) -> Response:
        from starlette.exceptions import HTTPException
        from starlette.responses import JSONResponse, Response

        try:
            answered = await handler(request)
        except AppError as problem:
            return JSONResponse({"error": str(problem)}, problem.status)
        except BioclipXError as problem:
            return JSONResponse({"error": str(problem)}, 400)
        except HTTPException as problem:  # a form that is none
            return JSONResponse({"error": str(problem.detail)}, problem.status_code)
        except OSError as problem:
            return JSONResponse({"error": f"a file cannot be written or read: {problem.strerror or problem}"}, 507)
        except (RuntimeError, ValueError, MemoryError) as problem:
            log_row(problem)
            return JSONResponse({"error": f"{summarise(problem)} (a fault of bioclip-x or of a library)"}, 500)
        return answered if isinstance(answered, Response) else JSONResponse(answered)

    return answer


async def _read_json(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise AppError("expected a JSON object")
    return body


def _take_text(body: dict[str, Any], name: str, most: int) -> str:
    """Returns a field, "" if it is missing. Raises AppError for another type, and for more characters than allowed."""
    value = body.get(name, "")
    if not isinstance(value, str):
        raise AppError(f"{name}: expected text")
    if len(value) > most:
        raise AppError(f"{name}: expected at most {most} characters, got {len(value):,}", 413)
    return value.encode("utf-8", "replace").decode()  # no lone surrogates, which no tokenizer and no file takes


def _format_event(name: str, data: Any, version: int) -> str:
    return f"id: {version}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


def _finite(value: float | None) -> float | None:
    """JSON has no infinities: the margin over an excluded taxon is one."""
    return value if value is not None and math.isfinite(value) else None


def describe_decision(result: Result) -> dict[str, Any]:
    """Returns the name, its share, and the margin over which taxon."""
    best = result.predictions[0] if result.predictions else None
    explanation = result.explanation
    return {
        "name": best.taxon.name if best else "",
        "share": _finite(best.probability) if best else None,
        "runner_up": explanation.runner_up if explanation else "",
        "margin": _finite(explanation.margin) if explanation and explanation.runner_up else None,
    }


def describe_phrase(figures: PhraseFigures) -> dict[str, Any]:
    """Returns the figures as JSON."""
    document = asdict(figures)
    document["margin"] = _finite(figures.margin)
    for one in document["added"]:
        one["change"], one["margin"] = _finite(one["change"]), _finite(one["margin"])
    return document


def make_small(image: bytes) -> bytes:
    """Returns a JPEG of at most 144 pixels a side, of a thumbnail."""
    import io

    from PIL import Image

    with Image.open(io.BytesIO(image), formats=("JPEG", "PNG")) as opened:
        opened.draft("RGB", (144, 144))
        reduced = opened.convert("RGB")
    reduced.thumbnail((144, 144))
    target = io.BytesIO()
    reduced.save(target, "JPEG", quality=78)
    return target.getvalue()
