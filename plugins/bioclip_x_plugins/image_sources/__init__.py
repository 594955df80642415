"""Sources of images in published layouts, of which data sets are built. Each reads metadata only."""
