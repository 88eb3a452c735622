import numpy as np
import pytest

from tests.support.arrays import recorded
from tfwsss.errors import UserError
from tfwsss.refine.accumulation import RULES, accepted, accumulate, gathered_bytes

LAYERS = {"max": "MAX", "mean": "AVE", "harmonic": "HARM"}
LABELS = (4, 14)


def visits():
    """Yields what the released layers saw: maps not mirrored, and the probabilities."""
    data = recorded("mcis_oaa_accumulate")
    for visit in range(4):
        scores = data[f"scores_{visit}"][0]
        yield visit, scores[:, :, ::-1] if data[f"flip_{visit}"] else scores, data[f"prob_{visit}"][0]


def gathered(rule, join=accumulate):
    """Returns (visit, class) -> memory, after the four recorded visits."""
    memory, counts, found = {}, dict.fromkeys(LABELS, 0), {}
    for visit, scores, probabilities in visits():
        for label in accepted(probabilities, LABELS):
            memory[label] = join(scores[label], memory.get(label), counts[label], rule)
            counts[label] += 1
        found |= {(visit, label): kept for label, kept in memory.items()}
    return found


def differing(rule, found) -> int:
    data = recorded("mcis_oaa_accumulate")
    return sum(int(np.sum(found[visit, label] != data[f"{LAYERS[rule]}_memory_{visit}_class{label}"]))
               for visit in range(4) for label in LABELS)


@pytest.mark.parametrize("rule", LAYERS)
def test_memory_as_recorded_to_the_last_pixel(rule):
    assert differing(rule, gathered(rule)) == 0


def in_one_precision(kind):
    """The rules with every number of one precision."""
    def stretched(x):
        return (x - x.min()) / (x.max() - x.min() + kind(1e-8))

    def join(scores, memory, count, rule):
        new = stretched(np.maximum(scores.astype(kind), 0))
        if memory is None:
            return (new * kind(255)).astype(np.uint8)
        old = memory.astype(kind) / kind(255)
        mean, largest = (old * kind(count) + new) / kind(count + 1), np.maximum(stretched(old), new)
        harmonic = kind(3) / (kind(1) / (stretched(mean) + kind(1e-8)) + kind(2) / (largest + kind(1e-8)))
        return ({"max": largest, "mean": mean, "harmonic": harmonic}[rule] * kind(255)).astype(np.uint8)
    return join


@pytest.mark.parametrize(("kind", "wrong"), [(np.float32, {"max": 34, "mean": 0, "harmonic": 5}),
                                             (np.float64, {"max": 38, "mean": 7, "harmonic": 13})])
def test_the_record_tells_the_precisions_apart(kind, wrong):
    """New maps in float32 and the memory in doubles: either alone misses by these numbers of pixels."""
    assert {rule: differing(rule, gathered(rule, in_one_precision(kind))) for rule in LAYERS} == wrong


def test_a_visit_whose_class_is_beaten_leaves_the_memory_as_it_was():
    found = gathered("max")
    np.testing.assert_array_equal(found[0, 14], found[2, 14])
    assert found[0, 14].max() == 255 and found[3, 14].max() == 255 and found[3, 14][1, 0] == 254


def test_rank_lets_equals_in_and_top_the_lower_label_only():
    probabilities = np.array([0.1, 0.7, 0.7, 0.3])
    assert accepted(probabilities, [2]) == (2,) and accepted(probabilities, [2], "top") == ()
    assert accepted(probabilities, [1], "top") == (1,) and accepted(probabilities, [3, 0]) == ()
    assert accepted(probabilities, [0, 3], "probable") == (0, 3)
    assert accepted(np.array([0.05, 0.2]), [0], "probable") == ()


def test_the_program_for_pytorch_keeps_the_minimum_rounds_and_does_not_stretch():
    first = accumulate(np.float32([[1.0, 2.0, -3.0, 3.0]]), rule="plain_max")
    assert first.tolist() == [[85, 170, 0, 255]]
    later = accumulate(np.float32([[2.0, 1.0, 1.0, 1.0]]), first, 1, "plain_max")
    assert later.tolist() == [[255, 170, 128, 255]]            # 127.5 to the even one
    assert accumulate(np.float32([[0.0, -1.0]]), rule="plain_max").tolist() == [[0, 0]]


@pytest.mark.parametrize("rule", RULES)
def test_constant_maps_and_single_positions_are_no_fault(rule):
    flat = accumulate(np.zeros((2, 3), np.float32), rule=rule)
    assert not flat.any() and not accumulate(np.ones((1, 1), np.float32) * 0, flat[:1, :1], 1, rule).any()


@pytest.mark.parametrize("rule", RULES)
def test_kept_as_float32_it_stays_near_the_bytes(rule):
    random, exact, rough = np.random.default_rng(0), None, None
    for visit in range(3):
        scores = random.normal(size=(6, 7)).astype(np.float32)
        exact, rough = (accumulate(scores, old, visit, rule, kept) for old, kept in ((exact, False), (rough, True)))
    assert exact.dtype == np.float32 and exact.min() >= 0 and exact.max() <= 1
    assert np.abs(exact * 255 - rough).max() < 6


def test_unknown_rules_are_refused():
    with pytest.raises(UserError, match="accumulate by 'sum'; expected one of max"):
        accumulate(np.zeros((1, 1)), rule="sum")
    with pytest.raises(UserError, match="accept is 'all'; expected one of rank"):
        accepted(np.zeros(1), [0], "all")


@pytest.mark.parametrize("rule", RULES)
def test_what_is_kept_at_last_spans_the_bytes_but_of_the_rule_that_never_stretches(rule):
    """In doubles, so that the largest byte is 254 and the smallest 0; bytes and shares say the same."""
    random = np.random.default_rng(0)
    memory = random.integers(20, 200, (6, 7)).astype(np.uint8)
    found = gathered_bytes(memory, rule)
    assert found.dtype == np.uint8
    low, high = int(memory.min()), int(memory.max())
    expected = memory if rule == "plain_max" else np.floor((memory - low) / (high - low + 255e-8) * 255)
    np.testing.assert_array_equal(found, expected)
    away = np.abs(gathered_bytes(memory.astype(np.float32) / 255, rule).astype(int) - found)
    assert away.max() <= 1                                              # a share lies beside a byte's edge
