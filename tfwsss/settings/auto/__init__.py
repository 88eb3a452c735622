"""`--config auto`: settings chosen from the images and the machine."""
