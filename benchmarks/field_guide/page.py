"""The results file as Markdown, for docs/field-guide.md."""

from __future__ import annotations

from typing import Any

from naming import FAMILIES, PER_SPECIES, WAYS

FELL = {
    "bare_changed": "bare phrase of the changed trait",
    "bare_other": "bare phrase of another trait",
    "named_changed": "name and phrase of the changed trait",
    "named_other": "name and phrase of another trait",
    "never_drawn_bare_changed": "species never drawn: bare phrase of the changed trait",
    "never_drawn_bare_other": "species never drawn: bare phrase of another trait",
}


def percent(share: float) -> str:
    return f"{share:.1%}"


def between(figure: dict[str, Any], key: str) -> str:
    low, high = figure[key]
    return f"{percent(low)} to {percent(high)}"


def naming(results: dict[str, Any]) -> list[str]:
    """The species' table: a row per kind of text, both groups of species side by side."""
    trained, never = results["naming"]["trained_on"], results["naming"]["never_drawn"]
    counts = {name: results["species"][name] for name in ("trained_on", "never_drawn")}
    lines = [
        f"| drawings of another seed | {counts['trained_on']} species trained on | 95% | "
        f"{counts['never_drawn']} species never drawn | 95% |",
        "| --- | --- | --- | --- | --- |",
    ]
    for way, (title, _) in {**WAYS, **FAMILIES, "refused": ("refused by the gate (an error above)", {})}.items():
        cells = [
            cell
            for figure in (trained[way], never[way])
            for cell in (percent(figure["value"]), between(figure, "interval95_species"))
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    drawn = (
        f"{PER_SPECIES['trained_on']} drawings a species trained on, {PER_SPECIES['never_drawn']} of one never drawn"
    )
    return [*lines, "", f"{drawn}; among all {sum(counts.values())} classes; intervals over species."]


def faithfulness(results: dict[str, Any]) -> list[str]:
    lines = ["| one trait changed in the drawing | fell | 95% | pairs |", "| --- | --- | --- | --- |"]
    for key, title in FELL.items():
        figure = results["faithfulness"][key]
        lines.append(
            f"| {title} | {percent(figure['value'])} | {between(figure, 'interval95_species')} | {figure['of']:,} |"
        )
    return lines


def gate(title: str, found: dict[str, Any]) -> list[str]:
    lines = [f"| {title} | refused | 95% | images |", "| --- | --- | --- | --- |"]
    for name, figure in {**found["folders"], "**all**": found["all"]}.items():
        lines.append(f"| {name} | {figure['value']:.2%} | {between(figure, 'interval95')} | {figure['of']:,} |")
    return lines


def table(results: dict[str, Any]) -> str:
    """All figures."""
    parts = [naming(results), faithfulness(results)]
    parts += [gate(name, found) for name, found in results["refused"].items()]
    machine = results["machine"]
    measured = f"{machine['processor']}, {machine['cores']} cores; `{results['command']}`"
    parts.append([f"Model {results['model']['revision']}; {measured}."])
    return "\n\n".join("\n".join(part) for part in parts)
