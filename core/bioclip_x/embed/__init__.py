"""Embeddings of images, of texts and of a taxonomy's classes, and the files they are written to."""
