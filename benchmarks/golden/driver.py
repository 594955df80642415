"""Runs commands of one installed bioclip_x, all in this process, since importing torch takes longer than most of them.

    PYTHONPATH=SITE python driver.py SITE PLAN.json RESULTS

PLAN.json: a list of [number, [command, …]]. RESULTS/NUMBER.json gets what each command of a case printed and its exit
status. The commands of a case share a data folder, which no other case sees. OUT in a command is a folder of its case.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import sys
import time
import traceback
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import distribution, entry_points
from pathlib import Path
from typing import Any


def main() -> None:
    del sys.path[0]  # this folder, whose modules are none of the program's
    site, plan, results = Path(sys.argv[1]).resolve(), Path(sys.argv[2]), Path(sys.argv[3])
    check_origin(site)
    for number, commands in json.loads(plan.read_text("utf-8")):
        out = Path("out", number)
        out.mkdir(parents=True)
        os.environ["BIOCLIP_X_DATA"] = str(Path("data", number).resolve())
        steps = [run(command.replace("OUT", str(out))) for command in commands]
        (results / f"{number}.json").write_text(json.dumps(steps, ensure_ascii=False, indent=1), "utf-8")
    check_origin(site)


def run(command: str) -> dict[str, Any]:
    """One command, as `python -m bioclip_x` runs it."""
    from bioclip_x.cli.main import main as program

    stdout, stderr = _Printed(), _Printed()
    status: int | str | None = "no exit"
    began = time.monotonic()
    with redirect_stdout(stdout.stream), redirect_stderr(stderr.stream):
        try:
            program(shlex.split(command))
        except SystemExit as ended:
            status = ended.code
        except Exception:
            status = "traceback"
            traceback.print_exc()
    seconds = round(time.monotonic() - began, 2)
    return {"command": command, "status": status, "seconds": seconds, "stdout": stdout.text, "stderr": stderr.text}


class _Printed:
    """A stream of text that stands in for stdout or stderr, with its `buffer` of bytes, and what came."""

    def __init__(self) -> None:
        self._raw = io.BytesIO()
        self.stream = io.TextIOWrapper(self._raw, "utf-8", write_through=True)

    @property
    def text(self) -> str:
        return self._raw.getvalue().decode("utf-8", "backslashreplace")


def check_origin(site: Path) -> None:
    """The program, its plugins and its metadata are those in `site`, and not those of an installation beside the
    dependencies."""
    import bioclip_x

    assert bioclip_x.__version__ == distribution("bioclip-x").version
    found = {"the metadata": Path(str(distribution("bioclip-x").locate_file("")))}
    for point in entry_points(group="bioclip_x"):
        assert point.dist is not None
        if point.dist.name == "bioclip-x":
            found[f"the entry point {point.name}"] = Path(str(point.dist.locate_file("")))
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.partition(".")[0].startswith("bioclip_x") and file:
            found[f"the module {name}"] = Path(file)
    for what, path in found.items():
        if not path.resolve().is_relative_to(site):
            sys.exit(f"{what} is not taken from {site} but from {path}")


if __name__ == "__main__":
    main()
