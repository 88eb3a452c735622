"""A2GNN's graph network as released, in PyTorch, for `a2gnn.py`: all pairs of nodes, enlarged maps, whole windows."""

import numpy as np

from tfwsss.ops.tiles import whole_windows

STRIDE, CLASSES = 8, 21


class DenseTorch:
    """The release's operations; `run` trains an image for some epochs of both phases."""

    def __init__(self, torch, kind: str, radius: int, problem):
        self.torch, self.kind = torch, kind
        rows, columns, channels = problem.features.shape
        self.grid, self.size = (rows, columns), (rows * STRIDE, columns * STRIDE)
        flat = problem.features.reshape(-1, channels)
        self.features = torch.from_numpy(flat / flat.sum(axis=1, keepdims=True))
        whole = whole_windows(problem.affinity[None], radius, 1.0).numpy()[0].reshape(-1, (2 * radius + 1) ** 2)
        y, x = np.divmod(np.arange(rows * columns), columns)
        near = (np.abs(y[:, None] - y) <= radius) & (np.abs(x[:, None] - x) <= radius)
        place = (y - y[:, None] + radius) * (2 * radius + 1) + x - x[:, None] + radius
        i, j = np.nonzero(near)
        dense = np.zeros(near.shape, np.float32)
        dense[i, j] = whole[i, place[i, j]]
        self.affinity, self.window = torch.from_numpy(dense), torch.from_numpy(near.astype(np.float32))
        seeds = np.full(self.size, 255 if kind == "boxes" else 0)
        seeds[:problem.seeds.shape[0], :problem.seeds.shape[1]] = problem.seeds
        self.seeds = torch.from_numpy(seeds)[None]
        self.colours = torch.from_numpy(np.moveaxis(problem.colours, -1, 0)[None].copy())
        self.boxes, self.labels = problem.boxes, problem.labels
        random = np.random.default_rng(0)
        self.start = [random.uniform(-a, a, shape).astype("float32") for a, shape in (
            ((6 / (channels + 256)) ** 0.5, (channels, 256)), ((6 / 277) ** 0.5, (256, CLASSES)))]

    def forward(self, embedding, betas, output):
        """Returns logits and hidden features of all nodes."""
        torch = self.torch
        x = torch.nn.functional.dropout(torch.relu(self.features @ embedding), 0.5)
        for beta in betas:
            norms = torch.norm(x, 2, 1).view(-1, 1)
            cosine = x @ x.t() / (norms @ norms.t() + 1e-7)
            scores = beta * cosine + 10 * self.affinity
            scores = scores + (1 - self.window) * -1e9 + (cosine < 0).float() * -1e9
            x = torch.softmax(scores, dim=1) @ x
        return x @ output, x

    def crf(self, logits):
        """Returns the gated CRF loss."""
        unfold, size, span = self.torch.nn.functional.unfold, self.grid, 11
        y, x = self.torch.meshgrid(*map(self.torch.arange, size), indexing="ij")
        looks = self.torch.cat([self.torch.stack([x, y])[None] / 6.0, self.colours / 0.1], 1)
        near = unfold(looks, span, padding=5).view(1, looks.shape[1], span * span, *size)
        kernel = (-0.5 * ((near - looks[:, :, None]) ** 2).sum(1)).exp()
        kernel[:, span * span // 2] = 0
        y = self.torch.softmax(logits, 1)
        near = unfold(y, span, padding=5).view(1, CLASSES, span * span, *size)
        return (kernel.sum() - (kernel * (near * y[:, :, None]).sum(1)).sum()) / (size[0] * size[1])

    def points(self, large, hidden):
        """Returns the multi-point loss of enlarged maps, and checks the seeds."""
        torch, costs, unlike, count, pairs = self.torch, 0.0, 0.0, 0, 0
        for (left, top, right, bottom), label in zip(self.boxes, self.labels, strict=True):
            part = large[0, label, top:bottom + 1, left:right + 1].detach()
            rows, columns = torch.arange(part.shape[0]), torch.arange(part.shape[1])
            y, x = torch.cat([rows, part.argmax(0)]) + top, torch.cat([part.argmax(1), columns]) + left
            costs = costs + torch.nn.functional.cross_entropy(
                large[0][:, y, x].t(), torch.full((len(y),), int(label)), reduction="sum")
            values = hidden[0][:, y, x].t()
            norms = torch.norm(values, 2, 1).view(-1, 1)
            unlike = unlike + (1 - values @ values.t() / (norms @ norms.t() + 1e-7) + 1e-5).sum()
            mean, inside = values.mean(0).detach(), hidden[0, :, top:bottom + 1, left:right + 1].detach()
            cosine = torch.nn.functional.cosine_similarity(inside, mean[:, None, None], dim=0)
            seeds = self.seeds[0, top:bottom + 1, left:right + 1]
            seeds[(seeds == label) & (cosine < 0)] = 255
            count, pairs = count + len(y), pairs + len(y) ** 2
        return costs / count + unlike / pairs

    def run(self, first: int, second: int):
        """Trains for some epochs without and with the gated CRF loss."""
        torch, boxes = self.torch, self.kind == "boxes"
        embedding, output = (torch.from_numpy(value.copy()).requires_grad_() for value in self.start)
        betas = [torch.rand(1).requires_grad_() for _ in range(3)]
        rule = torch.optim.Adam([embedding, output, *betas], lr=0.035 if boxes else 0.03, weight_decay=5e-4)
        enlarge = {"size": self.size, "mode": "bilinear", "align_corners": False}
        for epoch in range(first + second):
            nodes, hidden = self.forward(embedding, betas, output)
            logits = nodes.t().reshape(1, CLASSES, *self.grid)
            large = torch.nn.functional.interpolate(logits, **enlarge)
            loss = 0.0
            if boxes:
                hidden = torch.nn.functional.interpolate(hidden.t().reshape(1, 256, *self.grid), **enlarge)
                loss = self.points(large, hidden)
            for kind in (self.seeds == 0, (self.seeds > 0) & (self.seeds < 255)):
                loss = loss + torch.nn.functional.cross_entropy(large, torch.where(kind, self.seeds, 255),
                                                                ignore_index=255)
            if epoch >= first:
                loss = loss + (0.01 if boxes else 0.3) * self.crf(logits)
            rule.zero_grad()
            loss.backward()
            rule.step()
