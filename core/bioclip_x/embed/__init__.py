"""Computes embeddings of images, texts and a taxonomy's classes, and writes them to files."""
