"""Generates descriptors with a language model: questions → answers → a descriptor file."""
