"""The noise before the converter as one law: its distribution function, its characteristic function, and how far it reaches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from campipe.core.errors import LawError

TINY_STEP = 1e-100
# DN: less noise than this is none; pixels without noise beside ones that have some get so much.
NOTHING = 1e-12
# At most this many quadrature nodes for a characteristic function.
NODES = 2**17
# Up to this many terms of the Fourier series of rounding are summed.
SERIES = 128


def normal_cdf(x: Tensor) -> Tensor:
    """The standard normal distribution function, precise in its lower tail."""
    return 0.5 * torch.erfc(x * -math.sqrt(0.5))


@dataclass(frozen=True)
class NormalNoise:
    """Normal noise of mean 0.

    std   DN, float64: () or one number per pixel (P,); above 0
    """

    std: Tensor
    heavy = False
    negligible = 1e-13

    @property
    def reach(self) -> Tensor:
        """DN, beyond which the noise has a probability below 2e-17."""
        return 8.5 * self.std.detach()

    @property
    def variance(self) -> Tensor:
        return self.std**2

    @property
    def knots(self) -> float:
        """Knots per DN that a table needs: cubic interpolation is then good to 1e-9."""
        return 64 / self.scale

    @property
    def scale(self) -> float:
        """DN, the length on which the distribution function changes."""
        return float(self.std.detach().min())

    def cdf(self, x: Tensor) -> Tensor:
        """P(noise <= x) for x in DN."""
        return normal_cdf(x / self.std)

    def characteristic(self, t: float) -> tuple[Tensor, Tensor]:
        """E[cos(t noise)] and its derivative in t, for t in rad/DN."""
        value = torch.exp(-0.5 * (self.std * t) ** 2)
        return value, -(self.std**2) * t * value


@dataclass(frozen=True)
class Tukey:
    """The Tukey-lambda law of unit variance, its quantile Q(u) = (u^l - (1 - u)^l) / l / std(l), as a function of v = log(u / (1 - u)).

    shape   l, above -0.5; 0 is the logistic law, 0.14 is nearly normal, below 0 the tails are heavier

    Source of the variance: Joiner and Rosenblatt, "Some properties of the range in samples from Tukey's symmetric lambda distributions",
    Journal of the American Statistical Association 66, 1971.
    """

    shape: float

    def __post_init__(self) -> None:
        if not self.shape > -0.5:
            raise LawError(f"a Tukey-lambda shape is above -0.5, where the variance exists, but {self.shape} came")

    @property
    def std(self) -> float:
        """Standard deviation of (u^l - (1 - u)^l) / l."""
        l = self.shape
        if abs(l) < 1e-4:
            # The closed form cancels here; first order is good to 1e-7. 1.2020569 is zeta(3).
            return math.pi / math.sqrt(3.0) * (1 - l * (1 + 6 * 1.2020569 / math.pi**2))
        beta = math.exp(2 * math.lgamma(l + 1) - math.lgamma(2 * l + 2))
        return math.sqrt(2 / l**2 * (1 / (1 + 2 * l) - beta))

    def quantile(self, v: Tensor) -> Tensor:
        l, magnitude = self.shape, v.abs()
        # With a = |v|: u^l (1 - e^(-l a)) / l, or (1 - u)^l (e^(l a) - 1) / l: the form whose parts stay finite.
        if l > 1e-12:
            size = -torch.exp(-l * torch.nn.functional.softplus(-magnitude)) * torch.expm1(-l * magnitude) / l
        elif l < -1e-12:
            size = torch.exp(-l * torch.nn.functional.softplus(magnitude)) * torch.expm1(l * magnitude) / l
        else:
            size = magnitude
        return torch.sign(v) * size / self.std

    def slope(self, v: Tensor) -> Tensor:
        """dQ / dv."""
        up, down = -torch.nn.functional.softplus(-v), -torch.nn.functional.softplus(v)
        return (torch.exp(self.shape * up + down) + torch.exp(self.shape * down + up)) / self.std

    def cdf(self, z: Tensor) -> Tensor:
        """P(T <= z), by numeric inversion of the quantile; absolute error below 1e-9. Gradient: in z, the density."""
        grid = torch.arange(-4000, 4001, dtype=torch.float64, device=z.device) * 0.02
        knots = self.quantile(grid)
        at = z.detach().clamp(float(knots[0]), float(knots[-1]))
        i = torch.searchsorted(knots, at.contiguous()).clamp(1, len(grid) - 1)
        low, high = knots[i - 1], knots[i]
        v = grid[i - 1] + 0.02 * (at - low) / (high - low).clamp_min(TINY_STEP)
        for _ in range(2):
            step = (at - self.quantile(v)) / self.slope(v).clamp_min(TINY_STEP)
            v = (v + step).clamp(grid[i - 1], grid[i])
        u = torch.sigmoid(v)
        density = u * torch.sigmoid(-v) / self.slope(v).clamp_min(TINY_STEP)
        return u + density * (z - z.detach()) if z.requires_grad else u

    def nodes(self, step: float, end: float) -> tuple[Tensor, Tensor]:
        """Values and weights of a quadrature over the law: the trapezoid rule in v, which converges exponentially."""
        v = torch.arange(-round(end / step), round(end / step) + 1, dtype=torch.float64) * step
        weight = torch.sigmoid(v) * torch.sigmoid(-v) * step
        return self.quantile(v), weight


@dataclass(frozen=True)
class MixedNoise:
    """A sum of independent terms, at least one of them Tukey-lambda; one law for a whole item.

    terms   (std, law): std in DN, () float64, above 0; law a Tukey, or None for normal

    The widest term is kept as it is, the others are sums over quadrature nodes. The distribution function is good to about 1e-7.
    Far out (`excess`) the tails of the terms are added as if only one term were large there, which is their asymptotic law.
    Gradient: in each std; none in the shape.
    """

    terms: tuple[tuple[Tensor, Tukey | None], ...]
    negligible = 3e-6

    @property
    def variance(self) -> Tensor:
        return torch.stack([s**2 for s, _ in self.terms]).sum()

    @property
    def total(self) -> float:
        return math.sqrt(float(self.variance.detach()))

    @property
    def scale(self) -> float:
        return max(float(s.detach()) for s, _ in self.terms)

    @property
    def knots(self) -> float:
        """Knots per DN that a table needs: the law of a single term has corners where its support ends, a sum is as smooth as its parts."""
        smallest = min(float(s.detach()) for s, _ in self.terms)
        return min(512 / self.scale, 64 / smallest) if len(self.terms) > 1 else 512 / self.scale

    @property
    def heavy(self) -> bool:
        """True where the tails matter beyond ten standard deviations."""
        return any(law is not None and law.shape < 0.05 for _, law in self.terms)

    @property
    def reach(self) -> Tensor:
        """DN, beyond which nothing is left of the noise but its tails (`excess`), and these do not see single levels."""
        return torch.tensor(float(math.ceil(10 * self.total) + (20 if self.heavy else 2)), dtype=torch.float64)

    def cdf(self, x: Tensor) -> Tensor:
        order = sorted(self.terms, key=lambda term: -float(term[0].detach()))
        (std, law), others = order[0], order[1:]
        shift, weight = x.new_zeros(1), x.new_ones(1)
        for s, other in others:
            z, w = other.nodes(0.25, 40.0) if other is not None else _normal_nodes()
            shift = (shift[:, None] + s * z).reshape(-1)
            weight = (weight[:, None] * w).reshape(-1)
        result = torch.zeros_like(x)
        rows = max(1, 2**20 // max(1, x.numel()))
        for at, w in zip(shift.split(rows), weight.split(rows), strict=True):
            z = (x[..., None] - at) / std
            result = result + ((normal_cdf(z) if law is None else law.cdf(z)) * w).sum(-1)
        return result / weight.sum()

    def characteristic(self, t: float) -> tuple[Tensor, Tensor]:
        value, slope = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
        for std, law in self.terms:
            if law is None:
                v, d = NormalNoise(std).characteristic(t)
            else:
                # Fine enough for the oscillation where the weight of the law is; heavy tails carry theirs further out.
                step = min(0.02 if law.shape >= 0 else 0.001, 0.5 / (t * float(std.detach())))
                q, w = law.nodes(max(step, 80 / NODES), 40.0)
                v, d = (w * torch.cos(t * std * q)).sum(), -(w * std * q * torch.sin(t * std * q)).sum()
            value, slope = value * v, slope * v + value * d
        return value, slope

    def excess(self, distance: Tensor) -> tuple[Tensor, Tensor]:
        """E[max(noise - distance, 0)] and the same of its square, for distances (K,) of ten standard deviations and more."""
        first, second = torch.zeros_like(distance), torch.zeros_like(distance)
        for std, law in self.terms:
            if law is not None:
                q, w = law.nodes(0.05, 200.0)
                over = (std * q[None, len(q) // 2 :] - distance[:, None]).clamp_min(0)
                weight = w[len(q) // 2 :]
                first, second = first + over @ weight, second + over**2 @ weight
        return first, second


def _normal_nodes() -> tuple[Tensor, Tensor]:
    z = torch.arange(-40, 41, dtype=torch.float64) * 0.2
    weight = torch.exp(-0.5 * z**2)
    return z, weight / weight.sum()


def combine(terms: Sequence[tuple[Tensor, float | None]]) -> NormalNoise | MixedNoise | None:
    """One law from independent terms (std in DN, Tukey-lambda shape or None); None where nothing is added."""
    there = [(s, shape) for s, shape in terms if bool((s.detach() > NOTHING).any())]
    if not there:
        return None
    normal = [s for s, shape in there if shape is None]
    tukey = [(s, Tukey(shape)) for s, shape in there if shape is not None]
    variance = sum((s**2 for s in normal), torch.zeros((), dtype=torch.float64))
    if not tukey:
        return NormalNoise(torch.sqrt(variance + NOTHING**2))
    if any(s.numel() > 1 for s, _ in there):
        raise LawError("Tukey-lambda noise has one standard deviation per item, but one per pixel came; estimate from frames instead")
    parts: list[tuple[Tensor, Tukey | None]] = [(s.reshape(()), law) for s, law in tukey]
    if normal:
        parts.append((torch.sqrt(variance).reshape(()), None))
    return MixedNoise(tuple(parts))
