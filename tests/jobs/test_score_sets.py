from __future__ import annotations

import math

import pytest
import torch

from campipe.blocks import denoise
from campipe.core.errors import CampipeError
from campipe.core.frame import Capture, Frame
from campipe.io.datasets import Pair, PairSet, open_set
from campipe.io.dng import write_dng
from campipe.isp.levels import Levels
from campipe.jobs.score_sets import as_markdown, denoised, evaluate_set, score_folder, score_pair, score_set, write_submission

MATRIX = torch.tensor([[[1.6, -0.4, -0.2], [-0.2, 1.6, -0.4], [0.0, -0.5, 1.5]]])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scene(size: int = 32) -> torch.Tensor:
    """Light that changes slowly, 0.2 to 0.7 of the white level."""
    across = torch.linspace(0, 3, size)
    return (0.45 + 0.25 * torch.sin(across[:, None]) * torch.cos(across))[None, None]


def pair(sigma: float = 0.05, ratio: float = 1.0, drift: float = 1.0) -> Pair:
    capture = Capture(pattern="RGGB", wb=torch.tensor([[1.8, 1.0, 1.4]]), cam_to_srgb=MATRIX)
    noisy = scene() * drift / ratio + sigma / ratio * torch.randn(1, 1, 32, 32, generator=generator())
    noise = torch.tensor([[0.0, (sigma / ratio) ** 2]])
    return Pair("a", Frame(noisy, "mosaic", capture.replace(noise=noise)), Frame(scene(), "mosaic", capture), ratio)


class Known(PairSet):
    def __init__(self, *pairs: Pair) -> None:
        self.pairs, self.names = pairs, [p.name for p in pairs]

    def __getitem__(self, number: int) -> Pair:
        return self.pairs[self.place(number)]


@pytest.mark.parametrize("ratio", [1.0, 100.0])
def test_the_score_of_a_noisy_frame_is_that_of_its_noise_whatever_the_exposure(ratio):
    score = score_pair(pair(ratio=ratio), denoise("dct"))
    # 1024 draws of variance 0.05^2: their mean square scatters by sqrt(2 / 1024), 0.19 dB; nothing is clipped at 4 sigma.
    assert score.noisy == pytest.approx(-20 * math.log10(0.05), abs=0.6)
    assert score.psnr > score.noisy + 5 and 0.5 < score.ssim <= 1
    assert score.developed > score.developed_noisy + 3


def test_a_clean_frame_is_as_good_as_can_be():
    same = pair()
    score = score_pair(Pair("a", same.clean.replace(noise=torch.zeros(1, 2)), same.clean), denoise("dct", sigma=0.0))
    assert score.noisy == math.inf and score.psnr > 100 and score.developed > 80


def test_light_that_differs_is_brought_into_line_where_asked_for():
    dim = pair(sigma=0.01, drift=0.8)
    as_it_is, aligned = (score_pair(dim, denoise("dct"), align=align) for align in (False, True))
    assert aligned.psnr > as_it_is.psnr + 6


def test_a_frame_without_a_profile_is_told_its_noise_by_the_picture():
    bare = pair().noisy.replace(noise=None)
    told = denoised(bare, denoise("dct"))
    assert float((told.data - scene()).square().mean()) < 0.5 * float((bare.data - scene()).square().mean())


def test_a_set_is_scored_evenly_and_summed_up_in_a_table():
    pairs = Known(*[pair(sigma) for sigma in (0.02, 0.03, 0.04, 0.05)])
    said = []
    scores = score_set(pairs, denoise("guided"), count=2, progress=lambda *words: said.append(words))
    assert [round(s.noisy) for s in scores] == [34, 28] and said == [(1, 2, "a"), (2, 2, "a")]
    table = as_markdown(scores, "Two pairs.")
    assert "| 2 pairs, as taken |" in table and "| 2 pairs, developed |" in table
    with pytest.raises(CampipeError, match="count=0"):
        score_set(pairs, count=0)
    with pytest.raises(CampipeError, match="at least one row"):
        as_markdown([], "")


def test_frames_that_do_not_belong_together_are_refused():
    good = pair()
    with pytest.raises(CampipeError, match="a: noisy and clean frame differ in size or pattern"):
        score_set(Known(Pair("a", good.noisy, good.clean.crop(1, 0, 31, 32))), denoise("guided"))
    with pytest.raises(CampipeError, match="the authors keep the clean frames"):
        score_pair(Pair("a", good.noisy, None), denoise("guided"))


def test_a_folder_of_raw_files_is_scored_by_the_name_of_its_set(tmp_path):
    levels = {"black_level": 512.0, "white_level": 16383.0, "wb": torch.tensor([[1.8, 1.0, 1.4]])}
    dn = scene() * (16383 - 512) + 512
    noisy = (dn - 512) / 250 + 512 + 10 * torch.randn(dn.shape, generator=generator())
    for name, data in (("short/10003_00_0.04s", noisy), ("long/10003_00_10s", dn)):
        path = tmp_path / "Sony" / f"{name}.dng"
        path.parent.mkdir(parents=True)
        write_dng(path, Frame(data.round(), "dn", Capture(pattern="RGGB", **levels)))
    (score,) = score_folder("sid", tmp_path, denoise("dct"))
    assert score.name == "10003_00_0.04s" and score.psnr > score.noisy + 3
    said = evaluate_set("sid", tmp_path, "denoise/dct", count=1, out=tmp_path / "out")
    assert f"| 1 pairs, as taken | {score.noisy:.2f} | {score.psnr:.2f} |" in said
    assert (tmp_path / "out" / "set_sid.md").read_text() == said
    (again,) = open_set("sid", tmp_path)
    unit = Levels()(again.noisy).data * 250
    assert score.noisy == pytest.approx(-10 * math.log10(float((unit.clamp(0, 1) - scene()).square().mean())), abs=0.05)


def test_boxes_whose_clean_twins_are_kept_are_written_for_their_authors(tmp_path):
    loadmat = pytest.importorskip("scipy.io").loadmat
    boxes = Known(Pair("0001_01", pair().noisy, None))
    (file,) = write_submission(boxes, denoise("dct"), tmp_path / "out")
    assert file.name == "0001_01.mat" and loadmat(file)["Idenoised_crop"].shape == (32, 32)


def test_sets_are_for_denoisers_and_boxes_need_a_folder(tmp_path):
    with pytest.raises(CampipeError, match="are for denoisers, but demosaick/menon came"):
        evaluate_set("sid", tmp_path, "demosaick/menon")
    with pytest.raises(CampipeError, match="give a folder with --out"):
        evaluate_set("dnd", tmp_path, "denoise/dct")
