from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from bioclip_x import __version__
from bioclip_x.cli.main import main, program, take_debug_flag
from bioclip_x.errors import PluginError

HEAVY = {"torch", "open_clip", "numpy", "PIL", "pyarrow", "networkx", "openai"}


def run(*arguments: str) -> str:
    return CliRunner().invoke(program, arguments, catch_exceptions=False).output


def test_help_and_version() -> None:
    page = run("--help")
    for command in ("classify", "describe", "plugins", "train"):
        assert command in page
    assert run("--version") == f"bioclip-x, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "light"),
    [
        (["--help"], {"pydantic"}),
        (["plugins", "list"], {"pydantic"}),
        (["config", "--help"], {"pydantic"}),
        (["classify", "--help"], set()),  # its flags are the fields of the recipe, which is pydantic's
    ],
)
def test_help_imports_nothing_heavy(arguments: list[str], light: set[str]) -> None:
    code = (
        "import sys\nfrom bioclip_x.cli.main import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as done:\n    assert done.code == 0, done.code\n"
        f"heavy = {HEAVY | light!r} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_plugins_list_says_who_provides_what() -> None:
    page = run("plugins", "list")
    assert "descriptors          bioclip-x" in page and "has a recipe" in page
    assert "rollup               shares summed up the tree; a winner at every rank  [builtin]" in page


def exits(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


def test_errors_are_one_line_and_exit_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = exits(capsys, "classify", "--model", "unicorn", "--labels", "a,b", "x.png")
    assert (code, out) == (2, "") and err.startswith("error: no model is called 'unicorn'") and err.count("\n") == 1
    code, _, err = exits(capsys, "classify", "--no-such-flag", "x.png")
    assert code == 2 and "No such option" in err
    code, _, err = exits(capsys, "no-such-command")
    assert code == 2 and "No such command" in err


def test_a_broken_plugin_is_one_warning_or_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*names: object, strict: bool = False, **options: object) -> object:
        message = "plugin 'x' of y 1.0 is broken: ImportError: z"
        if strict:
            raise PluginError(message)
        registry = real(*names, **options)
        registry.warnings.append(f"{message}; skipped")
        return registry

    from bioclip_x.hooks.registry import create_registry as real

    monkeypatch.setattr("bioclip_x.cli.main.create_registry", broken)
    code, out, err = exits(capsys, "plugins", "list")
    assert code == 0 and "rollup" in out
    assert err == "warning: plugin 'x' of y 1.0 is broken: ImportError: z; skipped\n"
    code, _, err = exits(capsys, "--strict-plugins", "plugins", "list")
    assert code == 2 and err == "error: plugin 'x' of y 1.0 is broken: ImportError: z\n"


def subcommands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The arguments that call each command of a group, and those of the groups in it."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield (*path, name)
            yield from subcommands(found, (*path, name))


def test_help_needs_no_built_in_plugin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands are the core's own: they are there, and say how they are called, whatever plugins are loaded."""
    monkeypatch.setenv("BIOCLIP_X_PLUGINS", "rollup")
    code, page, err = exits(capsys, "--help")
    assert (code, err) == (0, "")
    known = list(subcommands(program))
    for name in ("calibrate", "classify", "config", "describe", "embed", "evaluate", "explain", "models", "plugins",
                 "taxonomy", "train"):  # fmt: skip
        assert (name,) in known and f"  {name} " in page
    assert ("plugins", "list") in known and ("taxonomy", "show") in known
    for path in known:
        code, page, err = exits(capsys, *path, "--help")
        assert (code, err) == (0, "") and page.startswith(f"Usage: bioclip-x {' '.join(path)}"), path
        assert "  --plugin " in page, path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x.png",), "no loaded plugin declares a default report; name one (known: none)"),
        (("x.png", "--format", "csv"), "no report is called 'csv'; known: none"),
    ],
)
def test_without_the_built_ins_nothing_is_classified(
    arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BIOCLIP_X_PLUGINS", "rollup")
    assert exits(capsys, "classify", *arguments) == (2, "", f"error: {message}\n")


def test_environment_restricts_and_traces(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BIOCLIP_X_PLUGINS", "builtin, rollup")
    _, out, _ = exits(capsys, "plugins", "list")
    assert "rollup" in out and "taxonomic            bioclip-x" not in out
    monkeypatch.setenv("BIOCLIP_X_TRACE", "1")
    _, _, err = exits(capsys, "plugins", "list")
    assert "heads [hook]" in err


def test_debug_may_stand_anywhere_before_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert take_debug_flag(["classify", "--debug", "x.png"]) == (["classify", "x.png"], True)
    assert take_debug_flag(["--debug", "config"]) == (["config"], True)
    assert take_debug_flag(["classify", "--", "--debug"]) == (["classify", "--", "--debug"], False)
    _, _, err = exits(capsys, "classify", "--model", "unicorn", "--labels", "a,b", "x.png", "--debug")
    assert "Traceback" in err and err.splitlines()[-1].startswith("error: no model is called 'unicorn'")


@pytest.mark.parametrize(
    ("problem", "status", "told"),
    [
        (
            RuntimeError("a fault"),
            3,
            "RuntimeError: a fault (a fault of bioclip-x or of a library; --debug shows where)",
        ),
        (KeyError("taxon"), 3, "KeyError: 'taxon' (a fault of bioclip-x"),
        (MemoryError(), 2, "out of memory (MemoryError); a smaller --batch-size needs less"),
    ],
)
def test_no_exception_is_a_traceback(
    problem: Exception, status: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr("bioclip_x.cli.main.program.invoke", fail)
    with pytest.raises(SystemExit) as done:
        main(["plugins"])
    err = capsys.readouterr().err
    assert done.value.code == status and err.startswith(f"error: {told}") and err.count("\n") == 1
