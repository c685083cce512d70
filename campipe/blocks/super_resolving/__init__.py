"""Super-resolvers, one method per file."""

from campipe.blocks.super_resolving.back_projection import BackProjection
from campipe.blocks.super_resolving.bicubic import Bicubic
from campipe.blocks.super_resolving.lanczos import Lanczos
from campipe.blocks.super_resolving.srresnet import SrResNet

__all__ = ["BackProjection", "Bicubic", "Lanczos", "SrResNet"]
