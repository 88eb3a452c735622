"""Pure functions of tensors; Keras operations only."""
