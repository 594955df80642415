"""Fits a calibration on labelled images: temperature, refusal threshold, depth of hedged predictions."""
