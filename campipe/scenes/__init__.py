"""Where light comes from: photos with their rendering undone, and charts."""

from campipe.scenes.charts import flat, slanted_edge, step_wedge
from campipe.scenes.photos import Unprocess, unprocess

__all__ = ["Unprocess", "flat", "slanted_edge", "step_wedge", "unprocess"]
