"""Figures of an evaluation, as numbers: what pages draw and files list."""
