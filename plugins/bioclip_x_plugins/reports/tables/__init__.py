"""Reports for programs: CSV, Parquet, JSON."""
