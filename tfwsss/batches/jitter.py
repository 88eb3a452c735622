"""Random colours of a training image, in the arithmetic of bytes that the published programs use."""

from collections.abc import Sequence

import tensorflow as tf


def jitter(image, amounts, order, most: Sequence[float]):
    """Changes brightness, contrast, saturation and hue in a random order, as torchvision does by Pillow to bytes.

        brightness: f x,  contrast: f x + (1 - f) mean(grey),  saturation: f x + (1 - f) grey,  f in 1 - m to 1 + m
        hue: turned by -m to m of a full turn, in 255 steps

    Each change gives whole numbers, cut off as Pillow cuts them. A hue that may not
    turn at all is left alone; one that is turned by 0 loses what bytes of hue and
    saturation cannot hold.

    Args:
        image: float32 `(row, column, 3)`, whole numbers 0-255.
        amounts: float32 `(4,)` in [0, 1): how much of each.
        order: float32 `(4,)`; the changes are made from its smallest value to its largest.
        most: largest changes of brightness, contrast, saturation, hue.

    Returns:
        float32 `(row, column, 3)`, whole numbers 0-255.

    Example:

    >>> grey = tf.fill((1, 1, 3), 100.0)
    >>> jitter(grey, [1.0, 0.5, 0.5, 0.5], [0.0, 0.1, 0.2, 0.3], (0.5, 0.0, 0.0, 0.0))[0, 0].numpy().tolist()
    [150.0, 150.0, 150.0]
    """
    signed = 2 * tf.convert_to_tensor(amounts) - 1
    factor = 1 + signed * tf.constant(most, tf.float32)
    changes = [lambda x: _blend(tf.zeros_like(x), x, factor[0]),
               lambda x: _blend(_mean_grey(x), x, factor[1]),
               lambda x: _blend(grey(x), x, factor[2]),
               (lambda x: turn_hue(x, signed[3] * most[3])) if most[3] else tf.identity]
    places = tf.argsort(order)
    for step in range(len(changes)):
        branches = [lambda x=image, change=change: change(x) for change in changes]
        image = tf.switch_case(places[step], branches)
    return image


def grey(image):
    """Returns the luma of an image as Pillow rounds it.

    Args:
        image: float32 `(row, column, 3)`, whole numbers 0-255.

    Returns:
        float32 `(row, column, 1)`, whole numbers.
    """
    weighted = tf.cast(image, tf.int32) * tf.constant([19595, 38470, 7471])         # of 65536
    return tf.cast(tf.bitwise.right_shift(tf.reduce_sum(weighted, axis=-1, keepdims=True) + 32768, 16), tf.float32)


def turn_hue(image, turn):
    """Turns the hue of an image by way of Pillow's bytes of hue, saturation and value.

    Args:
        image: float32 `(row, column, 3)`, whole numbers 0-255.
        turn: scalar, -0.5 to 0.5 of a full turn.

    Returns:
        float32 `(row, column, 3)`, whole numbers.
    """
    hue, saturation, value = _hue_saturation_value(image)
    steps = tf.cast(tf.cast(turn, tf.float64) * 255, tf.int32)                      # towards 0
    return _red_green_blue(tf.math.floormod(hue + steps, 256), saturation, value)


def _blend(image, other, share):
    """Returns a mixture, cut off to whole numbers; shares above 1 lead beyond the other image."""
    return tf.floor(tf.clip_by_value(image + share * (other - image), 0.0, 255.0))


def _mean_grey(image):
    return tf.cast(tf.floor(tf.reduce_mean(tf.cast(grey(image), tf.float64)) + 0.5), tf.float32)


def _hue_saturation_value(image):
    """Returns hue, saturation and value as Pillow's bytes, int32 and float32 `(row, column)`.

    Shares are float32, their sums doubles cut to float32.
    """
    red, green, blue = tf.unstack(image, axis=-1)
    value, least = tf.reduce_max(image, axis=-1), tf.reduce_min(image, axis=-1)
    range_ = tf.where(value > least, value - least, 1.0)
    away = [tf.cast((value - one) / range_, tf.float64) for one in (red, green, blue)]
    third = tf.where(red == value, away[2] - away[1],
                     tf.where(green == value, 2.0 + away[0] - away[2], 4.0 + away[1] - away[0]))
    part = tf.math.floormod(tf.cast(tf.cast(third, tf.float32), tf.float64) / 6.0 + 1.0, 1.0)
    hue = tf.cast(tf.cast(tf.cast(part, tf.float32), tf.float64) * 255.0, tf.int32)
    saturation = tf.cast(tf.cast((value - least) / tf.maximum(value, 1.0), tf.float64) * 255.0, tf.int32)
    coloured = value > least
    return tf.where(coloured, hue, 0), tf.where(coloured, saturation, 0), value


def _red_green_blue(hue, saturation, value):
    """Returns the image of Pillow's bytes, float32 `(row, column, 3)`."""
    sixth = tf.cast(hue, tf.float64) * 6.0 / 255.0
    place = tf.cast(sixth, tf.int32)
    rest = tf.cast(tf.cast(sixth - tf.cast(place, tf.float64), tf.float32), tf.float64)
    share = tf.cast(tf.cast(saturation, tf.float32) / 255.0, tf.float64)
    whole = tf.cast(value, tf.float64)
    least, falling, rising = (tf.cast(tf.floor(whole * (1.0 - share * part) + 0.5), tf.float32)
                              for part in (1.0, rest, 1.0 - rest))
    place = place % 6
    choices = ((value, rising, least), (falling, value, least), (least, value, rising), (least, falling, value),
               (rising, least, value), (value, least, falling))
    planes = []
    for colour in range(3):
        plane = choices[0][colour]
        for number, choice in enumerate(choices[1:], start=1):
            plane = tf.where(place == number, choice[colour], plane)
        planes.append(plane)
    return tf.stack(planes, axis=-1)
