"""`bioclip-x app`: a page in the browser, served by this machine to itself, to name photos, ask why, and correct the names."""
