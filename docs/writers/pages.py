"""The generated pages by their path in docs/."""

from __future__ import annotations

from bioclip_x.cli import commands
from bioclip_x.hooks.registry import Registry, create_registry
from docs.writers.command_line import write_command_line
from docs.writers.components import write_components
from docs.writers.fields import write_building_fields, write_recipe_fields, write_training_fields
from docs.writers.json_schemas import write_json_schemas
from docs.writers.python_names import write_module, write_plugin, write_protocols, write_records


def make_registry() -> Registry:
    """Makes the registry of the built-in plugins alone, whatever else is installed."""
    return create_registry(
        only=[
            "taxonomic", "descriptors", "rollup", "waffle", "builtin", "jsonl-log", "field-guide",
        ],
        own={"cli": commands},
    )  # fmt: skip


def make_pages() -> dict[str, str]:
    """Makes all pages."""
    registry = make_registry()
    return {
        "reference/command-line.md": write_command_line(registry),
        "reference/components.md": write_components(registry),
        "reference/recipe.md": write_recipe_fields(),
        "reference/training.md": write_training_fields(),
        "reference/building.md": write_building_fields(),
        "reference/json.md": write_json_schemas(),
        "reference/python.md": write_module("bioclip_x"),
        "reference/protocols.md": write_protocols(),
        "reference/records.md": write_records(),
        "reference/plugin.md": write_plugin(),
        "reference/testing.md": write_module("bioclip_x.testing"),
    }
