import numpy as np

from tfwsss.training.functional_adam import adam_step


def torch_adam(weight, gradients, rate, decay):
    """The rule in float64, written from PyTorch's documentation."""
    mean = square = 0.0
    for step, gradient in enumerate(gradients, start=1):
        gradient = gradient + decay * weight
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        weight = weight - rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return weight


def test_steps_are_those_of_pytorch_for_gradients_of_any_size():
    """Near 1e-8 the place of epsilon decides: Keras' form is off by half a step there."""
    random = np.random.default_rng(0)
    sizes = 10.0 ** random.uniform(-10, 2, 200)
    gradients, start = random.normal(size=(5, 200)) * sizes, random.normal(size=200)
    for decay in (0.0, 5e-4):
        weights, first, second = [start.astype("float32")], [np.zeros(200, "float32")], [np.zeros(200, "float32")]
        for step, gradient in enumerate(gradients.astype("float32"), start=1):
            weights, first, second = adam_step(weights, [gradient], first, second, step, 0.03, decay)
        np.testing.assert_allclose(weights[0], torch_adam(start, gradients, 0.03, decay), atol=3e-6)
