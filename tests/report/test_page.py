"""The page: one file, well-formed, nothing from outside, and words that stay words."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import imageio.v3 as iio
import pytest
import torch

from campipe.core.frame import Frame
from campipe.core.profile import load_profile
from campipe.report import page
from campipe.report.demo_page import count, shutter
from campipe.report.images import crop_around, jpeg, png
from campipe.report.noise import NoiseStatistics
from campipe.report.plots import cameras_plot, noise_plot, sensor_figures

VOID = {"img", "input", "meta", "br", "link"}


class Balance(HTMLParser):
    """Complains about elements that are closed out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag


def picture(height: int = 8, width: int = 12) -> Frame:
    values = torch.arange(3 * height * width).reshape(1, 3, height, width) / (3 * height * width)
    return Frame((values * 255).round() / 255, "display")


def statistics() -> NoiseStatistics:
    signal = torch.logspace(0, 3, 10, dtype=torch.float64)
    edges = torch.linspace(-5, 5, 11, dtype=torch.float64)
    return NoiseStatistics(signal, signal, signal, signal / 10, edges, torch.full((10,), 0.1, dtype=torch.float64), 1.0, 8, 80, 1.0)


def decoded(uri: str) -> torch.Tensor:
    kind, data = uri.split(";base64,")
    return torch.from_numpy(iio.imread(io.BytesIO(base64.b64decode(data)), extension=f".{kind.split('/')[1]}").copy())


def test_a_page_is_well_formed_and_asks_for_nothing_from_outside():
    body = page.section(
        "A & B",
        page.paragraph("1 < 2"),
        page.compare(jpeg(picture()), jpeg(picture()), ("left", "right"), "both", 1.5),
        page.row(page.picture(png(picture()), "title", pixels=True)),
        page.numbers("n", noise_plot(statistics(), "x")),
        page.table(["a", "b"], [["1", page.mark("measured", 'a "source"')]], figures=(1,)),
    )
    text = page.page("<title>", body)
    balance = Balance()
    balance.feed(text)
    assert balance.open == []
    assert "A &amp; B" in text and "1 &lt; 2" in text and "<title>&lt;title&gt;</title>" in text
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert sources and all(source.startswith(("data:image/", "#")) for source in sources)
    assert not re.search(r"@import|url\(http", text)


def test_pictures_come_back_from_the_page_as_they_went_in():
    assert torch.equal(decoded(png(picture())).permute(2, 0, 1).float() / 255, picture().data[0])
    smooth = Frame(torch.linspace(0.2, 0.7, 32).expand(1, 3, 32, 32).contiguous(), "display")
    assert float((decoded(jpeg(smooth)).permute(2, 0, 1) / 255 - smooth.data[0]).abs().max()) < 0.02


@pytest.mark.parametrize(("centre", "corner"), [((0.5, 0.5), (2, 4)), ((0.0, 0.0), (0, 0)), ((1.0, 1.0), (4, 8))])
def test_a_close_look_stays_inside_the_picture(centre, corner):
    y, x = corner
    assert torch.equal(crop_around(picture(), centre, 4).data, picture().data[..., y : y + 4, x : x + 4])
    assert crop_around(picture(), centre, 100).data.shape == picture().data.shape


@pytest.mark.parametrize("plot", [lambda: noise_plot(statistics(), "a"), lambda: cameras_plot([load_profile("sony-a7s2")])])
def test_plots_take_their_colours_from_the_page_and_are_the_same_each_time(plot):
    text = plot()
    assert text == plot()
    ElementTree.fromstring(text.replace("xlink:href", "href"))
    assert "var(--ink)" in text and "var(--accent-0)" in text
    assert not re.search(r"#0[1-6]0[1-6]0[1-6]", text)
    assert 'role="img"' in text and "aria-label" in text


def test_figures_of_a_sensor_follow_from_its_profile():
    # Sony A7S II at ISO 1600, from its profile: 1.53008 DN/e-, 4.381 e- and 0.992 DN of read noise, 0.64623 e- of row noise,
    # 14 bits above a black level of 512.
    found = sensor_figures(load_profile("sony-a7s2"), 1600.0)
    noise = (4.381**2 + 0.64623**2 + (0.992**2 + 1 / 12) / 1.53008**2) ** 0.5
    assert found["read noise"] == pytest.approx(noise, rel=1e-5)
    assert found["saturation"] == pytest.approx((16383 - 512) / 1.53008, rel=1e-5)
    assert 2 ** found["dynamic range"] == pytest.approx((16383 - 512) / 1.53008 / noise, rel=1e-5)


def test_numbers_are_written_as_one_reads_them():
    assert [count(value) for value in (4.7213, 84.31, 2274.4)] == ["4.72", "84.3", "2,274"]
    assert [shutter(value) for value in (1 / 60, 0.001, 30.0)] == ["1/60 s", "1/1000 s", "30 s"]
