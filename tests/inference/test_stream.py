"""Images in batches of one size, and work by threads: order, faults, and how far they run ahead."""

import itertools
import threading

import numpy as np
import pytest

from tests.support.whole_images import pictures, written
from tfwsss.errors import ImageFault
from tfwsss.inference import stream
from tfwsss.inference.stream import batches_by_size, in_threads, try_each

WIDE, TALL = (4, 6), (6, 4)


def image_set(folder, sizes):
    return written(folder, [pictures(1, size, seed)[0] for seed, size in enumerate(sizes)])


def test_batches_have_one_size_and_every_image_comes_once(tmp_path):
    images = image_set(tmp_path, [WIDE, TALL, WIDE, WIDE, TALL, (1, 1), WIDE])
    found = list(batches_by_size(images, images.names, lambda size: 2))
    assert sorted(name for names, _ in found for name in names) == sorted(images.names)
    for names, batch in found:
        assert batch.shape[0] == len(names) <= 2 and batch.dtype == np.uint8
        for name, image in zip(names, batch, strict=True):
            np.testing.assert_array_equal(image, images.read_image(name))
    assert [names for names, _ in found][:2] == [["image 0", "image 2"], ["image 1", "image 4"]]    # as they fill up


def test_images_of_one_size_keep_their_order(tmp_path):
    images = image_set(tmp_path, [WIDE] * 7)
    found = [names for names, _ in batches_by_size(images, images.names, lambda size: 3)]
    assert found == [["image 0", "image 1", "image 2"], ["image 3", "image 4", "image 5"], ["image 6"]]


def test_how_many_come_together_is_asked_by_size(tmp_path):
    images = image_set(tmp_path, [WIDE, TALL] * 3)
    found = list(batches_by_size(images, images.names, {WIDE: 3, TALL: 1}.get))
    assert sorted(len(names) for names, _ in found) == [1, 1, 1, 3]


def test_the_fullest_batch_goes_first(tmp_path):
    """A large size of which one image fills a batch does not wait for many small ones."""
    images = image_set(tmp_path, [WIDE, WIDE, TALL, WIDE, TALL, WIDE])
    found = [names for names, _ in batches_by_size(images, images.names, {WIDE: 3, TALL: 1}.get)]
    assert found == [["image 2"], ["image 0", "image 1", "image 3"], ["image 4"], ["image 5"]]


def test_what_cannot_be_read_is_a_fault_of_its_own(tmp_path):
    images = image_set(tmp_path, [WIDE] * 4)
    images.images["image 1"].write_bytes(b"no image")
    images.images["image 2"].unlink()
    found = list(batches_by_size(images, images.names, lambda size: 9))
    faults = {names[0]: batch for names, batch in found if isinstance(batch, ImageFault)}
    assert set(faults) == {"image 1", "image 2"} and str(images.images["image 1"]) in str(faults["image 1"])
    assert [names for names, batch in found if not isinstance(batch, ImageFault)] == [["image 0", "image 3"]]


def test_nothing_to_read_gives_nothing(tmp_path):
    images = image_set(tmp_path, [WIDE])
    assert list(batches_by_size(images, (), lambda size: 2)) == [] and list(in_threads(abs, ())) == []


class Counted:
    """Images whose readings are counted."""

    def __init__(self, images):
        self.images, self.read, self.lock = images, 0, threading.Lock()

    def read_image(self, name):
        with self.lock:
            self.read += 1
        return self.images.read_image(name)


@pytest.mark.parametrize(("limit", "value", "held"), [("_AHEAD", 5, 5), ("AHEAD_PIXELS", 4 * 24, 4)])
def test_reading_ahead_is_bounded_by_images_and_by_pixels(tmp_path, monkeypatch, limit, value, held):
    """Where no size ever fills a batch; two threads read four more, and one is taken from the list."""
    monkeypatch.setattr(stream, limit, value)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    images = image_set(tmp_path, [WIDE, TALL] * 20)
    counted, given = Counted(images), 0
    for names, _ in batches_by_size(counted, images.names, lambda size: 100):
        assert counted.read <= given + held + 2 * 2 + 1
        given += len(names)
    assert given == counted.read == 40


def test_results_come_in_the_order_of_the_items():
    """Although the first is the last to be done."""
    done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert done.wait(60)
        if item == 3:
            done.set()
        return -item

    assert list(in_threads(work, range(30), workers=2 + 2)) == [-item for item in range(30)]


def test_items_are_worked_on_by_other_threads():
    seen = set(in_threads(lambda item: threading.get_ident(), range(20), workers=3))
    assert threading.get_ident() not in seen and 1 <= len(seen) <= 3


@pytest.mark.parametrize("workers", [1, 3])
def test_no_more_than_two_items_a_thread_are_taken_ahead(workers):
    taken = []
    items = (taken.append(item) or item for item in range(100))
    for given, item in enumerate(in_threads(lambda item: item, items, workers), 1):
        assert item == given - 1 and len(taken) - given <= 2 * workers
    assert len(taken) == 100


def test_images_that_cannot_be_used_are_told_beside_the_others():
    """In their order; what is no fault of an image is raised."""
    def work(name: str) -> int:
        if name == "torn":
            raise ImageFault("torn.png: cannot be read")
        return 6 // len(name)

    (first, one), (second, fault), (third, two) = try_each(work, ["cow", "torn", "ox"])
    assert (first, one, second, third, two) == ("cow", 2, "torn", "ox", 3)
    assert isinstance(fault, ImageFault) and str(fault) == "torn.png: cannot be read"
    with pytest.raises(ZeroDivisionError):
        list(try_each(work, ["cow", ""]))


def test_a_defect_in_the_work_is_raised_where_its_result_is_due():
    def work(item: int) -> float:
        return 1 / (3 - item)

    found = in_threads(work, range(9), workers=2)
    assert [next(found) for _ in range(3)] == [1 / 3, 1 / 2, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_who_stops_asking_leaves_no_thread_behind():
    threads = set()
    found = in_threads(lambda item: threads.add(threading.current_thread()), itertools.count(), workers=2)
    next(found)
    found.close()
    assert threads and not any(thread.is_alive() for thread in threads)
