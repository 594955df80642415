"""Reading and writing files: text, YAML and JSON, delimited tables, Parquet, archives, output streams."""
