"""The tasks of denoising auto-encoders: single ones with tied weights, and the layers of a stack, one after the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from campipe.blocks.learned.dense import Dense, StackedAutoencoder, TiedAutoencoder
from campipe.measure.losses.sparsity import sparsity_loss
from campipe.train.crops import Crops, luma_of
from campipe.train.draws import Numbers, normal
from campipe.train.patches.patchwise import Patches, decayed
from campipe.train.task import Batch, Task

KINDS = ("gaussian", "masking")
"""Of corruption, in the order in which batches hold them."""


class Layer(nn.Module):
    """One auto-encoder of a stack: a logistic code, and what it stands for, linear or logistic itself."""

    def __init__(self, up: Dense, down: Dense, linear: bool) -> None:
        super().__init__()
        self.up, self.down, self.linear = up, down, linear

    def forward(self, x: Tensor) -> Tensor:
        """The code and what it stands for side by side, (N, units + outputs)."""
        code = torch.sigmoid(self.up(x))
        answer = self.down(code)
        return torch.cat([code, answer if self.linear else torch.sigmoid(answer)], -1)


class LayerTraining(Task):
    """Let one auto-encoder of a stack learn to give back what a clean patch is behind the layers before it, from the noisy one.

    body      the stack; its layers before `depth` are left as they are
    depth     of the auto-encoder, from 0
    patches   what it is trained on
    beta      factor on the sparsity of the code, a mean over its units
    rho       mean activation that is asked for
    decay     factor on half the sum of the squared weights

    The loss is half the mean squared difference, the sparsity and the decay. Source: Xie, Xu, Chen, NIPS 2012; the three factors are ours.
    """

    steady = True

    def __init__(
        self,
        body: StackedAutoencoder,
        depth: int,
        patches: Patches,
        beta: float = 0.01,
        rho: float = 0.05,
        decay: float = 1e-5,
    ) -> None:
        super().__init__()
        up, down = body.up[depth], body.down[depth]
        assert isinstance(up, Dense) and isinstance(down, Dense)
        self.before, self.depth, self.patches = body, depth, patches
        self.net: Layer = Layer(up, down, linear=depth == 0)
        self.units = up.bias.numel()
        self.beta, self.rho, self.decay = float(beta), float(rho), float(decay)

    def about(self) -> dict[str, Any]:
        numbers = {name: getattr(self, name) for name in ("depth", "beta", "rho", "decay")}
        return {"widths": self.before.widths, **numbers, "patches": self.patches.about()}

    def batch(self, numbers: Numbers) -> Batch:
        clean, noisy, wanted = self.patches.pairs(numbers)
        if self.depth == 0:
            return noisy, wanted
        with torch.no_grad():
            return self.before.code(noisy, self.depth), self.before.code(clean, self.depth)

    def forward(self, batch: Batch) -> Tensor:
        given, wanted = batch
        code, answer = self.net(given).split([self.units, wanted.shape[1]], 1)
        error = 0.5 * (answer - wanted).square().mean()
        return error + self.beta * sparsity_loss(code, rho=self.rho) / code.shape[1] + decayed(self.net, self.decay)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean squared error, and mean activation of the code, of samples with numbers that a training does not reach."""
        given, wanted = self.batch(range(2**31, 2**31 + 4))
        code, answer = self.net(given).split([self.units, wanted.shape[1]], 1)
        return {"error": round(float((answer - wanted).square().mean()), 6), "activation": round(float(code.mean()), 4)}


class CorruptedPatches(Patches):
    """Patches less their means, under Gaussian noise of one sigma, and with a share of their pixels set to 0.

    Source: Vincent et al., Journal of Machine Learning Research 11, 2010, section 3.
    """

    def __init__(self, crops: Crops, side: int, apart: int, sigma: float = 25 / 255, masked: float = 0.25) -> None:
        super().__init__(crops, side, apart)
        self.sigma, self.masked = float(sigma), float(masked)
        # A normal number is below this in the share of the cases that is to be masked.
        self.limit = math.sqrt(2) * float(torch.erfinv(torch.tensor(2 * self.masked - 1, dtype=torch.float64)))

    def about(self) -> dict[str, Any]:
        return {**super().about(), "sigma": self.sigma, "masked": self.masked}

    def batch(self, numbers: Numbers) -> tuple[Tensor, Tensor, Tensor]:
        """Clean patches, those under noise and those with holes: (N, side^2) each. Noise comes less its mean, as a noisy patch does."""
        clean = self.cut(luma_of(self.crops.batch(numbers))[:, 0])
        clean = clean - clean.mean(1, keepdim=True)
        shape = (self.count, self.side**2)
        draws = (normal(self.key.fold(kind).seed, numbers, shape, clean.device).reshape(clean.shape) for kind in KINDS)
        return self.corrupted(clean, *draws)

    def corrupted(self, clean: Tensor, noise: Tensor, holes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same of clean patches less their means, by standard normal numbers of their shape."""
        return clean, clean + self.sigma * (noise - noise.mean(1, keepdim=True)), clean * (holes >= self.limit)


class TiedTraining(Task):
    """Let denoising auto-encoders with tied weights learn side by side from the same patches; none knows of the others.

    nets      by name; the corruption of each stands before the first "_" of its name: "gaussian" or "masking"
    patches   what they are trained on; their sigma is that of the Gaussian corruption
    """

    steady = True

    def __init__(self, nets: Mapping[str, TiedAutoencoder], patches: CorruptedPatches) -> None:
        super().__init__()
        self.net: nn.ModuleDict = nn.ModuleDict(nets)
        self.patches = patches
        self.widths = {name: net.layer.bias.numel() for name, net in nets.items()}

    def about(self) -> dict[str, Any]:
        return {"nets": self.widths, "patches": self.patches.about()}

    def batch(self, numbers: Numbers) -> Batch:
        """Clean patches, those under noise and those with holes, (N, side^2) each."""
        return self.patches.batch(numbers)

    def forward(self, batch: Batch) -> Tensor:
        """The sum of the nets' mean squared differences: the gradient of each is that of its own."""
        return torch.stack([error for error in self._errors(batch).values()]).sum()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean squared error of each net on samples with numbers that a training does not reach"""
        errors = self._errors(self.batch(range(2**31, 2**31 + 8)))
        return {name: round(float(error), 6) for name, error in errors.items()}

    def _errors(self, batch: Batch) -> dict[str, Tensor]:
        clean, *corrupted = batch
        of = dict(zip(KINDS, corrupted, strict=True))
        return {name: (net(of[name.split("_", 1)[0]]) - clean).square().mean() for name, net in self.net.items()}
