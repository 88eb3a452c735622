"""OAA (Jiang et al., ICCV 2019): what a classifier attends to while it learns, gathered image by image."""
