"""Makes the writers of the generated pages importable: `python -m docs.writers`."""
