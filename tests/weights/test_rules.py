"""What a name rule says of names."""

from tfwsss.weights.rules import LAYOUTS, Network, Rule


def test_a_rule_speaks_of_whole_names():
    rule = Rule(r"(conv\d)\.weight", (r"\1/kernel", r"copy/\1"), "kernel")
    assert rule.places("conv1.weight") == ("conv1/kernel", "copy/conv1") and rule.layout in LAYOUTS
    assert rule.places("x.conv1.weight") is None and rule.places("conv1.weights") is None


def test_reasons_for_staying_fresh_are_found_by_the_end_of_a_path():
    network = Network((), ((r"fc8/.*", "trained anew"),))
    assert network.why_fresh("model/fc8/kernel") == network.why_fresh("fc8/bias") == "trained anew"
    assert network.why_fresh("fc7/kernel") is None and network.rule_for("a") is None
