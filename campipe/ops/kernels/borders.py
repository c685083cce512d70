"""Where a loop looks when it looks beyond the border."""

from __future__ import annotations

from campipe.ops.kernels.jit import inlined


@inlined
def mirrored(place, size):
    """The pixel that a place beyond the border shows: the mirror image about the outermost pixel, as often as it takes; size at least 2."""
    period = 2 * (size - 1)
    place = place % period
    return period - place if place >= size else place
