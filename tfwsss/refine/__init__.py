"""Functions of one image's NumPy arrays: superpixels, seeds."""
