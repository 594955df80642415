"""Adapters: few parameters trained in place of all, and merged into the weights at the end."""
