"""CLIP-ES (Lin et al., CVPR 2023): class maps from CLIP and the words of the classes, without any training."""
