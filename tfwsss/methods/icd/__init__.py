"""ICD (Fan et al., CVPR 2020): an intra-class discriminator parts object and background."""
