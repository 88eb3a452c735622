"""SEAM (Wang et al., CVPR 2020): class maps that stay the same when the image is scaled, and refine each other."""
