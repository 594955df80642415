"""Every built-in plugin of bioclip-x. They stand outside the core, as anybody's do, and import public names only."""
