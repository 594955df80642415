"""Data is never run, and nothing is fetched or read that was not named: what docs/security.md promises.

The sources are searched for what could run data, with the few places that may, and why; runs are watched for the files and
connections they open.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bioclip_x.errors import RecipeError
from bioclip_x.io.xml_text import parse_xml
from helpers import picture

ROOT = Path(__file__).parents[1]
TEMPLATE = "core/bioclip_x/cli/plugins/template/"
"""What `plugins new` writes for a user to change: a plugin is code of the user's own."""
SOURCES = sorted(
    file.relative_to(ROOT).as_posix()
    for part in ("core", "plugins", "prompts")
    for file in (ROOT / part).rglob("*.py")
    if TEMPLATE not in file.relative_to(ROOT).as_posix()
)

PICKLES = {
    "core/bioclip_x/hooks/registry.py": "a registry goes to worker processes of the same run",
    "core/bioclip_x/distributed/workers.py": "results come from Ray's workers of the same run",
    "core/bioclip_x/worker_processes.py": "an exception is tried before it goes to the parent process",
    "core/bioclip_x/testing/kinds/datasets.py": "a check pickles the data set that it has just made",
    "core/bioclip_x/testing/kinds/trainable_encoders.py": "a check pickles the tokenizer that it has just made",
    "core/bioclip_x/training/checkpointing/checkpoints.py": "names the error of torch.load",
    "plugins/bioclip_x_plugins/encoders/config.py": "names the error of torch.load",
}
"""Files that import pickle, and why. None of them reads a file with it."""
XML = {
    "core/bioclip_x/io/xml_text.py": "bounded, a DOCTYPE is refused",
    "core/bioclip_x/testing/kinds/reports.py": "what the checked report has just written",
    "plugins/bioclip_x_plugins/image_sources/darwin_core.py": "names types only",
    "plugins/bioclip_x_plugins/readers/checklists/darwin_core_meta.py": "names types only",
    "plugins/bioclip_x_plugins/reports/exchange/darwin_core.py": "writes only",
    "plugins/bioclip_x_plugins/sorting/xmp.py": "bounded, declarations are refused; the rest writes",
}
NETWORK = {
    "core/bioclip_x/app/server.py": "serves on 127.0.0.1 (app)",
    "core/bioclip_x/distributed/cluster.py": "looks whether Ray's cluster answers (--engine ray)",
    "core/bioclip_x/images/places/remote.py": "images at URLs that were given",
    "core/bioclip_x/testing/servers.py": "a server of tests, on 127.0.0.1",
    "plugins/bioclip_x_plugins/datasets/published/hub.py": "data sets of the hub that were asked for",
    "plugins/bioclip_x_plugins/encoders/hub.py": "weights of models that were asked for",
    "plugins/bioclip_x_plugins/language_models/client.py": "the server of --llm",
    "plugins/bioclip_x_plugins/language_models/failures.py": "names that client's errors",
}
NEVER_IMPORTED = {
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "joblib",
    "jsonpickle",
    "pty",
    "code",
    "codeop",
    "subprocess",
}
OF_PICKLE = {"pickle", "_pickle"}
OF_XML = {"xml", "lxml"}
OF_NETWORK = {
    "requests", "httpx", "http", "socket", "aiohttp", "fsspec", "ftplib", "smtplib", "telnetlib", "openai", "huggingface_hub",
    "datasets", "socketserver", "xmlrpc",
}  # fmt: skip
HARMLESS = {"urllib.parse", "http.cookies"}
NEVER_CALLED = {"eval", "exec", "compile", "__import__", "breakpoint"}
OF_OS = {
    "system",
    "popen",
    "execv",
    "execve",
    "execvp",
    "execvpe",
    "spawnv",
    "spawnl",
    "posix_spawn",
    "fork",
    "forkpty",
}


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    return {file: ast.parse((ROOT / file).read_text("utf-8")) for file in SOURCES}


def list_imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def find_importers(trees: dict[str, ast.Module], packages: set[str]) -> set[str]:
    return {
        file
        for file, tree in trees.items()
        if any(name.partition(".")[0] in packages and name not in HARMLESS for name in list_imports(tree))
    }


def list_calls(trees: dict[str, ast.Module]) -> Iterator[tuple[str, str, ast.Call]]:
    """Yields the place, the name such as torch.load, and the call."""
    for file, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield f"{file}:{node.lineno}", ast.unparse(node.func), node


def get_constant(call: ast.Call, name: str) -> object:
    """Returns the value of a keyword, None without it or where it is computed."""
    value = next((one.value for one in call.keywords if one.arg == name), None)
    return value.value if isinstance(value, ast.Constant) else None


def test_what_can_run_data_is_not_imported(trees: dict[str, ast.Module]) -> None:
    assert find_importers(trees, NEVER_IMPORTED) == set()
    assert find_importers(trees, OF_PICKLE) == set(PICKLES)
    assert find_importers(trees, OF_XML) == set(XML)


def test_nothing_is_evaluated(trees: dict[str, ast.Module]) -> None:
    calls = list(list_calls(trees))
    assert [place for place, name, _ in calls if name in NEVER_CALLED] == []
    assert [place for place, name, _ in calls if name.startswith("os.") and name[3:] in OF_OS] == []
    # `Template` of strings from elsewhere, which jinja would run; the built-in templates come from the package.
    assert [
        place for place, name, _ in calls if name.endswith(("jinja2.Template", "Template")) and "string" not in name
    ] == []


