"""Formats of descriptor files, one per module: `sniff` recognises the format, `read` reads it."""
