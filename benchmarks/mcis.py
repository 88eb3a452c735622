"""Seconds of MCIS' training step beside PyTorch, and images a second of its class maps; one process, all cores.

    python benchmarks/mcis.py [--repeats 3] [--sides 321 256] [--batch 2] [--width 1] [--no-maps]

A step is that of pairs with the three other views of the first image, VGG-16, all ten terms of the loss, gradients of
everything, and the optimiser. PyTorch (CPU; `pip install torch`, left out where it is missing) does the same arithmetic
as the release does: each of the four pairs takes its two images through the trunk, so that the first image passes four
times. Both see the same noise; the step's loss from equal weights is not compared here but in tests. Steps of both take
turns, so that a machine that slows down slows both.

Class maps are those of one photograph with three references of one class, whose features are kept, and three views of
itself. The floor is operations over rate: two a multiply-add, over the rate of a large matrix product on this machine.
"""

import argparse
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from turns import imported_torch, rate, walls  # noqa: E402

from tfwsss.backbones.vgg16 import BLOCKS, vgg16  # noqa: E402
from tfwsss.inference.decide.co_attention import merged_maps  # noqa: E402
from tfwsss.inference.see import Seer  # noqa: E402
from tfwsss.models.mcis import HEADS, MCIS, VIEWS  # noqa: E402
from tfwsss.steps.co_attention_maps import CoAttentionSettings, co_attention_networks  # noqa: E402
from tfwsss.training.optimizers import SGD  # noqa: E402

CLASSES = 20
TRUNK = 32.739e9 / 256**2                   # multiply-adds a pixel
CHANNELS, SIDE, REFERENCES = 512, 256, 3
RANDOM = np.random.default_rng(0)


def sides_of(side: int) -> dict[str, int]:
    return {"mirrored": side, "smaller": int(0.75 * side), "larger": 2 * side}


def batch(side: int, count: int) -> tuple[dict, dict]:
    """Pairs of noise: classes 0 and 1, and class 0."""
    x = {view: RANDOM.uniform(0, 255, (count, length, length, 3)) for view, length in sides_of(side).items()}
    x["image"] = RANDOM.uniform(0, 255, (count, 2, side, side, 3))
    labels = np.zeros((count, 2, CLASSES), "float32")
    labels[:, :, 0] = labels[:, 0, 1] = 1
    return {key: np.float32(value) for key, value in x.items()}, {"labels": labels}


def our_step(x: dict, y: dict, width: float):
    model = MCIS(vgg16(form="mcis", width=width), CLASSES)
    rule = SGD(1e-3, coupled_decay=5e-4, decayed=("*",), multipliers={**dict.fromkeys(HEADS, 10), "bias": 2},
               nesterov=True, rate_outside=True)
    model.compile(rule, jit_compile=False)
    return lambda: model.train_on_batch(x, y)


def torch_network(torch, width: float):
    """Trunk, class layer and co-attention, each image once in every pair."""
    nn = torch.nn

    def convolution(inner: int, outer: int, dilation: int = 1) -> list:
        return [nn.Conv2d(inner, outer, 3, padding=dilation, dilation=dilation), nn.ReLU(inplace=True)]

    layers, channels = [], 3
    for block, (outer, count) in enumerate(BLOCKS):
        outer = max(1, round(outer * width))
        if block:
            layers.append(nn.MaxPool2d(2, 2) if block < 4 else nn.MaxPool2d(3, 1, 1))
        for _ in range(count):
            layers += convolution(channels, outer, 2 if block == 4 else 1)
            channels = outer
    for _ in range(3):
        layers += convolution(channels, channels)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk, self.last = nn.Sequential(*layers), nn.Conv2d(channels, CLASSES, 1)
            self.linear, self.gate = nn.Linear(channels, channels, bias=False), nn.Conv2d(channels, 1, 1, bias=False)
            self.shared = nn.Conv2d(channels, CLASSES, 1, bias=False)

        def forward(self, one, other):
            first, second = self.trunk(one), self.trunk(other)
            scores = [self.last(x).mean((2, 3)) for x in (first, second)]
            flat = [x.flatten(2) for x in (first, second)]                                   # (batch, channel, cell)
            pair = torch.bmm(self.linear(flat[0].transpose(1, 2)), flat[1])                  # (batch, i, j)
            of_second = torch.bmm(flat[0], torch.softmax(pair, 1)).view_as(second)
            of_first = torch.bmm(flat[1], torch.softmax(pair.transpose(1, 2), 1)).view_as(first)
            common = [self.shared(x).mean((2, 3)) for x in (of_first, of_second)]
            rest = [self.shared(x * (1 - torch.sigmoid(self.gate(read)))).mean((2, 3))
                    for x, read in ((first, of_first), (second, of_second))]
            return scores, common, rest

    return Network()


