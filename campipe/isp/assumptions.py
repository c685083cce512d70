"""What developing takes for granted where a file or a frame does not say it, in plain sentences."""

from __future__ import annotations

import torch

from campipe.core.frame import Capture


def assumptions(capture: Capture) -> list[str]:
    """What `campipe.developing.develop` assumes for a capture, one sentence each; an empty list where everything is known.

    capture   of a frame in "dn" or later

    Levels are not assumed but asked for. What a reader took in place of what a file does not say: `campipe.io.raw.file_assumptions`.
    """
    found = []
    if capture.pattern is None:
        found.append("no colour filter is known: the picture is grey")
        return found
    if capture.wb is None:
        found.append("no white balance is known: gains of 1 are used, and colours are those of the bare sensor")
    if capture.cam_to_srgb is None and capture.cam_to_xyz is None:
        found.append("no colour matrix is known: the camera's red, green and blue are taken for those of sRGB")
    for name, words in (("wb", "white-balance gains"), ("cam_to_srgb", "colour matrix")):
        value = getattr(capture, name)
        if value is not None and not bool(torch.isfinite(value).all()):
            found.append(f"the {words} hold numbers that are not finite: they are used as they are")
    return found
