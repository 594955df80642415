"""Descriptors written by a language model: questions → answers → a descriptor file."""
