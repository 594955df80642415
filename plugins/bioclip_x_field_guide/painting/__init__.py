"""How drawings are painted: canvas, curves, palette, backgrounds, the scene."""
