"""Training without clean pictures: pairs of damaged ones, blind spots and neighbouring pixels."""

from campipe.train.noise2noise.blind_spot import BlindSpot
from campipe.train.noise2noise.corruptions import Bernoulli, Corruption, Gaussian, Impulses, Overlaid, Poisson
from campipe.train.noise2noise.neighbours import Neighbours
from campipe.train.noise2noise.pairs import FrozenPairs, Pairs

__all__ = ["Bernoulli", "BlindSpot", "Corruption", "FrozenPairs", "Gaussian", "Impulses", "Neighbours", "Overlaid", "Pairs", "Poisson"]
