"""Image formats that Pillow does not read by itself."""
