"""Texts of classes: prompts, descriptors, what language models answer, embedded texts."""
