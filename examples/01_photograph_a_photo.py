"""Take a photo back to the light of its scene, photograph that with another camera, and develop what it recorded.

python examples/01_photograph_a_photo.py photo.jpg
"""

import sys
from pathlib import Path

import campipe as cp


def main(photo: str, folder: str = ".") -> None:
    camera = cp.Camera.load("sony-a7s2")
    key = cp.Key(7)

    scene = camera.unprocess(cp.read(photo), key=key)  # the light that made the photo; what was drawn is in its capture
    shot = {"iso": 12800, "ev": -2.0, "seconds": 1 / 60}
    raw = camera.capture(scene, key=key, **shot)
    clean = camera.capture(scene, key=key, noise=False, **shot)

    out = Path(folder)
    cp.write(out / "shot.dng", raw)
    cp.write(out / "shot.png", camera.develop(raw, exposure=2.0))
    cp.write(out / "clean.png", camera.develop(clean, exposure=2.0))

    electrons = (clean.data - clean.capture.black_level) / clean.capture.gain
    print(f"{camera}")
    print(f"light of {float(scene.capture.wb[0, 0]):.2f} / 1 / {float(scene.capture.wb[0, 2]):.2f} (white balance red / green / blue)")
    print(f"{float(electrons.mean()):.1f} electrons a pixel on average; raw, picture and clean picture are in {out.resolve()}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(*sys.argv[1:])
    else:
        from skimage import data

        main(str(Path(data.__file__).parent / "coffee.png"))
