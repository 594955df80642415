"""The state of a run in files, and when to write it."""
