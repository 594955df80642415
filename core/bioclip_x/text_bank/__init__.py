"""Embeds the prompts of classes and caches the embeddings on disk."""
