"""Regression tree fields: how their trees are grown and their potentials begun, and the task that trains them through the inference."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from campipe.blocks.demosaicking.regression_tree import RegressionTree
from campipe.blocks.learned.tree_features import COUNT, tree_features
from campipe.blocks.learned.tree_field import PHASES, RESIDUALS, TreeField, flattener, phases, spread, windows
from campipe.core.random import Key
from campipe.measure.ssim import ssim
from campipe.ops.demosaick import malvar
from campipe.train.crops import Crops
from campipe.train.demosaicking import COUNTED, seen_through
from campipe.train.denoising import WHITE, with_noise
from campipe.train.draws import Numbers, normal, uniform
from campipe.train.jdd.joint import scored
from campipe.train.task import Batch, Task

BORDER = 8
"""Pixels at each side of a crop that are not learned from."""
BINS = 9
"""A node's samples are cut into so many parts by each feature; the limits between them are the splits that are tried."""
RIDGE = 1e-6
"""Square of a coefficient that costs as much as a squared error of 1 in one sample, times the samples."""
LEAST = 1000
"""Samples that a leaf has at least."""
FLOOR = (0.5 / WHITE) ** 2
"""Added to the variance of each residual: half a level, so that what is known exactly keeps a finite weight."""
PRIOR = 500
"""Samples that the parent of a node counts for in its fit."""
SEARCHED = 40000
"""Samples of a node that its split is sought with."""
TOGETHER = 200
"""Crops that are looked at at a time."""
MEASURES = ("psnr", "ssim")


class FieldFitting(Task):
    """Let the potentials of a field learn through its conjugate gradients; the trees stay.

    block     whose field is trained: grown before
    crops     what it is trained on
    measure   "psnr": the loss is the mean squared error; "ssim": one less SSIM
    sigma     of the white noise on the mosaic, on the scale from 0 to 255
    """

    steady = True

    def __init__(self, block: RegressionTree, crops: Crops, measure: str, sigma: float) -> None:
        super().__init__()
        self.block, self.net, self.crops, self.measure, self.sigma = block, block.body, crops, measure, float(sigma)
        self._key = Key(crops.seed).fold("field")

    def about(self) -> dict[str, Any]:
        task = {"block": self.block.block, "architecture": self.block.architecture, "crops": self.crops.about()}
        return {**task, "loss": self.measure, "sigma": self.sigma}

    def batch(self, numbers: Numbers) -> tuple[Tensor, Tensor]:
        """Pictures, (B, 3, H, W), and their noisy RGGB mosaics."""
        clean = self.crops.batch(numbers)
        noise = normal(self._key.seed, numbers, (1, *clean.shape[-2:]), clean.device)
        return clean, seen_through(clean) + self.sigma / WHITE * noise

    def forward(self, batch: Batch) -> Tensor:
        clean, mosaic = batch
        inside = slice(BORDER, -BORDER)
        answer = (malvar(mosaic, "RGGB") + self.net(mosaic))[..., inside, inside]
        clean = clean[..., inside, inside]
        # Both are brought to about 1, so that Adam's least denominator does not count.
        if self.measure == "ssim":
            return 30 * (1 - ssim(answer, clean, data_range=1.0)).mean()
        return 1e4 * (answer - clean).square().mean()

    def groups(self) -> dict[str, tuple[float, list[torch.nn.Parameter]]]:
        assert isinstance(self.net, TreeField)
        return {"targets": (1.0, [self.net.linear]), "metric": (20.0, [self.net.root])}

    def validate(self) -> dict[str, float]:
        """PSNR, dB, and SSIM on the photos held out, rounded to 8 bits, and PSNR of the base; first what is trained for."""
        photos = self.crops.validation()
        sums = torch.zeros(3, dtype=torch.float64)
        for number, clean in enumerate(photos):
            mosaic = with_noise(seen_through(clean), self.sigma / WHITE, Key(0).fold("validation").fold(number)).to(self.device)
            answer = self.block.net(mosaic, "RGGB")
            sums += torch.tensor([scored(answer, clean), likeness(answer, clean), scored(malvar(mosaic, "RGGB"), clean)])
        psnr, like, base = (sums / max(len(photos), 1)).tolist()
        found = {"psnr": round(psnr, 4), "ssim": round(like, 6), "base_psnr": round(base, 4)}
        return {self.measure: found.pop(self.measure), **found}


