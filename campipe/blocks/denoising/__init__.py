"""Denoisers, one method per file."""

from campipe.blocks.denoising.bilateral import Bilateral
from campipe.blocks.denoising.bm3d import BlockMatching
from campipe.blocks.denoising.dct import SlidingDct
from campipe.blocks.denoising.dictionary import DctDictionary, Ksvd, TrainedDictionary
from campipe.blocks.denoising.fourier import FourierThreshold
from campipe.blocks.denoising.guided import Guided
from campipe.blocks.denoising.mlp import Mlp
from campipe.blocks.denoising.nlm import NonLocalMeans
from campipe.blocks.denoising.raw_unet import RawUnet
from campipe.blocks.denoising.ssda import Ssda
from campipe.blocks.denoising.tv import TotalVariation
from campipe.blocks.denoising.unet import Unet
from campipe.blocks.denoising.wavelet import Wavelet

__all__ = [
    "Bilateral",
    "BlockMatching",
    "DctDictionary",
    "FourierThreshold",
    "Guided",
    "Ksvd",
    "Mlp",
    "NonLocalMeans",
    "RawUnet",
    "SlidingDct",
    "Ssda",
    "TotalVariation",
    "TrainedDictionary",
    "Unet",
    "Wavelet",
]
