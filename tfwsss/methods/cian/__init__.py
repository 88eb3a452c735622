"""CIAN (Fan et al., AAAI 2020): a segmentation network whose images read from each other."""
