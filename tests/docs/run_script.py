"""Runs a file of docs/code in one process: `python run_script.py FILE.sh`, in the folder of a reader.

`bioclip-x` is called in this process, since importing torch for each command would take most of the time. `pip install -e` of a
package in the current folder writes what pip would, without a network.
"""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import traceback
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen


def list_commands(text: str) -> list[tuple[list[str], int]]:
    """Lists the commands of a script as words, with the status that they end with: that of a comment `# status 1`, else 0.

    Lines that end in a backslash go on; comments are left out.
    """
    lines = text.replace("\\\n", " ").splitlines()
    return [(words, find_status(line)) for line in lines if (words := shlex.split(line, comments=True))]


def find_status(line: str) -> int:
    found = re.search(r"# status (\d)", line)
    return int(found[1]) if found else 0


def run_command(words: list[str], status: int = 0) -> None:
    """Runs one command. status: that it ends with, of bioclip-x.

    Raises RuntimeError where it fails, or is none that a page may have.
    """
    program, *arguments = words
    if program == "cd":
        os.chdir(arguments[0])
    elif program == "export":
        pass  # of a key, which the environment has
    elif program == "cp":
        shutil.copy(*arguments)
    elif program == "pip" and arguments[:2] == ["install", "-e"]:
        install(Path.cwd())
    elif program == "pytest":
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        if failed := subprocess.run(command, check=False).returncode:
            raise RuntimeError(f"pytest: status {failed}")
    elif program in ("ruff", "mypy"):
        if find_spec(program):  # in the extra `dev`
            subprocess.run([sys.executable, "-m", *words], check=True)
    elif program == "python":
        subprocess.run([sys.executable, *arguments], check=True)
    elif program == "bioclip-x" and arguments[0] == "app":
        open_app(arguments)
    elif program == "bioclip-x":
        call(arguments, status)
    else:
        raise RuntimeError(f"{program}: no command of a page")


def call(arguments: list[str], status: int = 0) -> None:
    """Calls the command line, as its own process would be. status: that it ends with."""
    from bioclip_x.cli.main import main

    try:
        main(arguments)
    except SystemExit as done:
        if (done.code or 0) != status:
            raise RuntimeError(f"status {done.code}") from None


def open_app(arguments: list[str]) -> None:
    """Starts the app, which runs until Ctrl-C, opens the address that it prints, and ends it."""
    command = [sys.executable, "-m", "bioclip_x", *arguments, "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        address = running.stdout.readline().strip()
        try:
            with urlopen(address) as page:
                page.read()
        finally:
            running.send_signal(signal.SIGINT)
        if running.wait(30):
            raise RuntimeError(f"status {running.returncode}")


def install(folder: Path) -> None:
    """Makes a package in src/ importable, with its entry points, in this process and in those it starts."""
    project = (folder / "pyproject.toml").read_text("utf-8")
    name, version = (re.search(rf'^{key} = "(.*)"$', project, re.MULTILINE)[1] for key in ("name", "version"))  # type: ignore[index]
    source = folder / "src"
    about = source / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    points = project.partition("[project.entry-points.bioclip_x]\n")[2].partition("\n\n")[0]
    (about / "entry_points.txt").write_text("[bioclip_x]\n" + points.replace('"', "") + "\n")
    sys.path.insert(0, str(source))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(source), os.environ.get("PYTHONPATH", "")]))


def main() -> int:
    file = Path(sys.argv[1])
    if file.suffix == ".py":
        runpy.run_path(str(file), run_name="__main__")
        return 0
    failed = 0
    for words, status in list_commands(file.read_text("utf-8")):
        try:
            run_command(words, status)
        except Exception as problem:
            if not isinstance(problem, RuntimeError):
                traceback.print_exc()
            print(f"FAILED: {shlex.join(words)}: {problem}", file=sys.stderr, flush=True)
            failed += 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
