import pytest

from tfwsss.errors import UserError
from tfwsss.settings import reading
from tfwsss.settings.sections import RunSettings, Settings


class Part(Settings):
    """A section."""

    epochs: int = 20
    rate: float = 1e-3


class Method(RunSettings):
    """Settings of a method with one section."""

    part: Part = Part()


def built(**values) -> Method:
    return reading.build(Method, {"method": "m", **values}, "f.yaml")


@pytest.mark.parametrize(("text", "expected"), [
    ("", {}), ("# nothing\n", {}), ("seed: 3\npart: {epochs: 2}\n", {"seed": 3, "part": {"epochs": 2}}),
    ("data: {root: 'жук/猫'}\n", {"data": {"root": "жук/猫"}})])
def test_yaml_is_a_mapping(tmp_path, text, expected):
    (tmp_path / "f.yaml").write_text(text, encoding="utf-8")
    assert reading.read_yaml(tmp_path / "f.yaml") == expected


@pytest.mark.parametrize(("contents", "words"), [
    (None, "cannot be read .No such file"), (b"a: [1\n", 'not valid YAML in ".*line 2'), (b"a: \xff", "not valid YAML"),
    (b"- 1\n- 2\n", "holds a list; expected keys and values"), (b"seed\n", "holds a str; expected keys"),
    (b"a: !!python/object/apply:os.getcwd []\n", "not valid YAML")])
def test_a_file_that_is_no_mapping(tmp_path, contents, words):
    if contents is not None:
        (tmp_path / "f.yaml").write_bytes(contents)
    with pytest.raises(UserError, match=words):
        reading.read_yaml(tmp_path / "f.yaml")


@pytest.mark.parametrize(("base", "changes", "expected"), [
    ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
    ({"a": {"b": 1}}, {"a": 5}, {"a": 5}), ({"a": 5}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}), ({"a": 1}, {"a": None}, {"a": None})])
def test_changes_win_section_by_section(base, changes, expected):
    before = repr(base)
    assert reading.merge(base, changes) == expected
    assert repr(base) == before


@pytest.mark.parametrize(("texts", "expected"), [
    (["part.epochs=5", "part.rate=0.5"], {"part": {"epochs": 5, "rate": 0.5}}),
    (["part.epochs=5", "part.epochs=6"], {"part": {"epochs": 6}}),
    (["data.root=a=b c"], {"data": {"root": "a=b c"}}), (["data.split="], {"data": {"split": None}}),
    (["devices=[CPU:0, CPU:1]"], {"devices": ["CPU:0", "CPU:1"]}), (["data.split='2012'"], {"data": {"split": "2012"}}),
    (["x=true"], {"x": True})])
def test_single_settings(texts, expected):
    assert reading.parse_sets(texts) == expected


@pytest.mark.parametrize("text", ["part.epochs", "=5", ".epochs=5", "part..epochs=5", "part.=5"])
def test_single_settings_of_a_wrong_form(text):
    with pytest.raises(UserError, match="is not of the form section.key=value"):
        reading.parse_sets([text])


def test_values_that_yaml_misreads_are_numbers():
    """YAML 1.1 takes 1e-3 for a text."""
    assert built(part=reading.parse_sets(["rate=1e-3"])).part.rate == 1e-3


@pytest.mark.parametrize(("values", "words"), [
    ({"part": {"epoch": 5}}, "f.yaml: unknown key 'part.epoch'; did you mean 'part.epochs'?"),
    ({"sede": 5}, "f.yaml: unknown key 'sede'; did you mean 'seed'?"),
    ({"part": {"zzz": 5}}, "f.yaml: unknown key 'part.zzz'; known: epochs, rate"),
    ({"data": {"kind": {"zzz": 5}}}, "f.yaml: 'data.kind' is {'zzz': 5}: input should be"),
    ({"part": {"epochs": 1.5}}, "f.yaml: 'part.epochs' is 1.5: input should be a valid integer"),
    ({"part": None}, "f.yaml: 'part' is None: input should be a valid dictionary"),
    ({"devices": "two"}, "f.yaml: 'devices' is 'two': input should be a valid integer"),
    ({"devices": []}, "'devices' is []: tuple should have at least 1 item"),
    ({"seed": -1}, "f.yaml: 'seed' is -1: input should be greater than or equal to 0"),
    ({"seed": 2**32}, "f.yaml: 'seed' is 4294967296: input should be less than 4294967296"),
    ({"tensorboard": {"profile": [9, 3]}},
     "'tensorboard.profile' is [9, 3]: value error, the first step comes after the last"),
    ({1: 2}, "f.yaml: '1' is 1: keys should be strings")])
def test_values_that_do_not_fit(values, words):
    with pytest.raises(UserError) as caught:
        reading.build(Method, {"method": "m", **values}, "f.yaml")
    assert words in str(caught.value)


def test_all_faults_are_told_at_once():
    with pytest.raises(UserError, match="'part.epochs' is 'x'.*; unknown key 'sede'; did you mean 'seed'"):
        built(part={"epochs": "x"}, sede=1)


@pytest.mark.parametrize(("text", "words"), [
    ("seed=2026-99-99", "'seed' is '2026-99-99': .* integer"), ("seed=" + "9" * 5000, "the value cannot be read"),
    ("seed=0x" + "f" * 5000, "'seed' is a number of over 6,000 digits"),
    ("seed=" + "[" * 3000 + "]" * 3000, "50 levels"),
    ("seed=!!timestamp 2026-99-99", "month must be in"), ("part.rate=.inf", "'part.rate' is inf: .*finite"),
    ("part.rate=.nan", "finite"), ('data.root="a\\0b"', "'data.root' is .* no path holds a zero byte"),
    ('given={x: "a\\0b"}', "no path holds a zero byte"),
    ("part=[" + "1, " * 900 + "]", r"'part' is \[1, 1, .*\.\.\.\]: "),
    ("part." + "k" * 5000 + "=1", "unknown key 'part.kkk"), ("a." * 900 + "b=1", "names 901 keys"),
    ("part.epochs=" + "x" * 5000, "'part.epochs' is 'xxx")])
def test_values_that_cannot_be_are_told_in_one_short_line(text, words):
    with pytest.raises(UserError, match=words) as caught:
        reading.build(Method, reading.merge({"method": "m"}, reading.parse_sets([text])), "--set")
    assert len(str(caught.value)) < 1000 and "\n" not in str(caught.value)


def test_a_file_of_mistakes_names_the_first(tmp_path):
    (tmp_path / "f.yaml").write_text("".join(f"wrong{place}: 1\n" for place in range(3000)))
    with pytest.raises(UserError, match="and 2980 more") as caught:
        reading.build(Method, {"method": "m", **reading.read_yaml(tmp_path / "f.yaml")}, "f.yaml")
    assert len(str(caught.value)) < 5000
    (tmp_path / "f.yaml").write_bytes(b"\xef\xbb\xbfseed: 3\n")                            # with a mark
    assert reading.read_yaml(tmp_path / "f.yaml") == {"seed": 3}
