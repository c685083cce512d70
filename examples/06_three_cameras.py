"""The picture of the README: one scene by three cameras, and without noise, side by side.

python examples/06_three_cameras.py docs/images/three_cameras.jpg
"""

import sys
from pathlib import Path

import torch

import campipe as cp

CAMERAS = ("sony-a7s2", "nikon-d850", "rpi-imx477")


def main(picture: str = "three_cameras.jpg", photo: str | None = None) -> None:
    if photo is None:
        from skimage import data

        photo = str(Path(data.__file__).parent / "chelsea.png")
    parts = []
    for name in CAMERAS:
        camera = cp.Camera.load(name)
        scene = camera.unprocess(cp.read(photo), cct=4500, tone=0.5, brightness=1.25)
        shot = {"iso": 1600, "ev": -3.0, "seconds": 1 / 60}
        raw = camera.capture(scene, key=cp.Key(7).fold(name), **shot)
        clean = camera.capture(scene, noise=False, **shot)
        electrons = (clean.data - clean.capture.black_level) / clean.capture.gain
        print(f"{name:<12} ISO 1600, 3 stops underexposed: {float(electrons.mean()):5.1f} electrons a pixel on average")
        parts.append(camera.develop(raw, exposure=3.0).data[..., :280, 60:340])
    parts.append(camera.develop(clean, exposure=3.0).data[..., :280, 60:340])
    gap = torch.ones_like(parts[0][..., :6])
    strip = torch.cat([part for one in parts for part in (one, gap)][:-1], -1)
    cp.write(picture, cp.Frame(strip, "display"), quality=85)
    print(f"{picture}: {', '.join(CAMERAS)}, and without noise")


if __name__ == "__main__":
    main(*sys.argv[1:])
