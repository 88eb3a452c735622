"""What the tests of stages let worker processes do: apart, so that those need not load TensorFlow."""

import os
import threading
import time

import numpy as np

from tests.support.patience import PATIENCE, until
from tfwsss.runs.stage import Context, Stage, refine
from tfwsss.settings.sections import Settings

DYING = "TFWSSS_TEST_DYING"     # the mean of the image at which a worker ends
NOTE = "TFWSSS_TEST_NOTE"       # the file in which a worker notes its process
ALONE = Context(workers=1)


class Threshold(Settings):
    """A setting of a refinement."""

    threshold: int = 100


def bright(image, labels, *, threshold):
    """Marks bright pixels with the image's first class: a refinement, at module level for other processes."""
    return np.where(image.mean(-1) > threshold, labels[0] + 1, 0).astype(np.uint8)


def dying(image, *, threshold):
    """Ends its process, as the system does when memory is short, at an image of this mean."""
    if float(os.environ[DYING]) == image.mean():
        os._exit(9)
    return (image[..., 0] > threshold).astype(np.uint8)


def clumsy(image, *, threshold):
    """Has a defect of its own."""
    raise ZeroDivisionError("a defect")


def best_plane(scores, saliency, *, threshold):
    """Reads what an earlier stage wrote."""
    return (scores.scores.max(0).repeat(4, 0).repeat(4, 1) * saliency > threshold).astype(np.uint8)


def threads(image, *, threshold):
    """Tells how many threads linear algebra may use."""
    return np.full(image.shape[:2], int(os.environ["OMP_NUM_THREADS"]), np.uint8)


def waiting(image, *, threshold):
    """Notes its process and works for longer than anybody waits."""
    with open(os.environ[NOTE] + ".part", "w") as file:
        file.write(str(os.getpid()))
    os.replace(os.environ[NOTE] + ".part", os.environ[NOTE])
    time.sleep(2 * PATIENCE)


def refinement(images, function=bright, arguments=("image", "labels"), needs=()) -> Stage:
    """Returns the stage "out" of masks."""
    return refine("out", images, kind="masks", function=function, settings=Threshold(), arguments=arguments,
                  needs=needs)


def die_while_refining(images, output) -> None:
    """Refines, and ends this process as soon as its worker is at work."""
    def die():
        until(lambda: os.path.isfile(os.environ[NOTE]))
        os._exit(9)

    threading.Thread(target=die, daemon=True).start()
    refinement(images, waiting, ("image",)).work(ALONE, {}, output)
