"""MCIS (Sun et al., ECCV 2020): semantics that images have in common, and those that each has alone."""
