"""Weakly supervised semantic segmentation: weak labels to masks, masks to networks."""

__version__ = "0.1.0"
