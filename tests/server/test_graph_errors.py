"""No name of a node reaches a client, whatever an operation says."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.local_server import photo
from tfwsss.server.graph_errors import plain_words

HEAD = "Graph execution error:\n\nDetected at node cond/DecodePng defined at (most recent call last):\n" \
       "<stack traces unavailable>\n"
TAIL = "\n\t [[{{function_node __inference_<lambda>_51}}{{node Assert/Assert}}]] [Op:__inference_wrapper_63]"


@pytest.mark.parametrize(("message", "words"), [
    (f"{HEAD}Invalid PNG data, size 18{TAIL}", "Invalid PNG data, size 18"),
    ("Invalid PNG data, size 18\n\t [[{{node cond/DecodePng}}]] [Op:__inference_w_63]", "Invalid PNG data, size 18"),
    (f"{HEAD}assertion failed: [image of] [3] [x] [4] [pixels: over] [5]{TAIL}", "image of 3 x 4 pixels: over 5"),
    (f"{{{{function_node __inference_f_9}}}} assertion failed: [no image]{TAIL}", "no image"),
    (f"{HEAD}assertion failed: [one image, received] [2] [; \\'batch\\' takes several]{TAIL}",
     "one image, received 2 ; 'batch' takes several"),
    (f"{HEAD}assertion failed: [tags are one row, received] [[1 2 0][0 0 1]]{TAIL}",
     "tags are one row, received [1 2 0][0 0 1]"),
    ("2 root error(s) found.\n  (0) INVALID_ARGUMENT:  Invalid JPEG data, size 9\n\t [[{{node a/b}}]]\n\t [[c/_12]]\n"
     "  (1) INVALID_ARGUMENT:  other\n", "Invalid JPEG data, size 9"),
    (f"{HEAD}Incompatible shapes: [8] vs. [0,65,65,3]{TAIL}", "Incompatible shapes: [8] vs. [0,65,65,3]"),
    ("OOM when allocating tensor with shape[9] on /job:localhost/device:CPU:0 by allocator cpu", None),
    ("{{function_node __wrapped__Reshape_device_/job:localhost}} Input to reshape has 3 values [Op:Reshape]",
     "Input to reshape has 3 values"), ("", None), ("Node: 'model/conv/Relu'", None), ("x{{node a}}", None)])
def test_words(message, words):
    found = plain_words(tf.errors.InvalidArgumentError(None, None, message))
    assert found == (words or "the model does not take these inputs (InvalidArgument)")


def image_and(x):
    return tf.io.decode_png(photo()[:60]) + tf.cast(x[0], tf.uint8)


@pytest.mark.parametrize("graph", [
    lambda x: tf.gather(x, [99]), lambda x: x + tf.zeros([tf.size(x) + 1]), lambda x: tf.ensure_shape(x, [7]),
    lambda x: x[99], image_and, lambda x: tf.io.decode_jpeg(tf.strings.as_string(x)[0]),
    lambda x: tf.strings.to_number(tf.strings.join([tf.strings.as_string(x), "x"])),
    lambda x: tf.linalg.inv(tf.reshape(x, [1, -1])), lambda x: tf.debugging.check_numerics(x / 0, "sum"),
    lambda x: tf.map_fn(lambda one: tf.gather(x, tf.cast(one, tf.int32) + 3), x)])
def test_errors_as_tensorflow_words_them(graph):
    """In a function inside a function, as SavedModels call theirs."""
    inner = tf.function(graph, autograph=False)
    outer = tf.function(lambda x: inner(x), autograph=False, input_signature=[tf.TensorSpec([None])])
    with pytest.raises(tf.errors.OpError) as caught:
        outer(np.float32([1, 2, 3]))
    words = plain_words(caught.value)
    assert words and "\n" not in words and not any(part in words for part in ("{{", "[[", "[Op", "__", "/job", "/"))
