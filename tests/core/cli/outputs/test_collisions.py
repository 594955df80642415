"""No command writes over what it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x.cli.main import main
from bioclip_x.cli.render.terminal import echo
from bioclip_x.io.storage.streams import BinaryStream, Stream


def refuse(capsys: pytest.CaptureFixture[str], file: Path, *arguments: object) -> None:
    """The command is refused, with nothing on stdout, and `file` stays as it is."""
    before = file.read_bytes()
    with pytest.raises(SystemExit) as done:
        main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    assert (done.value.code, out) == (2, "") and "the same file" in err and err.count("\n") == 1, err
    assert file.read_bytes() == before


def test_classify_and_embed(
    birds_csv: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pictures / "a.png"
    refuse(capsys, image, "classify", image, "--format", "csv", "--output", image)
    refuse(capsys, image, "classify", pictures, "--format", "csv", "--output", image)
    refuse(capsys, image, "classify", pictures / "*.png", "--format", "csv", "--output", image)
    refuse(capsys, birds_csv, "classify", image, "--taxonomy", birds_csv, "--output", birds_csv)
    refuse(capsys, birds_csv, "classify", image, "--taxonomy", birds_csv, "--report", birds_csv)
    refuse(capsys, birds_csv, "classify", image, "--subset", birds_csv, "--output", birds_csv)
    refuse(capsys, birds_csv, "classify", image, "--adjust", f"species-list:{birds_csv}", "--output", birds_csv)
    refuse(capsys, birds_csv, "classify", "--scorer", f"external:file={birds_csv}", "--taxonomy", "x.csv",
           "--output", birds_csv)  # fmt: skip
    recipe = tmp_path / "recipe.json"
    recipe.write_text(f'{{"taxonomy": "{birds_csv.name}"}}')
    refuse(capsys, birds_csv, "classify", image, "--recipe", recipe, "--output", birds_csv)
    refuse(capsys, recipe, "classify", image, "--recipe", recipe, "--output", recipe)
    refuse(capsys, image, "embed", image, "--format", "json", "--output", image)
    labels = tmp_path / "labels.csv"
    labels.write_text("hen\nfox\n")
    refuse(capsys, labels, "classify", image, "--labels", labels, "--output", labels)
    refuse(capsys, labels, "embed", "--texts", labels, "--output", labels)


def test_commands_on_labelled_images(
    birds_csv: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("path,label\npictures/a.png,Parus major\n")
    for command in ("evaluate", "explain", "calibrate"):
        refuse(capsys, table, command, table, "--taxonomy", birds_csv, "--output", table)
        refuse(capsys, birds_csv, command, f"manifest:path={table}", "--taxonomy", birds_csv, "--output", birds_csv)
        refuse(capsys, table, command, f"manifest:path={table}", "--taxonomy", birds_csv, "--output", table)
    refuse(capsys, birds_csv, "explain", table, "--taxonomy", birds_csv, "--prune", birds_csv)


def test_taxonomy_and_describe(birds_csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refuse(capsys, birds_csv, "taxonomy", "convert", birds_csv, "--output", birds_csv)
    refuse(capsys, birds_csv, "taxonomy", "list", birds_csv, "--output", birds_csv)
    refuse(capsys, birds_csv, "taxonomy", "subset", birds_csv, "class=Aves", "--output", birds_csv)
    refuse(capsys, birds_csv, "taxonomy", "diff", birds_csv, birds_csv, "--output", birds_csv)
    refuse(capsys, birds_csv, "describe", birds_csv, "--output", birds_csv, "--dry-run")


class Terminal:
    """Stands for stdout on a terminal."""

    def __init__(self) -> None:
        self.written = b""
        self.buffer = self

    def isatty(self) -> bool:
        return True

    def write(self, data: bytes | str) -> int:
        self.written += data if isinstance(data, bytes) else data.encode()
        return len(data)

    def flush(self) -> None:
        pass


def test_names_do_not_move_a_terminals_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    Stream(BinaryStream(terminal), is_stdout=True).write("Parus\x1b[2J\r,\x9b8m\n")  # type: ignore[arg-type]
    assert terminal.written == b"Parus\\x1b[2J\\r,\\x9b8m\n"
    terminal.written = b""
    Stream(BinaryStream(terminal), is_stdout=True, styled=True).write("\x1b[1mbold\x1b[0m\n")  # type: ignore[arg-type]
    assert terminal.written == b"\x1b[1mbold\x1b[0m\n"
    terminal.written = b""
    echo("a\x1b[2J\nb")
    assert terminal.written == b"a\\x1b[2J\nb\n"


def test_files_and_pipes_keep_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    Stream(BinaryStream(Terminal())).write("\x1b")  # type: ignore[arg-type]
    echo("a\u202e")
    assert capsys.readouterr().out == "a\u202e\n"


def test_a_recipe_may_name_files_elsewhere_and_this_is_said(
    birds_csv: Path, pictures: Path, tiny_model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recipes").mkdir()
    recipe = tmp_path / "recipes" / "r.yaml"
    recipe.write_text(f"taxonomy: ../{birds_csv.name}\nmodel: {tiny_model}\n")
    with pytest.raises(SystemExit) as done:
        main(["classify", str(pictures), "--recipe", str(recipe), "--format", "csv"])
    assert not done.value.code
    assert "note: the recipe r.yaml reads files outside its folder: " in capsys.readouterr().err
