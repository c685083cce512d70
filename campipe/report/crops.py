"""A figure of crops side by side, pixel by pixel."""

from __future__ import annotations

import io
from collections.abc import Mapping

from torch import Tensor


def crops_figure(crops: Mapping[str, Tensor], title: str) -> str:
    """Crops in a row, each under its name, as an SVG document.

    crops   (3, H, W) each, display-encoded; what lies outside [0, 1] is clipped
    """
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.size": 10}):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(2.1 * len(crops), 2.7), layout="constrained")
        for axes, (name, crop) in zip(figure.subplots(1, len(crops), squeeze=False)[0], crops.items(), strict=True):
            axes.imshow(crop.detach().cpu().clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="nearest")
            axes.set_title(name, fontsize=10)
            axes.set_axis_off()
        figure.suptitle(title, fontsize=10)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        return text.getvalue()
