"""Networks with losses: what one train stage fits."""
