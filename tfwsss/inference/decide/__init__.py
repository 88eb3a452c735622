"""From a network's maps of one image to a label of each pixel: one file a rule."""
