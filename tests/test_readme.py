"""README and guide: their Python runs, their commands are real, their links lead somewhere, and their pictures are small."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
from pathlib import Path

import pytest

from campipe.cli.training import app

PAGES = ("README.md", "docs/guide.md")
REPOSITORY = Path(__file__).resolve().parents[1]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language ("" for none)."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs_in_order_beside_a_photo(page, tmp_path, monkeypatch):
    from skimage import data

    photo = Path(data.__file__).parent / "chelsea.png"
    shutil.copy(photo, tmp_path / "photo.png")
    (tmp_path / "photos").mkdir()
    shutil.copy(photo, tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for number, source in enumerate(blocks(page, "python")):
            exec(compile(source, f"{page}, block {number}", "exec"), names)
    assert (tmp_path / "shot.dng").stat().st_size > 10_000
    assert (tmp_path / "shot.png").stat().st_size > 10_000
    if page == "README.md":
        zero, ours = (float(number) for number in re.findall(r"tensor\(([-\d.]+)\)", said.getvalue()))
        assert zero == 0
        # One pixel gives (y)(2 + z / sqrt 5) with y = 5 + sqrt(5) z: mean 11, standard deviation about 7; here is the mean of 10,000.
        assert abs(ours - 11) < 6 * 7 / 100


def test_the_python_of_the_page_on_calibration_finds_what_went_in(capsys):
    (source,) = blocks("docs/calibration.md", "python")
    names: dict[str, object] = {}
    exec(compile(source, "docs/calibration.md", "exec"), names)
    found = names["found"]
    for number, truth in ((found.gain, 0.2), (found.dark_noise, 3.0), (found.quantum_efficiency, 0.6)):  # type: ignore[attr-defined]
        assert abs(number.value - truth) < 5 * number.error
    assert "DN/e-" in capsys.readouterr().out


@pytest.mark.parametrize("page", (*PAGES, "docs/calibration.md"))
def test_the_commands_of_a_page_name_options_that_there_are(page):
    import typer

    commands = typer.main.get_command(app).commands
    lines = [line for block in blocks(page, "") for line in block.splitlines()]
    lines += re.findall(r"`(campipe [^`]*)`", (REPOSITORY / page).read_text(encoding="utf-8"))
    words = [shlex.split(line, comments=True) for line in lines if line.startswith("campipe ")]
    assert words
    for _, name, *rest in words:
        assert name in commands, name
        if rest:
            commands[name].make_context(name, list(rest))  # raises for an option or a word too many


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_to_files_of_the_project(page):
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if not target.startswith("http")]
    targets += [f"{'' if page == 'README.md' else '../'}{test}" for test in re.findall(r"`(tests/[\w/]+\.py)`", text)]
    assert targets
    for target in targets:
        assert ((REPOSITORY / page).parent / target).exists(), target


def test_the_pictures_of_the_docs_are_small():
    pictures = [path for path in (REPOSITORY / "docs").rglob("*") if path.suffix in {".png", ".jpg", ".svg"}]
    assert pictures
    for path in pictures:
        assert path.stat().st_size < 300_000, path.name


def test_the_ten_lines_are_ten_at_most():
    first = blocks("README.md", "python")[0]
    assert len([line for line in first.splitlines() if line.strip()]) <= 10
