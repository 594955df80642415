from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from bioclip_x.errors import PluginError, RecipeError
from bioclip_x.hooks.options import parse_ref, validate_options


class Templates:
    def __init__(self, set: Literal["clip"] | Path = "clip", *, name: str = "common", k: int = 1) -> None: ...


class Named:
    def __init__(self, *, style: str = "cbd") -> None: ...


class TwoPositional:
    def __init__(self, a: int = 1, b: int = 2) -> None: ...


def options(text: Any, target: type = Templates) -> dict[str, Any]:
    ref = parse_ref(text)
    return validate_options(f"text builder {ref.name!r}", target, ref.options)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("templates", {"set": "clip", "name": "common", "k": 1}),
        ("templates:clip", {"set": "clip", "name": "common", "k": 1}),
        (" templates : clip , name = scientific , k=2 ", {"set": "clip", "name": "scientific", "k": 2}),
        ("templates:name=scientific", {"set": "clip", "name": "scientific", "k": 1}),
        ("templates:mine.yaml,k=2", {"set": Path("mine.yaml"), "name": "common", "k": 2}),
        ("templates:set=a=b.yaml", {"set": Path("a=b.yaml"), "name": "common", "k": 1}),
        (r"templates:C:\texts\mine.yaml", {"set": Path(r"C:\texts\mine.yaml"), "name": "common", "k": 1}),
        ({"name": "templates", "set": "clip"}, {"set": "clip", "name": "common", "k": 1}),
    ],
)
def test_the_first_value_may_come_without_an_option_name(text: Any, expected: dict[str, Any]) -> None:
    assert options(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("templates:name=x,clip", r"got 'clip' \(only the first value may come without an option name\)"),
        ("templates:clip,other", "got 'other'"),
        ("templates:clip,set=other.yaml", "option 'set' is given twice, as 'clip' and as 'other.yaml'"),
        ("templates:k=1,k=2", "option 'k' is given twice"),
        ("templates:=clip", "expected name:option=value, got '=clip'"),
        ("templates:[", "its value cannot be read"),
        ("templates:clip,kk=2", "text builder 'templates' has no option 'kk'; known: k, name, set"),
        ("templates:3", r"text builder 'templates': option 'set"),
    ],
)
def test_errors_in_references(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        options(text)


def test_a_component_without_a_positional_option() -> None:
    with pytest.raises(RecipeError, match="'has' needs an option name, option=value; known: style"):
        options("descriptors:has", Named)


def test_two_positional_options_are_a_plugin_error() -> None:
    with pytest.raises(PluginError, match="at most one argument that is not keyword-only; it has a, b"):
        options("odd", TwoPositional)


@pytest.mark.parametrize(
    "text", ["templates", "templates:clip", "templates:clip,name=scientific", "hedge:threshold=0.8"]
)
def test_a_reference_is_printed_as_it_was_written(text: str) -> None:
    assert str(parse_ref(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:b=2020-13-45", "cannot be read, .*not a valid date"),
        ("a:b=" + "[" * 3000, "cannot be read, .*not (valid YAML|a valid)"),
        ("a:b=!!python/object/apply:os.system [x]", "cannot be read, .*not (valid YAML|a valid)"),
        ("a:b=" + "9" * 5000, "cannot be read, .*not (valid YAML|a valid)"),
        ("a:" + "," * 20_000, "at most 10,000 characters, got 20,002"),
    ],
)
def test_values_are_read_strictly(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_ref(text)


class _Numbers:
    def __init__(self, *, share: float = 0.0, number: int = 0, switch: bool = False) -> None: ...


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e31, 10**400, True, "high"])
def test_numbers_are_finite_and_bounded(value: Any) -> None:
    with pytest.raises(RecipeError, match="option 'share'"):
        validate_options("x", _Numbers, {"share": value})


@pytest.mark.parametrize("value", [2**63, -(2**64), True, 0.5])
def test_whole_numbers_are_bounded(value: Any) -> None:
    with pytest.raises(RecipeError, match="option 'number'"):
        validate_options("x", _Numbers, {"number": value})
    assert validate_options("x", _Numbers, {"number": 2**63 - 1, "switch": True})["switch"] is True


@pytest.mark.parametrize(
    ("value", "message"),
    [({"name": "a", 7: 1}, "the key 7"), ({"name": ["a"]}, "component's name"), ("a:b=2020-13-45", "not a valid date")],
)
def test_what_is_no_reference(value: Any, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_ref(value)