def test_no_pickle_is_read_from_a_file(trees: dict[str, ast.Module]) -> None:
    loads = [(place, call) for place, name, call in list_calls(trees) if name == "pickle.load"]
    assert loads == []


def test_weights_are_loaded_without_code(trees: dict[str, ast.Module]) -> None:
    calls = list(list_calls(trees))
    loads = [(place, call) for place, name, call in calls if name in ("torch.load", "torch.jit.load", "torch.package")]
    assert loads and all(get_constant(call, "weights_only") is True for _, call in loads), loads
    for place, _, call in calls:
        for keyword in call.keywords:
            if keyword.arg in ("allow_pickle", "trust_remote_code"):
                assert get_constant(call, keyword.arg) is False, place


def test_yaml_makes_plain_values(trees: dict[str, ast.Module]) -> None:
    from bioclip_x.io import strict_yaml

    places = [
        place
        for place, name, _ in list_calls(trees)
        if name in ("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load")
    ]
    assert {place.partition(":")[0] for place in places} == {"core/bioclip_x/io/strict_yaml.py"}
    with pytest.raises(strict_yaml.InvalidDocument):
        strict_yaml.load("a: !!python/object/apply:os.system [true]")


def test_xml_with_entities_is_refused(trees: dict[str, ast.Module]) -> None:
    """All XML that is read goes through the core's function, but for sidecars, whose reader is expat itself."""
    parse = ("XMLParser", "XMLPullParser", "fromstring", "fromstringlist", "parse", "iterparse", "XML")
    places = {
        place.partition(":")[0]
        for place, name, _ in list_calls(trees)
        if name in [f"ElementTree.{one}" for one in parse]
    }
    assert places == {"core/bioclip_x/io/xml_text.py", "core/bioclip_x/testing/kinds/reports.py"}
    source = (ROOT / "plugins/bioclip_x_plugins/sorting/xmp.py").read_text("utf-8")
    assert "StartDoctypeDeclHandler" in source
    with pytest.raises(RecipeError, match="DOCTYPE"):
        parse_xml(b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "a.xml", RecipeError)


def test_connections_are_made_in_named_places(trees: dict[str, ast.Module]) -> None:
    assert find_importers(trees, OF_NETWORK) == set(NETWORK)
    assert not [file for file, tree in trees.items() if "urllib.request" in list_imports(tree)]


WATCH = """
import json, os, sys

opened, connected, started = set(), [], []

def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        opened.add(os.path.abspath(os.fsdecode(arguments[0])))
    elif event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        connected.append(repr(arguments[1:]))
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        started.append(repr(arguments[:2])[:200])

before = len(sys.argv)
sys.addaudithook(watch)
from bioclip_x.cli.main import main
try:
    main(sys.argv[2:])
except SystemExit as end:
    status = end.code
with open(sys.argv[1], "w") as stream:
    json.dump({"status": status, "opened": sorted(opened), "connected": connected, "started": started}, stream)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["classify", "work/bird.png", "--labels", "work/labels.txt", "--output", "work/out.csv"],
        ["classify", "work/bird.png", "--output", "work/out.html", "--plugin", "descriptors"],
        ["taxonomy", "convert", "work/birds.csv", "--output", "work/out.yaml"],
    ],
    ids=["classify", "classify-explained", "convert"],
)
def test_a_run_opens_what_was_named_and_no_connection(arguments: list[str], birds_csv: Path, tmp_path: Path) -> None:
    work, home = tmp_path / "work", tmp_path / "home"
    for folder in (work, home, tmp_path / "tmp"):
        folder.mkdir()
    picture(1).save(work / "bird.png")
    (work / "labels.txt").write_text("Parus major\nTurdus merula\n")
    (work / "birds.csv").write_bytes(birds_csv.read_bytes())
    (work / "not-named.txt").write_text("private")
    (home / "private.txt").write_text("private")
    environment = {
        **os.environ, "HOME": str(home), "TMPDIR": str(tmp_path / "tmp"), "BIOCLIP_X_CACHE": str(tmp_path / "cache"),
        "BIOCLIP_X_DATA": str(tmp_path / "data"), "BIOCLIP_X_CONFIG": os.devnull, "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("core", "plugins", "prompts")),
    }  # fmt: skip
    del environment["HF_HUB_OFFLINE"]  # as a user has it
    seen = tmp_path / "seen.json"
    subprocess.run(
        [sys.executable, "-c", WATCH, seen, *arguments], cwd=tmp_path, env=environment, check=True, timeout=120
    )
    found = json.loads(seen.read_text())
    assert found["status"] == 0
    assert found["connected"] == []
    programs = [one for one in found["started"] if "bioclip" in one]
    assert programs == []
    named = {str(tmp_path / one) for one in arguments if one.startswith("work/")}
    packages = (str(ROOT), sys.prefix, sys.base_prefix, "/proc", "/sys", "/dev", "/etc", "/usr", "/lib")
    own = (str(tmp_path / "cache"), str(tmp_path / "data"), str(tmp_path / "tmp"), os.devnull, str(seen))
    # Outputs are written to a file beside theirs, and their folder is made to last.
    beside = tuple(f"{one}{more}" for one in named for more in (".partial", ".journal", ".provenance.json"))
    others = [one for one in found["opened"] if not one.startswith((*packages, *own, *beside)) and one not in named]
    assert [one for one in others if one != str(work) and not Path(one).name.startswith(".")] == []
