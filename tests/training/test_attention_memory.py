import numpy as np
import pytest

from tests.support.arrays import recorded
from tfwsss.errors import ImageFault, UserError
from tfwsss.training.attention_memory import AttentionMemory


def visits(memory, numbers):
    data = recorded("mcis_oaa_accumulate")
    for visit in numbers:
        memory.visit("cow 1", data[f"scores_{visit}"][0].transpose(1, 2, 0), data[f"prob_{visit}"][0], [4, 14],
                     mirrored=bool(data[f"flip_{visit}"]))


def expected(label, rule="MAX"):
    return recorded("mcis_oaa_accumulate")[f"{rule}_memory_3_class{label}"]


@pytest.mark.parametrize(("rule", "layer"), [("max", "MAX"), ("mean", "AVE"), ("harmonic", "HARM")])
def test_memory_of_the_released_layers(rule, layer):
    memory = AttentionMemory(rule)
    visits(memory, range(4))
    for label in (4, 14):
        np.testing.assert_array_equal(memory.get("cow 1", label), expected(label, layer))
    assert len(memory) == 2 and memory.get("cow 1", 3) is None and memory.get("cow", 4) is None


@pytest.mark.parametrize("rule", ["max", "mean", "harmonic"])
def test_a_training_that_was_cut_off_goes_on_as_if_it_had_not(tmp_path, rule):
    whole, first, second = (AttentionMemory(rule, start=2) for _ in range(3))
    visits(whole, range(4))
    visits(first, range(2))
    first.save(tmp_path / "deep" / "memory.npz")
    second.load(tmp_path / "deep" / "memory.npz")
    visits(second, range(2, 4))
    assert second.seen == whole.seen == 4 and len(second) == len(whole)
    for label in (4, 14):
        np.testing.assert_array_equal(second.get("cow 1", label), whole.get("cow 1", label))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["memory.npz"]


def test_visits_before_the_start_leave_nothing():
    memory = AttentionMemory(start=3)
    visits(memory, range(2))
    assert len(memory) == 0 and memory.seen == 2
    visits(memory, range(2, 4))
    assert len(memory) == 2


def test_maps_of_many_sizes_and_nothing_at_all_are_kept(tmp_path):
    empty, memory = AttentionMemory(quantised=False), AttentionMemory(quantised=False)
    empty.save(tmp_path / "a.npz")
    memory.load(tmp_path / "a.npz")
    assert len(memory) == 0
    random, maps = np.random.default_rng(0), {}
    for place, size in enumerate([(3, 4), (1, 1), (5, 2)]):
        maps[f"ü {place}"] = random.normal(size=(*size, 2)).astype("float32")
        memory.visit(f"ü {place}", maps[f"ü {place}"], np.array([0.6, 0.6]), [0, 1])
    memory.save(tmp_path / "a.npz")
    empty.load(tmp_path / "a.npz")
    assert len(empty) == 6
    for name in maps:
        for label in (0, 1):
            np.testing.assert_array_equal(empty.get(name, label), memory.get(name, label))
            assert empty.get(name, label).dtype == np.float32


def test_the_last_epoch_takes_what_was_never_taken():
    memory = AttentionMemory("plain_max", "top")
    scores, probabilities = np.float32([[[1.0, 4.0]]]), np.array([0.2, 0.9])
    assert memory.visit("cow", scores, probabilities, [0]) == ()
    assert memory.visit("cow", scores, probabilities, [0], last=True) == (0,)
    assert memory.visit("cow", scores, probabilities, [0], last=True) == ()
    assert memory.get("cow", 0).tolist() == [[255]]


def test_the_latest_map_that_was_taken_is_kept_for_itself(tmp_path):
    memory, plain = AttentionMemory("plain_max", "probable", latest=True), AttentionMemory("plain_max", "probable")
    for peak, probability in ((0, 0.9), (1, 0.8), (2, 0.0)):                           # the third is not taken
        scores = np.float32([[[0.2 + 3 * (place == peak)] for place in range(3)]])
        for each in (memory, plain):
            each.visit("cow", scores, np.array([probability]), [0], mirrored=peak == 1)
    assert memory.get("cow", 0).tolist() == plain.get("cow", 0).tolist() == [[255, 255, 16]]
    assert memory.get_latest("cow", 0).tolist() == [[16, 255, 16]] and plain.get_latest("cow", 0) is None
    assert memory.num_bytes == 2 * plain.num_bytes == 6
    memory.save(tmp_path / "a.npz")
    again = AttentionMemory("plain_max", "probable", latest=True)
    again.load(tmp_path / "a.npz")
    assert again.get_latest("cow", 0).tolist() == [[16, 255, 16]] and again.num_bytes == 6


def test_a_finished_stage_is_read_under_its_own_settings(tmp_path):
    memory = AttentionMemory("harmonic", "top", start=2, quantised=False)
    visits(memory, range(4))
    memory.save(tmp_path / AttentionMemory.FILE)
    again = AttentionMemory.read(tmp_path)
    assert (again.rule, again.accept, again.start, again.quantised) == ("harmonic", "top", 2, False)
    np.testing.assert_array_equal(again.get("cow 1", 14), memory.get("cow 1", 14))
    with pytest.raises(ImageFault, match="no such file"):
        AttentionMemory.read(tmp_path / "nowhere")


def test_faults_are_told(tmp_path):
    memory = AttentionMemory()
    memory.visit("cow", np.ones((2, 3, 1), "float32"), np.ones(1), [0])
    with pytest.raises(UserError, match=r"maps of 'cow' had \(2, 3\) positions, now \(3, 2\)"):
        memory.visit("cow", np.ones((3, 2, 1), "float32"), np.ones(1), [0])
    memory.save(tmp_path / "a.npz")
    with pytest.raises(UserError, match="gathered by .*'max'.*expected .*'mean'"):
        AttentionMemory("mean").load(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_bytes(b"PK broken")
    for name in ("a.npz", "b.npz"):
        with pytest.raises(ImageFault):
            memory.load(tmp_path / name)
    assert len(memory) == 1
