"""Small files: errors are reported with their line, and files are replaced atomically."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bioclip_x.errors import BioclipXError, RecipeError
from bioclip_x.io.files import read_json, read_lines, read_text, read_yaml
from bioclip_x.io.strict_yaml import _Aliases
from bioclip_x.limits import DOCUMENT_DEPTH


def read(folder: Path, text: str, name: str = "f.yaml") -> Any:
    (folder / name).write_text(text, "utf-8")
    return read_yaml(folder / name, RecipeError)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_document_of_gigabytes_is_not_even_read(tmp_path: Path) -> None:
    with (tmp_path / "big.json").open("wb") as file:
        file.truncate(2 << 30)  # a hole, which takes no space
    with pytest.raises(RecipeError, match=r"big\.json has more than 1,073,741,824 bytes"):
        read_yaml(tmp_path / "big.json", RecipeError)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n? [b]\n: 2\n", "line 2: not valid YAML: expected a name as a key, got a list"),
        ("a: 1\n? {b: c}\n: 2\n", "line 2: not valid YAML: expected a name as a key, got a dict"),
        ("a: 1\nb: 2020-13-45\n", "line 2: not valid YAML: '2020-13-45' is not a valid date; put it in quotes"),
        ("a: 1\n2020-13-45: b\n", "line 2: not valid YAML: '2020-13-45' is not a valid date"),
        ("a: !!int x\n", "line 1: not valid YAML: 'x' is not a valid int"),
        ("a: !!bool x\n", "line 1: not valid YAML: 'x' is not a valid bool"),
        ("a: !!timestamp x\n", "line 1: not valid YAML: 'x' is not a valid date"),
        ("a: !!map x\n", "line 1: not valid YAML: expected a mapping node"),
        ("&a [*a]", "line 1: not valid YAML: an alias is inside the node it refers to"),
        ("a: 1\nb: &b\n  - c: *b\n", "line [23]: not valid YAML: an alias is inside the node it refers to"),
        ("{a: {b: c}, a: d}", "line 1: not valid YAML: the key 'a' is given twice"),
        ("a: 1\nb: c\x07d\n", r"line 2: not valid YAML: the character '\\x07' must be escaped"),
        ("a: 1\n<<: 5\n", "line 2: not valid YAML: expected a mapping or list of mappings for merging"),
    ],
)
def test_invalid_yaml_is_reported_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as problem:
        read(tmp_path, text)
    assert "f.yaml" in str(problem.value) and "\n" not in str(problem.value)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 300 + "]" * 300,
        "[" * 200_000,
        "- " * 200_000,
        "".join(f"{'  ' * i}a:\n" for i in range(300)),
        # Flat as text: every list holds the one before it.
        "- &a0 []\n" + "".join(f"- &a{i} [*a{i - 1}]\n" for i in range(1, 300)),
    ],
)
@pytest.mark.parametrize("name", ["f.yaml", "f.json"])
def test_too_deep_documents_are_errors(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(RecipeError, match=rf"{name}.*more than {DOCUMENT_DEPTH} deep|not valid JSON"):
        read(tmp_path, text, name)


def test_deep_trees_are_accepted(tmp_path: Path) -> None:
    for name in ("f.yaml", "f.json"):
        assert read(tmp_path, "[" * 120 + "]" * 120, name)


def test_aliases_that_multiply_are_refused_before_they_do(tmp_path: Path) -> None:
    lists = [f"- &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 100)]
    text = "- &a0 []\n"
    assert len(read(tmp_path, text + "".join(lists[:5]))) == 6  # 123,450 values
    with pytest.raises(RecipeError, match=r"line 7: not valid YAML: its aliases stand for more than 1,000,000 values"):
        read(tmp_path, text + "".join(lists))
    with pytest.raises(RecipeError, match="its aliases stand for more than"):
        read(tmp_path, f"- &a {'x' * 100_000}\n" + "- *a\n" * 1000)
    with pytest.raises(RecipeError, match="its aliases stand for more than"):
        read(tmp_path, "a0: &a0 {k: v}\n" + "".join(
            f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12)))  # fmt: skip


def test_what_aliases_stand_for_is_counted_as_if_it_were_written_out(tmp_path: Path) -> None:
    def count(value: object) -> int:
        parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
        return 1 + sum(map(count, parts))

    text = "- &a {x: [1, 2], y: &b {z: 3}}\n- [*a, *b, *a]\n- &c [*a, *a]\n- *c\n- plain\n"
    document = read(tmp_path, text)
    a, b, c = count(document[0]), count(document[0]["y"]), count(document[2])
    followed = _Aliases()
    for event in yaml.parse(text):
        followed.follow(event)
    assert followed.n_expanded == 4 * a + b + c


def test_a_nul_byte_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"Parus major\nParus\0minor\n")
    for reading in (read_text, lambda *given: list(read_lines(*given))):
        with pytest.raises(RecipeError, match=r"a\.txt, line 2: a NUL byte"):
            reading(path, RecipeError)


def test_the_line_that_is_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"Parus major\n" * 5000 + "Œdicnème\n".encode("cp1252"))
    for reading in (read_text, lambda *given: list(read_lines(*given))):
        with pytest.raises(RecipeError, match=r"a\.txt, line 5001: not valid utf-8"):
            reading(path, RecipeError)
    path.write_bytes("Parus".encode("utf-16")[:-1])
    with pytest.raises(RecipeError, match="not valid utf-16"):
        list(read_lines(path, RecipeError))


def test_merge_keys_work(tmp_path: Path) -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [{x: 1}, {y: 2}], z: 4}\nd: [{<<: &e {<<: *a, z: 5}}, *e]\n"
    document = read(tmp_path, text)
    assert document["b"] == {"x": 1, "y": 3} and document["c"] == {"x": 1, "y": 2, "z": 4}
    assert document["d"] == [{"x": 1, "y": 2, "z": 5}] * 2
    with pytest.raises(RecipeError, match="line 2: not valid YAML: the key 'y' is given twice"):
        read(tmp_path, "a: &a {x: 1}\nb: {<<: *a, y: 3, y: 4}\n")


def test_of_merged_mappings_with_the_same_key_one_gives_the_value(tmp_path: Path) -> None:
    """The first up to PyYAML 6.0.3, as YAML's definition of `<<` has it; in 6.0.4 the first for keys of one character,
    else the last. That is the library's (https://github.com/yaml/pyyaml/issues/953); it is no error in either."""
    text = "a: &a {x: 1, name: 2}\nb: &b {<<: *a, x: 3, name: 3}\nc: {<<: [*b, *a]}\nd: {<<: *a, <<: {x: 4, name: 4}}\n"
    document = read(tmp_path, text)
    assert document["b"] == {"x": 3, "name": 3}
    assert set(document["c"]) == {"x", "name"} and set(document["c"].values()) <= {1, 2, 3}
    assert set(document["d"]) == {"x", "name"} and set(document["d"].values()) <= {1, 2, 4}