def likeness(answer: Tensor, clean: Tensor) -> float:
    """SSIM of a picture, (1, 3, H, W), by the protocol of demosaicking: rounded to 8 bits, 20 pixels at each border left out."""
    inside = slice(COUNTED, -COUNTED)
    rounded = (answer.clamp(0, 1) * 255).round().div(255).cpu()
    return float(ssim(rounded[..., inside, inside], clean.cpu()[..., inside, inside], data_range=1.0)[0])


@torch.no_grad()
def grow(field: TreeField, crops: Crops, sigma: float, samples: int, share: float = 0.25) -> None:
    """Grow the trees of a field, and begin its potentials with the linear fits and residuals of their leaves.

    field     is filled
    crops     where the samples come from
    sigma     of the white noise on the mosaics, on the scale from 0 to 255
    samples   crops that are taken
    share     of their pixels, drawn at random: neighbours say nearly the same

    A split is the one, of all features and limits between ninths of the node's samples, that leaves the smallest squared error of the
    colours when both sides are fitted by ridge regression on their windows. A potential begins with the leaf's fits of colours and steps
    as its targets, drawn towards those of its parents where it has few samples, and the inverse of their residuals' covariance as its
    metric.
    """
    parts = [_samples(field, crops, sigma, range(first, min(first + TOGETHER, samples)), share) for first in range(0, samples, TOGETHER)]
    seen, features, wanted, where = (torch.cat(each) for each in zip(*parts, strict=True))
    even = flattener(field.window, seen)
    for phase in range(PHASES):
        chosen = where == phase
        _grow_phase(field, phase, seen[chosen] @ even[phase], features[chosen], wanted[chosen])


