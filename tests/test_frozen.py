"""What users and plugins may rely on changes only on purpose."""

from __future__ import annotations

import difflib

import pytest

from frozen.write import FILES, FOLDER, make_text

ADVICE = """
tests/frozen/{name} is what users and plugins may rely on, and it has changed (above: "-" as promised, "+" as it is).
If it was on purpose:
  1. run `python tests/frozen/write.py`, and commit the file;
  2. what is gone or was renamed ("-") needs a deprecation first: an entry in `RENAMED` (core/bioclip_x/renamed_names.py);
  3. a change of hooks, protocols or records raises API_VERSION (core/bioclip_x/hooks/api_version.py), and one that breaks
     plugins is an entry in `CHANGES` there.
docs/stability.md has the rules."""


@pytest.mark.parametrize("name", FILES)
def test_what_may_be_relied_on_has_not_changed(name: str) -> None:
    promised, found = ((FOLDER / name).read_text("utf-8").splitlines(), make_text(name).splitlines())
    changes = list(difflib.unified_diff(promised, found, "as promised", "as it is", n=1, lineterm=""))
    if changes:
        pytest.fail("\n".join([*changes, ADVICE.format(name=name)]), pytrace=False)
