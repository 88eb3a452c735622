"""A2GNN (Zhang et al., TPAMI 2021): seeds of any label, spread by a graph network that is trained on each image."""
