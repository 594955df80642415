"""Commands on labelled images: `evaluate`, `explain`, `calibrate`."""
