"""Where images are: folders, patterns, pipes, tables and URLs."""