def torch_step(torch, x: dict, y: dict, width: float):
    """The release's step: four pairs, all terms, Nesterov's rule of PyTorch."""
    network, cost = torch_network(torch, width), torch.nn.functional.multilabel_soft_margin_loss
    rule = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4, nesterov=True)

    def tensor(image):
        return torch.from_numpy(np.ascontiguousarray(np.moveaxis((image - 116) / 58, -1, 1), "float32"))

    first, second = tensor(x["image"][:, 0]), tensor(x["image"][:, 1])
    views, labels = [tensor(x[view]) for view in VIEWS], torch.from_numpy(y["labels"])
    one, other = labels[:, 0], labels[:, 1]
    both, twice, shared = torch.cat([one, other]), torch.cat([one, one]), one * other

    def step():
        rule.zero_grad()
        scores, common, rest = network(first, second)
        loss = cost(torch.cat(scores), both) + cost(torch.cat(common), torch.cat([shared, shared]))
        for view in views:
            scores, common, _ = network(first, view)
            loss = loss + cost(torch.cat(scores), twice) + cost(torch.cat(common), twice)
        for found, own in zip(rest, (one, other), strict=True):
            if (own > shared).any():                                     # the pairs with views left `rest` as it was
                loss = loss + cost(found, own - shared)
        loss.backward()
        rule.step()
        return loss.item()

    return step


def training(sides: list[int], count: int, width: float, repeats: int) -> dict:
    torch, result = imported_torch(), {}
    print(f"{'training step':<28} {'seconds':>9} {'PyTorch':>9} {'ratio':>7}")
    for side in sides:
        x, y = batch(side, count)
        calls = {"ours": our_step(x, y, width), **({"torch": torch_step(torch, x, y, width)} if torch else {})}
        taken = walls(calls, repeats)
        ratio = taken["ours"] / taken["torch"] if torch else None
        beside = f"{taken['torch']:>9.3f} {ratio:>7.3f}" if torch else f"{'-':>9} {'-':>7}"
        print(f"{f'{count} pairs of {side} pixels':<28} {taken['ours']:>9.3f} {beside}", flush=True)
        result[f"step_{side}"] = {name: round(value, 4) for name, value in taken.items()} | (
            {"ratio": round(ratio, 4)} if ratio else {})
        del calls
        keras.utils.clear_session()
    return result


def map_work() -> float:
    """Multiply-adds of the class maps of one image: its views through the trunk, and all pairs."""
    cells = (SIDE // 8) ** 2
    others = {view: (length // 8) ** 2 for view, length in sides_of(SIDE).items()}
    pairs = sum(others.values()) + REFERENCES * cells
    pixels = SIDE**2 + sum(length**2 for length in sides_of(SIDE).values())
    return TRUNK * pixels + CHANNELS * cells * (pairs + CHANNELS)


def maps(width: float, repeats: int) -> dict:
    fastest, model = rate()[0], MCIS(vgg16(form="mcis", width=width), CLASSES)
    networks = co_attention_networks(model, CoAttentionSettings(side=SIDE))
    seers = [Seer(*look) for look in networks.looks]
    image = RANDOM.integers(0, 256, (1, 375, 500, 3)).astype("uint8")
    references = tf.repeat(Seer(*networks.features)(image)["features"][None], REFERENCES, axis=1)
    merge = tf.function(lambda seen: merged_maps(networks.pairs, seen, references, tf.constant([0])), autograph=False)

    def call():
        seen = {key: each[0] for seer in seers for key, each in seer(image).items() if key != "cam"}
        merge(seen).numpy()

    taken, floor = walls({"maps": call}, repeats)["maps"], map_work() * width**2 / fastest
    print(f"class maps, {REFERENCES} references of one class, {SIDE} pixels: {1 / taken:.3f} images/s ({taken:.3f} s); "
          f"floor {floor:.3f} s at {fastest / 1e9:.0f} G multiply-adds a second")
    return {"maps": round(taken, 4), "maps_floor": round(floor, 4), "images_per_second": round(1 / taken, 4)}


def main():
    parser = argparse.ArgumentParser(description="MCIS: training step beside PyTorch, class maps beside their floor.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sides", type=int, nargs="*", default=[321, 256])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--width", type=float, default=1.0, help="factor of the channels, to try this program out")
    parser.add_argument("--no-maps", action="store_true")
    settings = parser.parse_args()
    result = training(settings.sides, settings.batch, settings.width, settings.repeats)
    if not settings.no_maps:
        result |= maps(settings.width, settings.repeats)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
