"""score_sets: how well a denoiser of mosaics does on a published set of noisy photographs, in the raw domain and after development."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import torch
from torch import Tensor

from campipe.blocks import make
from campipe.blocks.base import Block
from campipe.core.errors import CampipeError
from campipe.core.frame import Frame
from campipe.developing import develop
from campipe.io.atomic import write_bytes
from campipe.io.datasets.dnd import write_box
from campipe.io.datasets.pairs import Pair, PairSet, open_set
from campipe.isp.levels import Levels
from campipe.isp.noise_profile import EstimateNoise
from campipe.measure.psnr import psnr
from campipe.measure.ssim import ssim

Progress = Callable[[int, int, str], None]
_WINDOW = 11  # pixels of the window of SSIM


@dataclass(frozen=True)
class SetScore:
    """How one pair came out: noisy and denoised, against the clean frame.

    noisy, psnr, ssim         of the frame as it is, dB and 1: a mosaic as one plane, 1 = white level, held to [0, 1]
    developed_noisy, developed    dB, of the pictures that `develop` makes of it; None: the frame has no pattern
    """

    name: str
    noisy: float
    psnr: float
    ssim: float
    developed_noisy: float | None
    developed: float | None


def score_set(
    pairs: PairSet, block: str | Block = "raw_unet", *, count: int | None = None, align: bool = False, progress: Progress | None = None
) -> list[SetScore]:
    """Denoise a set and compare it with its clean frames.

    pairs      of `campipe.io.datasets.open_set`
    block      name of a denoiser, or a block that fills its slot
    count      how many pairs, evenly through the set; None: all
    align      True: noisy frames are brought to the clean one's light by one factor, least squares, after the ratio of the exposures, as
               ELD's authors do against lamps that flicker
    progress   called with (done, all, words)

    A frame is denoised as it was taken, with the noise profile of its capture, or one that is estimated from it where there is none; then
    it is multiplied by the ratio of the exposures and held to [0, 1]. Development takes white balance and colours of the clean frame.
    """
    denoiser = make("denoise", block) if isinstance(block, str) else block
    chosen = _chosen(len(pairs), count)
    scores = []
    for done, number in enumerate(chosen):
        pair = pairs[number]
        try:
            scores.append(score_pair(pair, denoiser, align=align))
        except CampipeError as problem:
            raise CampipeError(f"{pair.name}: {problem}") from problem
        if progress is not None:
            progress(done + 1, len(chosen), pair.name)
    return scores


@torch.no_grad()
def score_pair(pair: Pair, denoiser: Block, *, align: bool = False) -> SetScore:
    """Denoise the noisy frame of a pair, and compare both with the clean one."""
    if pair.clean is None:
        raise CampipeError("the authors keep the clean frames of this set; write what they score with write_submission")
    noisy, clean = _in_unit(pair.noisy), _in_unit(pair.clean)
    if noisy.data.shape != clean.data.shape or noisy.capture.pattern != clean.capture.pattern:
        raise CampipeError(f"noisy and clean frame differ in size or pattern: {noisy} and {clean}; unpack the set again")
    wanted = clean.data.clamp(0, 1)
    both = [_brought(frame.data, wanted, pair.ratio, align) for frame in (noisy, denoised(noisy, denoiser))]
    before, after = (float(psnr(data, wanted, data_range=1.0)) for data in both)
    small = min(wanted.shape[-2:]) < _WINDOW
    likeness = float("nan") if small else float(ssim(both[1], wanted, data_range=1.0))
    if clean.capture.pattern is None:
        return SetScore(pair.name, before, after, likeness, None, None)
    unit = torch.ones(clean.batch)
    pictures = [
        develop(clean.replace(data, space="dn", black_level=0 * unit, white_level=unit, noise=None)).data for data in (*both, wanted)
    ]
    shown = [float(psnr(picture, pictures[2], data_range=1.0)) for picture in pictures[:2]]
    return SetScore(pair.name, before, after, likeness, *shown)


def denoised(frame: Frame, denoiser: Block) -> Frame:
    """The frame as the denoiser leaves it, told the noise by the capture or by the picture."""
    if frame.capture.noise is None and frame.space in EstimateNoise.reads and not hasattr(denoiser, "sigma"):
        frame = EstimateNoise()(frame)
    return denoiser(frame)


def write_submission(pairs: PairSet, block: str | Block, out: str | os.PathLike[str], progress: Progress | None = None) -> list[Path]:
    """Denoise a set whose authors keep the clean frames, and write what their kit bundles: a MATLAB file for each box, as DND has it."""
    denoiser = make("denoise", block) if isinstance(block, str) else block
    folder, files = Path(out), []
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(len(pairs)):
        pair = pairs[number]
        with torch.no_grad():
            files.append(write_box(folder, pair.name, denoised(_in_unit(pair.noisy), denoiser).data.clamp(0, 1)))
        if progress is not None:
            progress(number + 1, len(pairs), pair.name)
    return files


def score_folder(
    name: str,
    folder: str | os.PathLike[str],
    block: str | Block = "raw_unet",
    *,
    count: int | None = None,
    progress: Progress | None = None,
) -> list[SetScore]:
    """`score_set` of a folder of one of the published sets, by the set's name."""
    return score_set(open_set(name, folder), block, count=count, align=name == "eld", progress=progress)


