"""Explains decisions: contributions of prompts, and heat maps of where in the image they come from."""
