"""Callbacks of training runs: loggers of other programs, and early stopping."""
