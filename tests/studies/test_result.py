"""Results of studies come back as they were written, and the scoreboard says of each claim whether it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from campipe.core.errors import CampipeError
from campipe.jobs.scoreboard import held, scoreboard, section
from campipe.studies import find, names
from campipe.studies.result import Claim, Result, Row

RESULT = Result(
    system="A net (Somebody 2010)",
    images="two pictures",
    protocol="as they are",
    rows=(Row("net", {"PSNR, dB": 30.125, "SSIM": 0.75}, 1000, 0.25, "31 dB, its paper"), Row("twin", {"PSNR, dB": 29.5})),
    claims=(Claim("net against its twin, dB", 30.125, ">=", 29.5), Claim("its size", 1000, "<=", 900)),
    reproduced="The net is above its twin.",
    budget="none",
)


def test_a_result_comes_back_as_it_was_written(tmp_path):
    assert Result.read(RESULT.write(tmp_path / "r.json")) == RESULT
    assert [claim.holds for claim in RESULT.claims] == [True, False]


def test_the_board_has_every_score_and_says_which_claims_hold():
    page = section("net", RESULT)
    assert "| net | 30.12 | 0.750 | 1000 | 0.25 | 31 dB, its paper |" in page
    assert "| twin | 29.50 |  |  |  |  |" in page
    assert "| net against its twin, dB | 30.1" in page and "| >= 29.50 | yes |" in page
    assert "| its size | 1000.00 | <= 900.00 | **no** |" in page
    first = names()[0]
    board = scoreboard({first: RESULT})
    assert f"[{first}](#{first}) | A net (Somebody 2010) | 1 of 2 |" in board
    assert all(name in board.split("Not run yet")[1] for name in names()[1:])


def test_the_page_in_the_docs_is_that_of_the_results_that_ship():
    page = Path(__file__).resolve().parents[2] / "docs" / "scoreboard.md"
    assert page.read_text(encoding="utf-8") == scoreboard(held())


@pytest.mark.parametrize("content", ["", "[]", '{"rows": []}', '{"rows": [{"name": 1, "other": 2}], "claims": []}'])
def test_what_is_no_result_is_refused_in_one_line(content, tmp_path):
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(CampipeError, match="is no result of a study") as told:
        Result.read(tmp_path / "r.json")
    assert "\n" not in str(told.value)
    with pytest.raises(CampipeError, match=r"there is no result .*campipe study other"):
        Result.read(tmp_path / "other.json")
    with pytest.raises(CampipeError, match=r"compares by one of >=, <="):
        Claim("x", 1.0, ">", 1.0)


@pytest.mark.parametrize("name", names())
def test_every_study_is_a_function(name):
    assert callable(find(name))


def test_a_study_that_is_not_there_is_refused():
    with pytest.raises(CampipeError, match="no study 'nothing'; there are: "):
        find("nothing")