def evaluate_set(
    name: str,
    folder: str | os.PathLike[str],
    block: str,
    *,
    count: int | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> str:
    """What `campipe evaluate denoise/NAME --set` says: a table, or of DND, whose authors keep the clean frames, the files they score.

    block   "denoise/raw_unet", or the name alone
    out     folder: of the table as set_NAME.md, or of DND's files
    """
    slot, _, named = block.rpartition("/")
    if slot not in ("", "denoise"):
        raise CampipeError(f"published sets of noisy frames are for denoisers, but {block} came; name one: denoise/raw_unet")
    if name == "dnd":
        if out is None:
            raise CampipeError("DND's authors keep the clean frames; give a folder with --out for what they score")
        return f"{out}: {len(write_submission(open_set(name, folder), named, out, progress))} files"
    scores = score_folder(name, folder, named, count=count, progress=progress)
    table = as_markdown(scores, f"{named} on {name}: {len(scores)} pairs; PSNR of raw frames, 1 = white level, held to [0, 1].")
    if out is not None:
        Path(out).mkdir(parents=True, exist_ok=True)
        write_bytes(Path(out) / f"set_{name}.md", table.encode())
    return table


def as_markdown(scores: list[SetScore], about: str) -> str:
    """The mean of all pairs in one table, with the protocol above it."""
    if not scores:
        raise CampipeError("a table has at least one row, but no pair was scored; give a count of 1 or more")
    developed = [s for s in scores if s.developed is not None and s.developed_noisy is not None]
    rows = [
        f"| {len(scores)} pairs, as taken | {mean(s.noisy for s in scores):.2f} | {mean(s.psnr for s in scores):.2f} "
        f"| {mean(s.ssim for s in scores):.4f} |"
    ]
    if developed:
        shown = mean(s.developed_noisy or 0.0 for s in developed), mean(s.developed or 0.0 for s in developed)
        rows.append(f"| {len(developed)} pairs, developed | {shown[0]:.2f} | {shown[1]:.2f} | |")
    return "\n".join([about, "", "| | noisy, dB | denoised, dB | SSIM |", "|---|---|---|---|", *rows, ""])


def _chosen(there: int, count: int | None) -> list[int]:
    if count is not None and count < 1:
        raise CampipeError(f"at least one pair is scored, but count={count} came")
    wanted = there if count is None else min(count, there)
    return [i * there // wanted for i in range(wanted)]


def _in_unit(frame: Frame) -> Frame:
    return Levels()(frame) if frame.space == "dn" else frame


def _brought(data: Tensor, wanted: Tensor, ratio: float, align: bool) -> Tensor:
    """Data in the light of the clean frame."""
    data = data * ratio
    if align:
        kept = data.clamp(0, 1)
        data = data * ((kept * wanted).sum() / kept.square().sum().clamp_min(1e-12))
    return data.clamp(0, 1)
