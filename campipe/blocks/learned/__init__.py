"""What learned blocks share: their nets, their weights and how both hang on a classical base."""

from campipe.blocks.learned.base import Learned
from campipe.blocks.learned.nets import ResidualNet
from campipe.blocks.learned.weights import Weights, read_weights, shipped, write_weights

__all__ = ["Learned", "ResidualNet", "Weights", "read_weights", "shipped", "write_weights"]
