"""Networks ready for `fit`, as a run's training has them: where the optimiser is not built two steps are traced."""

import keras


def compiled(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> keras.Model:
    """Compiles a model without XLA; returns it, ready."""
    model.compile(optimizer, jit_compile=False)
    return ready(model)


def ready(model: keras.Model) -> keras.Model:
    """Builds the optimiser of a compiled model for what learns in it now, if anything; returns the model."""
    if model.trainable_variables:
        model.optimizer.build(model.trainable_variables)
    return model
