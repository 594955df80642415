"""The code on the documentation's pages is cut from files that run, and each of these files runs here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.writers.code_blocks import CODE, ROOT, SHOWN, cut, fill_blocks, list_blocks, list_pages
from newcomer import add_labelled_photos, lay_newcomer

DOCS = ROOT / "docs"
CODE_FOLDER = DOCS / "code"
SCRIPTS = sorted(CODE_FOLDER.glob("*.sh"))
RUN_BY_OTHER_TESTS = {
    "examples/own-species.csv": "tests/test_readme.py",
    "core/bioclip_x/cli/plugins/template/components/heads.py": "tests/core/cli/plugins/test_new.py",
}
"""Files that pages show and that other tests run → the test."""
AFTER = {"pybioclip.py": "pybioclip.sh", "read_evaluation.py": "first-ablation.sh"}
"""Python files that read what a script has written → the script."""
PAGES = list_pages()


def name_page(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_blocks_are_those_of_the_files(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text == fill_blocks(text), "run `python -m docs.writers`"


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_every_block_is_cut_from_a_file_or_is_no_code(page: Path) -> None:
    for block in list_blocks(page.read_text("utf-8")):
        at = f"{name_page(page)}:{block.line}"
        found = CODE.fullmatch(block.comment)
        assert found or SHOWN.fullmatch(block.comment), f"{at}: expected <!-- code: FILE [SECTION] --> or <!-- shown: … -->"
        if not found:
            own = re.search(r"^\s*(bioclip-x |from |import )", block.text, re.MULTILINE)
            assert not own, f"{at}: expected {own[0].strip()!r} to be cut from a file that runs" if own else ""


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_every_file_that_a_page_shows_runs(page: Path) -> None:
    scripts = "\n".join(script.read_text("utf-8") for script in SCRIPTS)
    for found in CODE.finditer(page.read_text("utf-8")):
        file = ROOT / found["file"]
        if file.suffix == ".sh" and file.parent == CODE_FOLDER:
            continue  # below
        if file.parent == CODE_FOLDER:
            assert file.name in AFTER or file.name in scripts, f"{found['file']}: no script of docs/code uses it"
        else:
            test = ROOT / RUN_BY_OTHER_TESTS[found["file"]]
            assert file.name.partition(".")[0] in test.read_text("utf-8") or "HOOKS" in test.read_text("utf-8")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_runs(script: Path, tmp_path: Path, tiny_model: str) -> None:
    here, environment = lay_newcomer(tmp_path, tiny_model)
    shutil.copytree(CODE_FOLDER, here / "docs" / "code")
    if "labelled-photos" in script.read_text("utf-8"):
        add_labelled_photos(here)
    for file in (script, *(CODE_FOLDER / name for name, after in AFTER.items() if after == script.name)):
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("run_script.py")), str(file)],
            cwd=here, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        failures = "\n".join(line for line in done.stderr.splitlines() if line.startswith(("FAILED", "error")))
        assert done.returncode == 0, failures or done.stderr


def test_a_section_is_cut_without_marks_and_indentation(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("def f():\n    # [start:a]\n    x = 1\n    # [start:b]\n    y = 2\n    # [end:b]\n    # [end:a]\n")
    assert cut(file, "a") == "x = 1\ny = 2"
    assert cut(file, "b") == "y = 2"
    assert cut(file, None) == "def f():\n    x = 1\n    y = 2"
    with pytest.raises(ValueError, match="no section c"):
        cut(file, "c")


def test_a_changed_block_is_filled_in_anew() -> None:
    page = "Text.\n\n<!-- code: docs/code/index.sh [first] -->\n\n```console\nother\n```\n\nMore.\n"
    filled = fill_blocks(page)
    assert "other" not in filled and "bioclip-x classify" in filled
    assert filled.startswith("Text.\n") and filled.endswith("```\n\nMore.\n")
    assert fill_blocks(filled) == filled


def test_blocks_are_found_with_their_comments() -> None:
    page = "A.\n\n    indented\n\n- item\n\n    of the item\n\n<!-- shown: output -->\n\n```text\nfenced\n```\n\n```math\nx\n```\n"
    assert [(block.text, block.comment) for block in list_blocks(page)] == [
        ("    indented\n", "A."),
        ("fenced", "<!-- shown: output -->"),
    ]
