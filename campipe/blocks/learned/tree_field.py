"""A Gaussian random field over a picture, whose potentials regression trees choose at each pixel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from campipe.blocks.learned.tree_features import COUNT, tree_features
from campipe.blocks.learned.tree_features import REACH as LOOKED_AT
from campipe.core.errors import CampipeError
from campipe.core.random import whole
from campipe.ops.conjugate_gradients import conjugate_gradients
from campipe.ops.demosaick import malvar
from campipe.ops.filters import mirror_pad

PHASES = 4
"""Positions of the RGGB tile, each with a tree of its own."""
RESIDUALS = 9
"""What a potential holds against its targets: three colours, and their steps to the right and down."""
SOLVED = 16
"""Pixels that are counted as what the solution at a pixel hangs on; beyond them it changes by less than a thousandth of a level."""
_CHUNK = 16384  # pixels whose coefficients are gathered at a time


class TreeField(nn.Module):
    """The correction z to a linear demosaicker that minimises the sum over all pixels of (D z - T w)' C C' (D z - T w).

    depth        of the trees: 2^depth leaves for each position of the tile
    exact        True: what was measured has no noise and is not corrected
    reach        pixels that the window of the mosaic reaches from the pixel
    iterations   of conjugate gradients, from what the potentials say of the pixels alone
    seed         not used: a field begins as the function 0

    D z are the three colours of a pixel and their steps to the right and to the one below, w is the window of the mosaic around it. The
    trees choose T, (9, n), and C, lower triangular (9, 9), by the features of the pixel. Every energy is convex, whatever the numbers. The
    weights of T are used less their mean over each colour of the window, so that a flat colour is not corrected.

    Source: Jancsary et al., "Regression tree fields", CVPR 2012; for mosaics Khashabi et al., "Joint demosaicing and denoising via learned
    nonparametric random fields", IEEE Transactions on Image Processing 23, 2014. Gradient: exact through all iterations for T and C, and
    for the mosaic while its features choose the same leaves.
    """

    feature: Tensor
    threshold: Tensor

    def __init__(self, depth: int = 5, reach: int = 3, iterations: int = 6, exact: bool = True, seed: int = 0) -> None:
        super().__init__()
        for what, value, least in (("depth", depth, 0), ("reach", reach, 1), ("iterations", iterations, 0)):
            number = whole(value)
            if number is None or number < least:
                raise CampipeError(f"{what} of a field is a whole number from {least} on, but {value!r} came")
        self.depth, self.window, self.iterations = int(depth), int(reach), int(iterations)
        self.leaves, self.exact = 2**self.depth, bool(exact)
        self.register_buffer("feature", torch.zeros(PHASES, max(self.leaves - 1, 1)))
        self.register_buffer("threshold", torch.zeros(PHASES, max(self.leaves - 1, 1)))
        self.linear = nn.Parameter(torch.zeros(PHASES * self.leaves, RESIDUALS, (2 * self.window + 1) ** 2))
        self.root = nn.Parameter(torch.eye(RESIDUALS).repeat(PHASES * self.leaves, 1, 1))

    @property
    def reach(self) -> int:
        """Pixels around a pixel that are counted as what its result hangs on; even, so that a tile begins with red."""
        return 2 * (-(-(max(LOOKED_AT, self.window) + SOLVED) // 2))

    def forward(self, mosaic: Tensor) -> Tensor:
        """The correction to Malvar's picture: (B, 1, H, W), RGGB, to (B, 3, H, W)."""
        leaf = self.leaf(mosaic)
        targets = self.targets(mosaic, leaf)
        root = torch.tril(self.root).to(mosaic.dtype)
        metric = (root @ root.transpose(1, 2)).flatten(1)[leaf.flatten()].reshape(*leaf.shape, RESIDUALS, RESIDUALS)

        def weighted(residuals: Tensor) -> Tensor:
            mixed = (metric * residuals.movedim(1, -1)[..., None, :]).sum(-1)
            return mixed.movedim(-1, 1)

        free = unseen(mosaic) if self.exact else torch.ones((), dtype=mosaic.dtype, device=mosaic.device)
        wanted = free * gathered(weighted(held(targets)))
        start = free * targets[:, :3]
        return conjugate_gradients(lambda z: free * gathered(weighted(spread(z))), wanted, start, self.iterations)

    def targets(self, mosaic: Tensor, leaf: Tensor) -> Tensor:
        """T w of every pixel, (B, 9, H, W)."""
        rows = windows(mosaic, self.window)
        parts = []
        even = flattener(self.window, rows).repeat_interleave(self.leaves, 0)
        linear = torch.bmm(self.linear.to(rows.dtype), even)
        for part, which in zip(rows.split(_CHUNK), leaf.flatten().split(_CHUNK), strict=True):
            coefficients = linear.index_select(0, which)
            parts.append(torch.bmm(coefficients, part[:, :, None])[..., 0])
        batch, _, height, width = mosaic.shape
        return torch.cat(parts).reshape(batch, height, width, RESIDUALS).movedim(-1, 1)

    def leaf(self, mosaic: Tensor) -> Tensor:
        """(B, H, W) number of each pixel's leaf, among those of all positions."""
        with torch.no_grad():
            features = tree_features(mosaic, malvar(mosaic, "RGGB")).movedim(1, -1).reshape(-1, COUNT)
            where = phases(mosaic).flatten()
            found = where * self.leaves + self.descend(features, where)
        return found.reshape(mosaic.shape[0], *mosaic.shape[-2:])

    def descend(self, features: Tensor, where: Tensor) -> Tensor:
        """(N,) leaf in the tree of a position, of (N, 13) features and (N,) positions: to the right where a feature is above its limit."""
        node = torch.zeros_like(where)
        for _ in range(self.depth):
            seen = features.gather(1, self.feature[where, node].long()[:, None])[:, 0]
            node = 2 * node + 1 + (seen > self.threshold[where, node].to(seen.dtype)).long()
        return node - (self.leaves - 1)


