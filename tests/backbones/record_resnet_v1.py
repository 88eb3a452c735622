"""Writes recorded/torch_resnet_v1.npz with PyTorch: a narrow ResNet as torchvision builds it, its weights and its maps.

    python -m tests.backbones.record_resnet_v1        (with PyTorch 2 installed; the file is kept, so tests need none)
"""

from pathlib import Path

import numpy as np

CHANNELS, UNITS, SIZE = (4, 8, 16, 24, 32), (2, 1, 2, 2), (45, 61)
RECORDED = Path(__file__).resolve().parents[1] / "recorded"


def build(output_stride):
    """Returns torchvision's ResNet of bottlenecks (v1.5), strides replaced by dilation as it does."""
    import torch
    from torch import nn

    class Bottleneck(nn.Module):
        def __init__(self, inputs, outputs, stride, dilation, project):
            super().__init__()
            narrow = outputs // 4
            self.conv1, self.bn1 = nn.Conv2d(inputs, narrow, 1, bias=False), nn.BatchNorm2d(narrow)
            self.conv2 = nn.Conv2d(narrow, narrow, 3, stride, dilation, dilation, bias=False)
            self.bn2 = nn.BatchNorm2d(narrow)
            self.conv3, self.bn3 = nn.Conv2d(narrow, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                                            nn.BatchNorm2d(outputs)) if project else None

        def forward(self, x):
            y = torch.relu(self.bn1(self.conv1(x)))
            y = torch.relu(self.bn2(self.conv2(y)))
            start = x if self.downsample is None else self.downsample(x)
            return torch.relu(self.bn3(self.conv3(y)) + start)

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, CHANNELS[0], 7, 2, 3, bias=False), nn.BatchNorm2d(CHANNELS[0])
            self.pool, self.dilation, inputs = nn.MaxPool2d(3, 2, 1), 1, CHANNELS[0]
            for stage, (count, outputs) in enumerate(zip(UNITS, CHANNELS[1:], strict=True), 1):
                stride = 1 if stage == 1 else 2
                dilate = stride == 2 and 2 ** (stage + 1) > output_stride
                before = self.dilation
                if dilate:
                    self.dilation, stride = self.dilation * stride, 1
                units = [Bottleneck(inputs, outputs, stride, before, True)]
                units += [Bottleneck(outputs, outputs, 1, self.dilation, False) for _ in range(count - 1)]
                self.add_module(f"layer{stage}", nn.Sequential(*units))
                inputs = outputs

        def forward(self, image):
            mean, deviation = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
            x = self.pool(torch.relu(self.bn1(self.conv1((image / 255 - mean) / deviation))))
            return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    return ResNet().eval()


def main():
    """Writes the file."""
    import torch

    torch.manual_seed(0)
    state = build(32).state_dict()
    random = np.random.default_rng(0)
    for name, value in state.items():
        if value.dtype.is_floating_point:
            scales = name.endswith(("running_var", "bn1.weight", "bn2.weight", "bn3.weight"))
            low, high = (0.5, 1.5) if scales else (-0.5, 0.5)
            value.copy_(torch.from_numpy(random.uniform(low, high, tuple(value.shape)).astype(np.float32)))
    image = random.integers(0, 256, (1, *SIZE, 3)).astype(np.float32)
    found = {"image": image, **{f"state.{name}": value.numpy().copy() for name, value in state.items()}}
    for stride in (8, 16, 32):
        model = build(stride)
        model.load_state_dict(state)
        with torch.no_grad():
            maps = model(torch.from_numpy(image.transpose(0, 3, 1, 2)))
        found[f"maps.{stride}"] = maps.numpy().transpose(0, 2, 3, 1)
    np.savez_compressed(RECORDED / "torch_resnet_v1.npz", **found)


if __name__ == "__main__":
    main()
