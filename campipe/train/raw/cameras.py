"""The numbers of many cameras as tables, gathered once, that a GPU can look up."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from campipe.core.errors import CampipeError
from campipe.core.profile import Profile, load_profile, profile_names
from campipe.ops.colour import inverse
from campipe.ops.draws import tukey_lambda_std

STEPS, LIGHTS = 33, 9
"""Rows of each camera's table: ISOs at equal ratios, and colour temperatures of the photo's light at equal distances."""

AT_ISO = ("gain", "full_well", "read_noise", "post_read_noise", "row_noise", "read_shape", "spread", "white")
ALWAYS = ("black", "top", "dark_current", "prnu", "dsnu", "blur", "tone_low", "tone_high", "brightness_low", "brightness_high")


def bayer_cameras(without: Sequence[str] = ()) -> list[str]:
    """Names of the cameras that ship with a Bayer pattern, but those that are held out; a CampipeError names one that there is not."""
    known = profile_names()
    strange = [name for name in without if name not in known]
    if strange:
        raise CampipeError(f"a camera that ships is to be held out, but there is no {strange[0]!r}; there are {', '.join(known)}")
    return [name for name in known if name not in without and len(load_profile(name).pattern or "") == 4]


class CameraTable(nn.Module):
    """What a sensor does, for every camera, at its ISOs and under its lights. Moves with `.to(device)`.

    cameras   their names

    at_iso    (N, STEPS, len(AT_ISO)): gain, DN/e-; full well, read noise and row noise, e-; read noise after the gain, DN; Tukey-lambda
              shape, NaN where read noise is normal, and the standard deviation of that law before scaling; white level, DN
    always    (N, len(ALWAYS)): black level and largest number, DN; dark current, e-/s; PRNU, a fraction; DSNU, e-; blur, px; the priors
              of a photo's tone curve and brightness
    wb        (N, LIGHTS, 3), white-balance gains
    to_cam    (N, LIGHTS, 3, 3), linear sRGB to white-balanced camera RGB
    share     (N, 3), quantum efficiency over that of green

    Fixed patterns count by their pixels alone; what differs from row to row is left out, and so is vignetting, which at a place on
    the sensor is nothing but another exposure.
    """

    at_iso: Tensor
    always: Tensor
    wb: Tensor
    to_cam: Tensor
    share: Tensor

    def __init__(self, cameras: Sequence[str]) -> None:
        super().__init__()
        if not cameras:
            raise CampipeError("a table of cameras has one at least, but none came; hold out fewer")
        self.cameras = tuple(cameras)
        rows = [_rows(load_profile(name)) for name in cameras]
        for name in ("at_iso", "always", "wb", "to_cam", "share"):
            self.register_buffer(name, torch.stack([row[name] for row in rows]).float(), persistent=False)

    def __len__(self) -> int:
        return len(self.cameras)


def _rows(profile: Profile) -> dict[str, Tensor]:
    """One camera's part of the tables."""
    if profile.pattern is None:
        raise CampipeError(f"a camera with colour filters is needed, but {profile.name} is monochrome")
    low, high = profile.iso_range
    # The ends as they are: a rounded logarithm may lie outside of the range.
    isos = torch.logspace(0, 1, STEPS, base=high / low, dtype=torch.float64).mul(low).clamp(low, high)
    numbers = profile.at_iso(isos)
    shape = numbers["read_shape"]
    none = torch.full((STEPS,), torch.nan)
    numbers["read_shape"] = none if shape is None else shape
    numbers["spread"] = none if shape is None else tukey_lambda_std(shape.double())
    numbers["white"] = profile.white_level(isos)
    cct = torch.linspace(*profile.priors.cct, LIGHTS, dtype=torch.float64)
    wb, to_srgb, _ = profile.colour_at(cct)
    efficiency = torch.as_tensor(profile.quantum_efficiency, dtype=torch.float64).expand(3)
    priors = profile.priors
    black = float(torch.as_tensor(profile.black_level, dtype=torch.float64).mean())
    fixed = (black, 2**profile.bits - 1, profile.dark_current, profile.prnu.pixel, profile.dsnu.pixel, profile.blur_sigma)
    return {
        "at_iso": torch.stack([torch.as_tensor(numbers[name], dtype=torch.float64).expand(STEPS) for name in AT_ISO], -1),
        "always": torch.tensor([*fixed, *priors.tone, *priors.brightness], dtype=torch.float64),
        "wb": wb,
        "to_cam": inverse(to_srgb),
        "share": efficiency / efficiency[1],
    }
