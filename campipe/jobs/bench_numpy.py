"""The exposure by hand in NumPy: float32, in place, in tiles that stay in the cache. What `campipe bench` compares with.

Nothing is held against it: buffers are made once, the pixel response non-uniformity is a ready map (campipe draws its own
in the run), and each of NumPy's two fastest generators may try.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

TILE = 1 << 15  # pixels; the buffers of a tile lie in the second-level cache


@dataclass(frozen=True)
class Chain:
    """The numbers of the exposure that everybody computes.

    quantum_efficiency   e-/photon
    prnu                 fraction, standard deviation
    dark                 e-/s at 20 C
    seconds              s
    full_well            e-
    read_noise           e-
    gain                 DN/e-
    black_level          DN
    bits                 of the converter
    """

    quantum_efficiency: float = 0.6
    prnu: float = 0.012
    dark: float = 25.0
    seconds: float = 0.5
    full_well: float = 15000.0
    read_noise: float = 3.0
    gain: float = 1.0
    black_level: float = 64.0
    bits: int = 12

    @property
    def top(self) -> float:
        """The largest code, DN."""
        return 2.0**self.bits - 1


def response_map(chain: Chain, shape: tuple[int, ...]) -> np.ndarray:
    """Quantum efficiency times (1 + PRNU) of each pixel, float32."""
    response = np.random.Generator(np.random.SFC64(5)).standard_normal(shape, dtype=np.float32)
    response *= np.float32(chain.quantum_efficiency * chain.prnu)
    response += np.float32(chain.quantum_efficiency)
    return response


def exposure(photons: np.ndarray, chain: Chain, generator: np.random.Generator) -> Callable[[], np.ndarray]:
    """Return what computes one frame of DN, float32, from expected photons, float32."""
    light = photons.reshape(-1)
    response = response_map(chain, light.shape)
    rate, value = np.empty(TILE, np.float32), np.empty(TILE, np.float32)

    def expose() -> np.ndarray:
        out = np.empty(light.shape, np.float32)
        for start in range(0, light.size, TILE):
            here = slice(start, start + TILE)
            r, v = rate[: light[here].size], value[: light[here].size]
            np.multiply(light[here], response[here], out=r)
            r += np.float32(chain.dark * chain.seconds)
            counts = generator.poisson(r)
            np.minimum(counts, int(chain.full_well), out=counts)
            generator.standard_normal(dtype=np.float32, out=v)
            v *= np.float32(chain.read_noise)
            v += counts
            v *= np.float32(chain.gain)
            v += np.float32(chain.black_level)
            np.rint(v, out=v)
            np.clip(v, 0, np.float32(chain.top), out=out[here])
        return out.reshape(photons.shape)

    return expose


def sfc64(photons: np.ndarray, chain: Chain) -> Callable[[], np.ndarray]:
    """With the generator SFC64."""
    return exposure(photons, chain, np.random.Generator(np.random.SFC64(1)))


def pcg64(photons: np.ndarray, chain: Chain) -> Callable[[], np.ndarray]:
    """With the generator PCG64, NumPy's default."""
    return exposure(photons, chain, np.random.Generator(np.random.PCG64(1)))
