"""AffinityNet, PSA (Ahn and Kwak, CVPR 2018): learned affinities, along which class maps walk."""
