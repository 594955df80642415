"""Prompts of classes, embedded and kept on disk."""