@pytest.mark.parametrize(
    "twice",
    [
        ("a", '"a"'),
        ("a", "!!str a"),
        ("1", "0x1"),
        ("10", "1_0"),
        ("1", "yes"),
        ("yes", "TRUE"),
        ("null", "~"),
        ("2020-01-01", "!!timestamp '2020-01-01'"),
        ("&k longer", "*k "),
        ('"<<"', "!!str <<"),
    ],
)
def test_keys_are_compared_by_value(tmp_path: Path, twice: tuple[str, str]) -> None:
    one, other = twice
    with pytest.raises(RecipeError, match=r"line 3: not valid YAML: the key .+ is given twice"):
        read(tmp_path, f"{one}: 1\nb: 2\n{other}: 3\n")


def test_keys_that_look_alike_and_differ(tmp_path: Path) -> None:
    text = "10: a\n'10': b\n010: c\nyes: d\n'yes': e\nyesss: f\nnull: g\n'null': h\n"
    assert read(tmp_path, text) == dict(zip([10, "10", 8, True, "yes", "yesss", None, "null"], "abcdefgh"))


def test_json_as_python_writes_it(tmp_path: Path) -> None:
    document = {"\U0001f600": ["\U0001f426 bird"], "k" * 2000: 1, "tab": "\t", "number": 1e6}
    assert read(tmp_path, json.dumps(document), "f.json") == document
    assert read(tmp_path, json.dumps(document, indent="\t"), "f.JSON") == document
    assert read(tmp_path, "{a: 1, # YAML, too\n}", "f.json") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[{"a": {"b": 1}, "b": 2},\n{"a": [{"a": 1}],\n "a": 2}]',
            "line 3: not valid JSON: the key 'a' is given twice",
        ),
        ('{"a\\"{": "}",\n"\\u0061\\"{": 2}', "line 2: not valid JSON: the key 'a\"{' is given twice"),
        ('{"a": 1,\n "b": }}', "line 2: not valid JSON: Expecting value"),
        ('{"a": "\\ud83d"}', "half a character"),
        ('{"a": [', "line 1: not valid JSON"),
    ],
)
def test_invalid_json_is_reported_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as problem:
        read(tmp_path, text, "f.json")
    assert "f.json" in str(problem.value) and "\n" not in str(problem.value)


def test_text_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes("a\ngrün".encode("latin-1"))
    for name, message in (("gone", "does not exist"), ("", "is a folder"), ("latin", "line 2: not valid utf-8")):
        with pytest.raises(RecipeError, match=message):
            read_text(tmp_path / name, RecipeError)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "f.json is not valid JSON"),
        ("[" * 100_000, "nested more than 200 deep"),
        ('"\\ud800"', "half a character"),
        ('"\0"', "line 1: a NUL byte"),
        ("9" * 5000, "not valid JSON"),
    ],
)
def test_json_of_programs(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "f.json"
    file.write_text(text)
    with pytest.raises(BioclipXError, match=message):
        read_json(file)
    file.write_text('{"a": 1, "a": NaN}')
    assert str(read_json(file)) == "{'a': nan}"
