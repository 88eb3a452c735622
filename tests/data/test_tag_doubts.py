"""What may not be the classes that were meant is refused."""

from pathlib import Path

import pytest

from tfwsss.data.tag_doubts import Tag, check_alike, check_apart, check_plain
from tfwsss.errors import UserError

PATH = Path("labels.csv")


def tags(*cells, sure=False, quoted=False):
    return [[Tag(line, text, sure, quoted) for text in cell.split(",")] for line, cell in enumerate(cells, 2)]


@pytest.mark.parametrize(("cells", "pair"), [
    (("traffic,sign,car", "car", "traffic,sign"), "traffic sign"), (("polar,bear",), "polar bear"),
    (("traffic,sign", "car,traffic,light", "car"), "traffic light"),               # a first word of two names
    (("stop,sign", "car,traffic,sign", "car"), "stop sign"), (("car", "car,a,b,c"), "a b")])
def test_words_that_never_stand_apart(cells, pair):
    with pytest.raises(UserError, match=f"is '{pair}' one class or two.*never stand apart.*classes.txt"):
        check_apart(PATH, tags(*cells), " ")
    check_apart(PATH, tags(*cells, sure=True), " ")


@pytest.mark.parametrize(("cells", "one", "two"), [
    (("traffic,sign,car", "traffic,sign,pedestrian", "traffic,sign"), "'car', 'pedestrian', 'traffic sign'",
     "'car', 'pedestrian', 'sign', 'traffic'"),
    (("traffic,light,car", "dog", "polar,bear", "traffic,light"), "'car', 'dog', 'polar bear', 'traffic light'",
     "'bear', 'car', 'dog', 'light', 'polar', 'traffic'"),
    (("stop,sign", "car,traffic,sign", "car"), "'car', 'stop sign', 'traffic sign'",
     "'car', 'sign', 'stop', 'traffic'"),
    (("car", "car,a,b,c"), "'a b', 'c', 'car'", "'a', 'b', 'c', 'car'")])
def test_the_list_of_classes_that_says_it_is_told(cells, one, two):
    with pytest.raises(UserError, match=f"stand apart. If one, write a classes.txt with the lines {one}; if two, with "
                                        f"{two}; or separate classes by ;"):
        check_apart(PATH, tags(*cells), " ")


@pytest.mark.parametrize("cells", [
    ("cat,dog", "dog", "cat"), ("cat,dog", "dog,cat"), ("cat,dog", "cat"), ("horse,person", "person,dog", "dog"), ()])
def test_words_that_do(cells):
    check_apart(PATH, tags(*cells), " ")


@pytest.mark.parametrize(("cells", "words"), [
    (("cat", "none"), "line 3: is 'none' a class. Leave the cell empty"), (("1", "0"), "is '0' a class"),
    (("cat", "-"), "'-' is an odd name"), (("[cat", "dog"), "odd name"),
    (("cat dog", "cat", "dog"), "is 'cat dog' one"),
    (("dog and bird", "dog"), "is 'dog and bird' one class"), (("cat/dog", "dog"), "Parts of it are classes"),
    (("cat:", "dog"), "'cat:' is an odd name"), (("dog", "*cat"), "odd name"),
    (("cat: dog", "cat"), "is 'cat: dog' one"),
    (("cat_dog", "cat", "dog"), "is 'cat_dog' one class"), (("cat=dog", "dog"), "Parts of it are classes")])
def test_names_that_are_hardly_any(cells, words):
    with pytest.raises(UserError, match=words):
        check_plain(PATH, tags(*cells, sure=True))
    check_plain(PATH, tags(*cells, sure=True, quoted=True))


def test_plain_names_pass():
    names = ("cat", "polar bear", "tv/monitor", "bird's nest", "жук", "7", "traffic_light", "traffic")
    check_plain(PATH, tags(*names, sure=True))


@pytest.mark.parametrize("other", ["Cat", "CAT"])
def test_capitals_are_no_other_class(other):
    with pytest.raises(UserError, match=f"'cat' on line 2 and '{other}' on line 4 would be two classes"):
        check_alike(PATH, tags("cat", "dog", other))


def test_spaces_hyphens_and_underscores_are_no_other_class():
    with pytest.raises(UserError, match="'traffic sign' on line 2 and 'traffic_sign' on line 3"):
        check_alike(PATH, tags("traffic sign", "traffic_sign"))
    check_alike(PATH, tags("cat", "cats", "cat"))
