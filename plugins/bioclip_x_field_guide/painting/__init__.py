"""The renderer: canvas, curves, palette, backgrounds and scene."""
