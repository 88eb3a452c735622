import keras
import numpy as np
import pytest

from tfwsss.backbones.transformer import BlockForm, block_layers, run_block


def by_hand(layer, form, z):
    """A block written from its equations, in float64, one head after the other."""
    def weights(role):
        return [np.float64(weight) for weight in layer(role).get_weights()]

    def norm(x, role):
        gamma, beta = weights(role)
        return gamma * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + form.epsilon) + beta

    def dense(x, role):
        kernel, bias = weights(role)
        return x @ kernel + bias

    y, size, mixed, means = norm(z, "norm1"), form.width // form.heads, [], []
    for head in range(form.heads):
        q, k, v = (dense(y, role)[:, head * size:(head + 1) * size] for role in ("query", "key", "value"))
        fit = q @ k.T / np.sqrt(size)
        if form.causal:
            fit[np.triu_indices(len(fit), 1)] = -np.inf
        a = np.exp(fit - fit.max(1, keepdims=True))
        a /= a.sum(1, keepdims=True)
        mixed.append(a @ v)
        means.append(a)
    z = z + (weights("scale1")[0] if form.layer_scale else 1) * dense(np.concatenate(mixed, 1), "out")
    h = dense(norm(z, "norm2"), "hidden")
    from scipy.special import erf

    h = 0.5 * h * (1 + erf(h / np.sqrt(2))) if form.gelu else h / (1 + np.exp(-1.702 * h))
    return z + (weights("scale2")[0] if form.layer_scale else 1) * dense(h, "narrow"), np.mean(means, axis=0)


@pytest.mark.parametrize("form", [BlockForm(12, 3), BlockForm(8, 2, gelu=True, epsilon=1e-6, layer_scale=True),
                                  BlockForm(8, 4, causal=True)])
def test_a_block_follows_its_equations(form):
    keras.utils.set_random_seed(0)
    layer, tokens = block_layers(form, "b_"), keras.Input((None, form.width))
    model = keras.Model(tokens, run_block(layer, form, tokens, prefix="b_"))
    random = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(random.normal(size=weight.shape) * 0.7 + 0.2)
    z = random.normal(size=(2, 5, form.width)).astype("float32")
    found, mean = model(z)
    for place in range(2):
        expected, attention = by_hand(layer, form, np.float64(z[place]))
        np.testing.assert_allclose(found[place], expected, atol=2e-4)
        np.testing.assert_allclose(mean[place], attention, atol=1e-5)


def test_normalised_tokens_may_be_given():
    form = BlockForm(8, 2)
    layer, tokens, other = block_layers(form, "b_"), keras.Input((None, 8)), keras.Input((None, 8))
    plain = keras.Model(tokens, run_block(layer, form, tokens)[0])
    given = keras.Model([tokens, other], run_block(layer, form, tokens, other)[0])
    z = keras.ops.convert_to_tensor(np.random.default_rng(0).normal(size=(1, 4, 8)).astype("float32"))
    np.testing.assert_allclose(given([z, layer("norm1")(z)]), plain(z), atol=1e-6)
    assert np.abs(np.array(given([z, 2 * layer("norm1")(z)]) - plain(z))).max() > 1e-3
