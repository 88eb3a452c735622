"""Networks ready for `fit`, as a run's training has them: where the optimiser is not built two steps are traced."""

import keras

FEW = 6
"""Steps that take less time as they come than it takes to trace one."""


def compiled(model: keras.Model, optimizer: keras.optimizers.Optimizer, steps: int | None = None) -> keras.Model:
    """Compiles a model without XLA, and without a graph where it is to make but a few steps; returns it, ready."""
    model.compile(optimizer, jit_compile=False, run_eagerly=steps is not None and steps <= FEW)
    return ready(model)


def ready(model: keras.Model) -> keras.Model:
    """Builds the optimiser of a compiled model for what learns in it now, if anything; returns the model."""
    if model.trainable_variables:
        model.optimizer.build(model.trainable_variables)
    return model
