"""The code on the documentation's pages is cut from files that run, and each of these files runs here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from docs.writers.code_blocks import CODE, ROOT, SHOWN, cut, fill_blocks, list_blocks, list_pages

from llm_server import said, serving
from reader_folder import lay_reader

DOCS = ROOT / "docs"
CODE_FOLDER = DOCS / "code"
FILES = [file for file in sorted(CODE_FOLDER.iterdir()) if file.is_file()]
SCRIPTS = [file for file in FILES if file.suffix == ".sh"]
RUN_BY_OTHER_TESTS = {
    "examples/own-species.csv": "tests/test_readme.py",
    "core/bioclip_x/cli/plugins/template/components/heads.py": "tests/core/cli/plugins/test_new.py",
}
"""Files that pages show and that other tests run → the test."""
AFTER = {"read_evaluation.py": "first-ablation"}
"""Python files that read what another page's script has written → the page."""
IN_A_PACKAGE = (
    "check_plugin.py",
    "check_sure_species.py",
    "follow_training.py",
    "sure_species.py",
    "walk_down.py",
    "writing-plugins.py",
)
"""Python files that are not run by themselves: scripts use them as plugins or tests."""
NEEDS = (
    "needs a network", "needs a server at this address", "needs an account at PyPI", "needs eight GPUs",
    "needs a Ray cluster",
    "needs weights of your own",
    "needs the data sets of the paper",
)  # fmt: skip
"""Why a command of a page does not run here."""
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
        assert found or SHOWN.fullmatch(block.comment), (
            f"{at}: expected <!-- code: FILE [SECTION] --> or <!-- shown: … -->"
        )
        if not found:
            own = re.search(r"^\s*(bioclip-x |from |import |def |class |@)", block.text, re.MULTILINE)
            reason = block.comment.removeprefix("<!-- shown: ").removesuffix(" -->")
            assert not own or reason in NEEDS, f"{at}: expected this code to be cut from a file that runs"


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_every_file_that_a_page_shows_runs(page: Path) -> None:
    scripts = "\n".join(script.read_text("utf-8") for script in SCRIPTS)
    for found in CODE.finditer(page.read_text("utf-8")):
        file = ROOT / found["file"]
        if file.parent != CODE_FOLDER:
            test = (ROOT / RUN_BY_OTHER_TESTS[found["file"]]).read_text("utf-8")
            assert file.stem in test or "HOOKS" in test, found["file"]
        elif file.suffix not in (".sh", ".py") or file.name in IN_A_PACKAGE:
            assert file.name in scripts, f"{found['file']}: no script of docs/code uses it"


def list_files(stem: str) -> list[Path]:
    """Lists what runs for a page: its commands, its Python code, then Python files that read what the commands have written."""
    own = [CODE_FOLDER / f"{stem}{suffix}" for suffix in (".sh", ".py")]
    after = [CODE_FOLDER / name for name, page in AFTER.items() if page == stem]
    return [file for file in (*own, *after) if file.exists() and file.name not in IN_A_PACKAGE]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared, since drawing the field guide's species takes longer than naming them."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize(
    "stem",
    sorted(
        {file.stem for file in FILES if file.suffix in (".sh", ".py")}
        - {Path(name).stem for name in (*AFTER, *IN_A_PACKAGE)}
        | {"writing-plugins"}
    ),
)
@pytest.mark.timeout(900)
def test_the_code_of_a_page_runs(stem: str, tmp_path: Path, tiny_model: str, cache: Path) -> None:
    files = list_files(stem)
    if stem == "image-classifiers":
        pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx onnxruntime")
        pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'bioclip-x[onnx]'")
    if stem == "beyond-one-machine":
        pytest.importorskip("ray", reason="ray is not installed: pip install 'bioclip-x[ray]'")
    here, environment = lay_reader(tmp_path, tiny_model, "".join(file.read_text("utf-8") for file in files))
    with serving(lambda body: said("- a black cap\n- a yellow breast")) as server:
        for file in files:
            done = subprocess.run(
                [sys.executable, str(Path(__file__).with_name("run_script.py")), str(file)],
                cwd=here, env=environment | {"OPENAI_BASE_URL": server.url, "BIOCLIP_X_CACHE": str(cache)},
                capture_output=True, text=True, check=False,
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
    page = "A.\n\n    indented\n\n- item\n\n    of the item\n\n<!-- shown: a -->\n\n```text\nfenced\n```\n\n```math\nx\n```\n"
    assert [(block.text, block.comment) for block in list_blocks(page)] == [
        ("    indented\n", "A."),
        ("fenced", "<!-- shown: a -->"),
    ]
