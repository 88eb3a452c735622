"""SEAM's training step in PyTorch, as `seam.py` compares it: the release's arithmetic on ResNet-38."""

import numpy as np

from tfwsss.backbones.resnet38 import BOTTLENECKS, PLAIN

CLASSES, FEATURES = 20, 192


def torch_trunk(torch, width: float):
    """ResNet-38 with frozen norms; gives the inputs of b5 and b6 and what follows b7, all after norm and ReLU."""
    nn, channels = torch.nn, lambda count: max(1, round(count * width))

    def conv(inner: int, outer: int, kernel: int, stride: int = 1, dilation: int = 1):
        return nn.Conv2d(inner, outer, kernel, stride, dilation * (kernel // 2), dilation, bias=False)

    class Block(nn.Module):
        def __init__(self, inner: int, outer: int, widths: list, strides: list, shortcut: bool, dropout: float):
            super().__init__()
            sizes = [inner, *widths, outer]
            self.norms = nn.ModuleList(nn.BatchNorm2d(size) for size in sizes[:-1])
            self.convolutions = nn.ModuleList(conv(one, two, *how) for one, two, how in
                                              zip(sizes, sizes[1:], strides, strict=False))
            self.short = conv(inner, outer, 1, strides[0][1]) if shortcut else None
            self.drop = nn.Dropout2d(dropout)

        def forward(self, x):
            start = y = torch.relu(self.norms[0](x))
            for place, convolution in enumerate(self.convolutions):
                if place:
                    y = self.drop(torch.relu(self.norms[place](y)))
                y = convolution(y)
            return (x if self.short is None else self.short(start)) + y, start

    class Trunk(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, inner, blocks = conv(3, channels(64), 3), channels(64), {}
            for name, between, after, stride, one, two in PLAIN:
                widths, outer = [channels(between)], channels(after)
                blocks[name] = Block(inner, outer, widths, [(3, stride, one), (3, 1, two)], "_" not in name, 0.0)
                inner = outer
            for name, after, dilation, dropout in BOTTLENECKS:
                outer = channels(after)
                blocks[name] = Block(inner, outer, [outer // 4, outer // 2], [(1, 1, 1), (3, 1, dilation), (1, 1, 1)],
                                     True, dropout)
                inner = outer
            self.blocks, self.last = nn.ModuleDict(blocks), nn.BatchNorm2d(inner)
            for norm in (module for module in self.modules() if isinstance(module, nn.BatchNorm2d)):
                norm.eval()
                norm.requires_grad_(False)
            for name in ("b2", "b2_1", "b2_2"):
                blocks[name].requires_grad_(False)
            self.first.requires_grad_(False)

        def forward(self, x):
            x, kept = self.first(x), {}
            for name, block in self.blocks.items():
                x, kept[name] = block(x)
            return kept["b5"], kept["b6"], torch.relu(self.last(x))

    return Trunk()


def torch_network(torch, width: float):
    nn, resize = torch.nn, torch.nn.functional.interpolate
    trunk = torch_trunk(torch, width)
    sizes = [trunk.blocks[name].norms[0].num_features for name in ("b5", "b6")]

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk, self.drop = trunk, nn.Dropout2d(0.5)
            self.fc8 = nn.Conv2d(trunk.last.num_features, 1 + CLASSES, 1, bias=False)
            self.f8_3, self.f8_4 = (nn.Conv2d(size, out, 1, bias=False) for size, out in
                                    zip(sizes, (64, 128), strict=True))
            self.f9 = nn.Conv2d(195, FEATURES, 1, bias=False)

        def forward(self, x):
            lower, middle, last = self.trunk(x)
            cam = self.fc8(self.drop(last))
            with torch.no_grad():
                q = torch.relu(cam)
                q = torch.relu(q - 1e-5) / (q.amax((2, 3), keepdim=True) + 1e-5)
                q[:, 0] = 1 - q[:, 1:].amax(1)
                largest = q[:, 1:].amax(1, keepdim=True)
                q[:, 1:][q[:, 1:] != largest] = 0
            small = resize(x, cam.shape[2:], mode="bilinear", align_corners=True)
            f = torch.cat([small, torch.relu(self.f8_3(lower.detach())), torch.relu(self.f8_4(middle.detach()))], 1)
            f = self.f9(f).flatten(2)
            f = f / (torch.norm(f, dim=1, keepdim=True) + 1e-5)
            a = torch.relu(torch.matmul(f.transpose(1, 2), f))
            a = a / (a.sum(1, keepdim=True) + 1e-5)
            read = torch.matmul(q.flatten(2), a).view_as(cam)
            return [resize(maps, x.shape[2:], mode="bilinear", align_corners=True) for maps in (cam, read)]

    return Network()


def torch_loss(torch, views: list, labels):
    """The four terms of the release, of two views' class maps and refined maps at their images' sizes."""
    nn, resize, shown = torch.nn.functional, torch.nn.functional.interpolate, labels[:, :, None, None]
    tags = torch.cat([torch.ones_like(shown[:, :1]), shown], 1)

    def norm(maps):
        p = torch.relu(maps)
        flat = p.flatten(2)
        high, low = flat.max(-1)[0][..., None, None], flat.min(-1)[0][..., None, None]
        return torch.relu(p - low - 1e-5) / (high - low + 1e-5)

    def pooled(maps):
        m = (maps[:, 1:] * shown).max(1)[0].flatten(1)
        return torch.relu(torch.topk(m, m.shape[1] // 4, largest=False)[0]).mean()

    def kept(maps):
        maps = maps.detach().clone()
        maps[:, 1:][maps[:, 1:] != maps[:, 1:].amax(1, keepdim=True)] = 0
        return maps

    def hardest(one, other):
        apart = torch.abs(one - other).flatten(1)
        return torch.topk(apart, int(apart.shape[1] * 0.2))[0].mean()

    loss = sum(nn.multilabel_soft_margin_loss(cam.mean((2, 3))[:, 1:], labels) + pooled(read)
               for cam, read in views) / 2
    size = views[1][0].shape[2:]
    maps = [[resize(norm(each), size, mode="bilinear", align_corners=True) * tags for each in view] for view in views]
    loss = loss + torch.abs(maps[0][0][:, 1:] - maps[1][0][:, 1:]).mean()
    whole = [torch.cat([1 - cam[:, 1:].max(1, keepdim=True)[0], cam[:, 1:]], 1) for cam, _ in maps]
    return loss + hardest(kept(whole[1]), maps[0][1]) + hardest(kept(whole[0]), maps[1][1])


def torch_step(torch, image: np.ndarray, labels: np.ndarray, width: float):
    network = torch_network(torch, width)
    rule = torch.optim.SGD([one for one in network.parameters() if one.requires_grad], lr=0.01, momentum=5e-4,
                           weight_decay=5e-4)
    x = torch.from_numpy(np.ascontiguousarray(np.moveaxis((image - 116) / 58, -1, 1), "float32"))
    tags, size = torch.from_numpy(labels), [int(side * 0.3) for side in image.shape[1:3]]

    def step():
        rule.zero_grad()
        small = torch.nn.functional.interpolate(x, size, mode="bilinear", align_corners=True)
        loss = torch_loss(torch, [network(x), network(small)], tags)
        loss.backward()
        rule.step()
        return loss.item()

    return step
