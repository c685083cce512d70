"""Measure a camera: rehearse the frames that a calibration asks for, calibrate from them, and photograph with what was found.

python examples/08_measure_a_camera.py measured
"""

import sys
from pathlib import Path

import campipe as cp
from campipe.jobs.calibrate import calibrate
from campipe.jobs.reality_gap import reality_gap
from campipe.jobs.rehearse import Plan, rehearse

NAME, SIZE = "rpi-imx477", 192
PLAN = Plan(
    iso=(100.0, 400.0, 1600.0),
    levels=(0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 1.6),
    pairs=1,
    darks=8,
    dark_seconds=(4.0, 16.0),
    dark_frames=4,
    stack=12,
)


def main(folder: str = "measured") -> None:
    frames = Path(folder) / "frames"
    count = rehearse(NAME, frames, plan=PLAN, width=SIZE, height=SIZE)  # your own raw files go here instead
    done = calibrate(frames, Path(folder) / "camera.toml", report=Path(folder) / "report.html")
    print(f"{count} frames; report: {done.files[1]}")
    truth = cp.Camera.load(NAME).profile
    for step in done.calibration.steps:
        known = truth.at_iso(step.iso)
        noise = f"read noise {step.electrons('pixel')}, of {float(known['read_noise']):g}"
        print(f"ISO {step.iso:g}: gain {step.gain}, of {float(known['gain']):.4f}; {noise}")
    gap = reality_gap(frames, str(done.files[0]))
    widest = max(abs(g.divergence.value / g.divergence.error) for one in gap.series for g in one.gaps)
    print(f"noise of the measured camera beside the frames: divergence at most {widest:.1f} errors from 0 in {len(gap.series)} series")


if __name__ == "__main__":
    main(*sys.argv[1:])
