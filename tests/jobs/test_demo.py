"""The demo: its files, its page, and the same pixels each time."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

import campipe as cp
from campipe.core.frame import Frame
from campipe.jobs import demo as job
from campipe.jobs.demo import Setting, demo

SMALL = {
    "trio": tuple(Setting(0, camera, 800, -1, 1 / 60) for camera in job.TRIO),
    "ladder": (Setting(1, "sony-a7s2", 400, 0, 1 / 60), Setting(1, "sony-a7s2", 6400, 0, 1 / 60)),
    "others": (Setting(0, "nikon-d850", 3200, -2, 1 / 60), Setting(1, "rpi-imx477", 100, 0, 2.0)),
}


@pytest.fixture
def images(tmp_path, photos) -> Path:
    """Two small photos."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name, top in (("astronaut", 20), ("chelsea", 60)):
        data = torch.from_numpy(photos[name][top : top + 72, 130:226].copy()).permute(2, 0, 1)[None] / 255
        cp.write(folder / f"{name}.png", Frame(data, "display"))
    return folder


def test_the_demo_writes_raws_pairs_pictures_and_one_page(tmp_path, images, monkeypatch):
    monkeypatch.setattr(job, "SETTINGS", SMALL)
    ticks: list[tuple[int, int]] = []
    report = demo(tmp_path / "out", images=images, progress=lambda done, total, words: ticks.append((done, total)))
    assert report == tmp_path / "out" / "report.html"
    assert ticks == [(n, 8) for n in range(8)]
    folders = sorted(path.name for path in (tmp_path / "out" / "shots").iterdir())
    assert len(folders) == 7 and "chelsea-sony-a7s2-iso6400" in folders
    shot = tmp_path / "out" / "shots" / "astronaut-nikon-d850-iso800"
    noisy, clean = cp.read(shot / "noisy.dng"), cp.read(shot / "clean.dng")
    assert noisy.space == clean.space == "dn" and (noisy.height, noisy.width) == (72, 96)
    # Noise, and only that: the mean difference is small beside the root mean square one.
    difference = noisy.data - clean.data
    assert 0 < abs(float(difference.mean())) < 0.2 * float(difference.std())
    text = report.read_text(encoding="utf-8")
    links = re.findall(r'href="([^"#]+)"', text)
    assert len(links) == 4 * 7 and all((report.parent / link).is_file() for link in links)
    assert text.count('class="plot"') == 3 + 2 + 1
    assert all(words in text for words in ("Sony A7S II", "Nikon D850", "Raspberry Pi", "Up the ISO ladder", "assumed"))


def test_the_demo_gives_the_same_bytes_again_and_other_noise_for_another_seed(tmp_path, images, monkeypatch):
    monkeypatch.setattr(job, "SETTINGS", SMALL)
    pages = []
    for seed in (0, 0, 1):
        monkeypatch.chdir(tmp_path)
        demo(Path("out"), images=images, seed=seed)
        pages.append({str(path.relative_to("out")): path.read_bytes() for path in Path("out").rglob("*") if path.is_file()})
    assert pages[0] == pages[1]
    changed = {name for name, content in pages[2].items() if content != pages[0][name]}
    assert {name for name in pages[0] if "noisy" in name} <= changed
    assert not {name for name in changed if "clean" in name}


def test_a_photo_larger_than_the_page_can_carry_is_averaged_down():
    scene = Frame(torch.rand(1, 3, 1500, 2000, generator=torch.Generator().manual_seed(1)), "scene")
    small = job._smaller(scene)
    assert (small.height, small.width) == (750, 1000)
    assert torch.allclose(small.data.mean(), scene.data.mean(), rtol=1e-5)


def test_photos_that_come_with_scikit_image_are_found():
    pytest.importorskip("skimage")
    assert {path.name for path, _ in job._photos(None)} == set(job.PHOTOS)
    assert json.dumps([centre for _, centre in job._photos(None)])
