"""Denoising by sparse codes over a dictionary: a fixed one, one that was learned from photos, and one that is learned from the picture."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from campipe.blocks.denoising.slot import Denoiser
from campipe.core.errors import CampipeError
from campipe.ops.ksvd import learn
from campipe.ops.opponent import from_opponent, to_opponent
from campipe.ops.sparse_coding import SIDE, dct_atoms, sparse_denoise, trained_atoms
from campipe.ops.surrogate import refused


class SparseDenoiser(Denoiser):
    """Write every patch of 8 x 8 pixels as a sum of few atoms, as near as the noise lets it be. To be derived from: implement `atoms`.

    strength   factor on sigma, of which a patch keeps 1.15

    Colours are changed to brightness and differences first, the planes of a Bayer mosaic likewise, and coded channel by channel. Works in
    float32 on the CPU. Gradient: refused.
    Source: Elad and Aharon, "Image denoising via sparse and redundant representations over learned dictionaries", IEEE Transactions on
    Image Processing 15, 2006.
    """

    margin: int | None = SIDE - 1
    differentiable = False
    least = SIDE
    strength: Tensor

    def __init__(self, sigma: Any = None, strength: Any = 1.0, stabilise: bool = True, name: str | None = None) -> None:
        super().__init__(sigma, stabilise, name)
        self.number("strength", strength, positive=True)

    def atoms(self, planes: Tensor, level: Tensor) -> Tensor:
        """The dictionary, (64, K), or one for each plane, (B, C, 64, K)."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it does; implement atoms(planes, level)")

    def net(self, x: Tensor, sigma: Tensor) -> Tensor:
        planes, level = to_opponent(x.detach(), sigma.detach() * self.strength.detach())
        out = from_opponent(sparse_denoise(planes, level, self.atoms(planes, level)))
        return refused(out, type(self).__name__, "take 'dct', or detach the frame", x, sigma, self.strength)


class DctDictionary(SparseDenoiser):
    """Sparse codes over 256 products of cosines."""

    def atoms(self, planes: Tensor, level: Tensor) -> Tensor:
        return dct_atoms()


class TrainedDictionary(SparseDenoiser):
    """Sparse codes over 256 atoms that K-SVD learned from photos; the file ships, and its card says from which."""

    def atoms(self, planes: Tensor, level: Tensor) -> Tensor:
        return trained_atoms()


class Ksvd(SparseDenoiser):
    """Sparse codes over 256 atoms that K-SVD learns from the noisy picture itself, plane by plane; it starts from cosines.

    iterations   rounds of learning
    patches      of a plane to learn from, about

    The best of the three, and the slowest. Every pixel hangs on the whole picture. Source: Aharon, Elad, Bruckstein, "K-SVD", IEEE
    Transactions on Signal Processing 54, 2006, and Elad and Aharon 2006.
    """

    tiles = False
    margin = None

    def __init__(
        self,
        sigma: Any = None,
        strength: Any = 1.0,
        iterations: int = 20,
        patches: int = 60000,
        stabilise: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(sigma, strength, stabilise, name)
        self.iterations, self.patches = int(iterations), int(patches)
        if self.iterations < 0 or self.patches < 1:
            raise CampipeError(f"iterations is 0 or more and patches 1 or more, but {iterations} and {patches} came")

    def atoms(self, planes: Tensor, level: Tensor) -> Tensor:
        return learn(planes, level, dct_atoms(), patches=self.patches, iterations=self.iterations)