def _samples(field: TreeField, crops: Crops, sigma: float, numbers: range, share: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Windows, features, corrections of colours and steps, and positions, of some pixels of crops: (N, n), (N, 13), (N, 9) and (N,)."""
    key = Key(crops.seed).fold("grown")
    clean = crops.batch(numbers)
    noise = normal(key.seed, numbers, (1, *clean.shape[-2:]), clean.device)
    mosaic = seen_through(clean) + sigma / WHITE * noise
    base, inside = malvar(mosaic, "RGGB"), slice(BORDER, -BORDER)
    batch, _, height, width = mosaic.shape
    within = torch.zeros(batch, height, width, dtype=torch.bool, device=clean.device)
    within[:, inside, inside] = True
    drawn = uniform(key.fold("pixels").seed, numbers, height * width, clean.device).reshape(batch, height, width)
    kept = (within & (drawn < share)).flatten()

    def rows(x: Tensor) -> Tensor:
        return x.movedim(1, -1).reshape(-1, x.shape[1])[kept]

    return (
        windows(mosaic, field.window)[kept],
        rows(tree_features(mosaic, base)),
        rows(spread(clean - base)),
        phases(mosaic).flatten()[kept],
    )


def _grow_phase(field: TreeField, phase: int, seen: Tensor, features: Tensor, wanted: Tensor) -> None:
    node = torch.zeros(len(seen), dtype=torch.long, device=seen.device)
    inner = field.leaves - 1
    for number in range(inner):
        members = (node == number).nonzero()[:, 0]
        which, limit = _split(seen, features, wanted[:, :3], members)
        limit = float(torch.tensor(limit).half())  # as it will be kept
        field.feature[phase, number], field.threshold[phase, number] = which, limit
        node[members] = 2 * number + 1 + (features[members, which] > limit).long()
    fits = _shrunk(seen, wanted, node, inner)
    for leaf in range(field.leaves):
        members = (node == leaf + inner).nonzero()[:, 0]
        row, fitted = phase * field.leaves + leaf, fits[leaf + inner]
        # Of a leaf that nothing reached, what is known of all.
        x, y = (seen[members], wanted[members]) if len(members) > RESIDUALS else (seen, wanted)
        covariance = _covariance(x, y, fitted)
        covariance = covariance + FLOOR * torch.eye(RESIDUALS, dtype=covariance.dtype, device=covariance.device)
        field.linear[row] = fitted.T
        # Weights of about 1 where a residual is some levels large.
        field.root[row] = torch.linalg.cholesky(torch.linalg.inv(covariance) * (4 / WHITE) ** 2)


def _shrunk(seen: Tensor, wanted: Tensor, node: Tensor, inner: int) -> list[Tensor]:
    """(n, 9) fit of every node: its own samples, and `PRIOR` more that are as those of its parent."""
    count = 2 * inner + 1
    grams, moments, sizes = [], [], [0] * count
    for number in range(count):
        members = (node == number).nonzero()[:, 0] if number >= inner else node[:0]
        x, y = seen[members], wanted[members]
        grams.append((x.T @ x).double())
        moments.append((x.T @ y).double())
        sizes[number] = len(members)
    for number in range(count - 1, 0, -1):  # up from the leaves
        parent = (number - 1) // 2
        grams[parent], moments[parent] = grams[parent] + grams[number], moments[parent] + moments[number]
        sizes[parent] += sizes[number]
    fits = []
    for number in range(count):
        prior = 0 if number == 0 else PRIOR
        if number > 0:
            parent = (number - 1) // 2
            grams[number], moments[number] = grams[number] + PRIOR * grams[parent], moments[number] + PRIOR * moments[parent]
        size = max(sizes[number] + prior, 1)
        grams[number], moments[number] = grams[number] / size, moments[number] / size
        ridge = RIDGE * torch.eye(grams[number].shape[0], dtype=torch.float64, device=seen.device)
        fits.append(torch.linalg.solve(grams[number] + ridge, moments[number]).to(seen.dtype))
    return fits


def _fit(x: Tensor, y: Tensor) -> Tensor:
    """(n, k) coefficients of a ridge regression."""
    gram, moment = (x.T @ x).double(), (x.T @ y).double()
    gram.diagonal().add_(RIDGE * len(x))
    return torch.linalg.solve(gram, moment).to(x.dtype)


def _covariance(x: Tensor, y: Tensor, fitted: Tensor) -> Tensor:
    rest = (y - x @ fitted).double()
    return rest.T @ rest / max(len(x), 1)


def _split(seen: Tensor, features: Tensor, wanted: Tensor, members: Tensor) -> tuple[int, float]:
    """The best (feature, limit) of a node; one that sends everything to the left where no split leaves enough on both sides."""
    if len(members) < 2 * LEAST:
        return 0, 6e4
    if len(members) > SEARCHED:  # every so many, in the order of the crops
        members = members[:: -(-len(members) // SEARCHED)]
    x, y, f = seen[members], wanted[members], features[members]
    best, found = float("inf"), (0, 6e4)
    for which in range(COUNT):
        order = f[:, which].argsort()
        parts = order.chunk(BINS)
        grams = torch.stack([(x[p].T @ x[p]).double() for p in parts]).cumsum(0)
        moments = torch.stack([(x[p].T @ y[p]).double() for p in parts]).cumsum(0)
        counts = torch.tensor([len(p) for p in parts], device=x.device).cumsum(0)
        limits = torch.stack([f[p[-1], which] for p in parts])
        gain = _explained(grams[:-1], moments[:-1], counts[:-1])
        gain = gain + _explained(grams[-1] - grams[:-1], moments[-1] - moments[:-1], counts[-1] - counts[:-1])
        place = int(gain.argmax())
        if -float(gain[place]) < best:
            best, found = -float(gain[place]), (which, float(limits[place]))
    return found


def _explained(grams: Tensor, moments: Tensor, counts: Tensor) -> Tensor:
    """What ridge regressions take off the sum of squares: m' G^-1 m of each."""
    ridge = RIDGE * counts[:, None, None] * torch.eye(grams.shape[-1], dtype=grams.dtype, device=grams.device)
    return (moments * torch.linalg.solve(grams + ridge, moments)).sum((1, 2))
