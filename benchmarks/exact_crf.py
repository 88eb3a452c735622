"""The fully connected CRF on a GPU, by JAX: every pair of pixels counts exactly, a block of pixels at a time.

    k(p, q) = exp(-|f_p - f_q|² / 2);   n_p = (Σ_q k(p, q))^-1/2;   message_p = n_p Σ_q k(p, q) n_q Q_q

with f the position over its deviation, and position and colour over theirs: the kernels, weights and symmetric
normalisation of `layers.dense_crf.DenseCRF`, whose lattice approximates these sums on a CPU. A pixel's pair with itself
counts, as there. Time grows with the square of the pixels; memory with pixels times BLOCK.
"""

import jax
import jax.numpy as jnp

BLOCK = 1024
ITERATIONS = 10
GAUSSIAN, POSITION, COLOUR = 3.0, 80.0, 13.0
WEIGHTS = (3.0, 10.0)


def operations(pixels, ids):
    """Returns multiplications and additions of both kernels' sums: in each iteration and of the normalisation."""
    return 2 * 2 * pixels * pixels * (ITERATIONS * ids + 1)


def sharpened(unary, image):
    """Returns the marginals of one image.

    unary: `(row, column, id)`, -log probability; image: `(row, column, 3)`, 0-255.
    """
    rows, columns, ids = unary.shape
    place = jnp.stack(jnp.meshgrid(jnp.arange(rows), jnp.arange(columns), indexing="ij"), -1).reshape(-1, 2)
    place = place.astype(jnp.float32)
    cost = unary.reshape(-1, ids)
    features = (place / GAUSSIAN, jnp.concatenate([place / POSITION, image.reshape(-1, 3) / COLOUR], axis=1))
    scales = [jax.lax.rsqrt(_summed(each, jnp.ones((len(cost), 1)))) for each in features]

    def step(_, marginals):
        messages = sum(weight * scale * _summed(each, scale * marginals)
                       for weight, scale, each in zip(WEIGHTS, scales, features, strict=True))
        return jax.nn.softmax(messages - cost)

    return jax.lax.fori_loop(0, ITERATIONS, step, jax.nn.softmax(-cost)).reshape(unary.shape)


def _summed(features, values):
    """Returns for each pixel the sum of all pixels' values, weighted by the kernel: `(pixel, channel)`."""
    count = len(features)
    blocks = -(-count // BLOCK)
    padded = jnp.pad(features, ((0, blocks * BLOCK - count), (0, 0))).reshape(blocks, BLOCK, -1)
    squares = jnp.sum(features**2, axis=1)

    def block(own):
        far = jnp.sum(own**2, axis=1)[:, None] + squares - 2 * own @ features.T
        return jnp.exp(-0.5 * jnp.maximum(far, 0.0)) @ values

    return jax.lax.map(block, padded).reshape(blocks * BLOCK, -1)[:count]