def phases(mosaic: Tensor) -> Tensor:
    """(B, H, W) position of each pixel in the RGGB tile, 0 to 3."""
    batch, _, height, width = mosaic.shape
    y, x = (torch.arange(n, device=mosaic.device) % 2 for n in (height, width))
    return (2 * y[:, None] + x).expand(batch, height, width)


def windows(mosaic: Tensor, reach: int) -> Tensor:
    """(B H W, n) window of every pixel, the mosaic continued by its mirror image."""
    padded = mirror_pad(mirror_pad(mosaic, reach, reach, -2), reach, reach, -1)
    return functional.unfold(padded, 2 * reach + 1).transpose(1, 2).flatten(0, 1)


def flattener(reach: int, like: Tensor) -> Tensor:
    """(4, n, n) for each position of the tile: what takes the mean of each colour off a window."""
    side = 2 * reach + 1
    place = torch.arange(side, device=like.device) - reach
    out = []
    for phase in range(PHASES):
        y, x = (place + phase // 2) % 2, (place + phase % 2) % 2
        colour = (y[:, None] + x).flatten()  # red 0, green 1, blue 2
        same = (colour[:, None] == colour).to(like.dtype)
        out.append(torch.eye(side * side, dtype=like.dtype, device=like.device) - same / same.sum(1, keepdim=True))
    return torch.stack(out)


def unseen(mosaic: Tensor) -> Tensor:
    """(B, 3, H, W): 1 where a colour was not measured, 0 where it was."""
    where = phases(mosaic)
    colour = where // 2 + where % 2
    return torch.stack([(colour != c) for c in range(3)], 1).to(mosaic.dtype)


def spread(z: Tensor) -> Tensor:
    """D z: (B, 3, H, W) to (B, 9, H, W), 0 for steps out of the picture."""
    across = functional.pad(z[..., 1:] - z[..., :-1], (0, 1))
    down = functional.pad(z[..., 1:, :] - z[..., :-1, :], (0, 0, 0, 1))
    return torch.cat([z, across, down], 1)


def gathered(residuals: Tensor) -> Tensor:
    """The transpose of `spread`: (B, 9, H, W) to (B, 3, H, W)."""
    own, across, down = residuals.split(3, 1)
    across, down = across[..., :-1], down[..., :-1, :]
    own = own + functional.pad(across, (1, 0)) - functional.pad(across, (0, 1))
    return own + functional.pad(down, (0, 0, 1, 0)) - functional.pad(down, (0, 0, 0, 1))


def held(targets: Tensor) -> Tensor:
    """Targets without those of steps out of the picture."""
    own, across, down = targets.split(3, 1)
    return torch.cat([own, functional.pad(across[..., :-1], (0, 1)), functional.pad(down[..., :-1, :], (0, 0, 0, 1))], 1)
