"""Every command does its job, shows an example in its help, and keeps stdout for its answer."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import typer

import campipe as cp
from campipe.cli.training import app

COMMANDS = ["demo", "list", "simulate", "develop", "evaluate", "synth", "bench", "import", "calibrate", "rehearse", "gap", "train", "study"]


def started(*words: object, **options) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    repository = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": repository, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "campipe.cli", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options)


def test_the_commands_are_those_of_the_contract():
    assert sorted(typer.main.get_command(app).commands) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example_whose_words_the_command_takes(name, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    answer = run(name, "--help")
    assert answer.status == 0 and answer.err == ""
    (line,) = [line for line in answer.out.splitlines() if "Example: " in line]
    program, command, *rest = shlex.split(line.split("Example: ")[1])
    assert (program, command) == ("campipe", name)
    typer.main.get_command(app).commands[name].make_context(name, list(rest))


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_without_a_command_the_help_names_them_all(words, run):
    answer = run(*words)
    assert answer.status == 0
    assert all(name in answer.out for name in COMMANDS)


def test_the_version_is_told(run):
    assert run("--version").out.startswith("campipe")


@pytest.mark.parametrize("what", ["cameras", "recipes", "isp", "stages", "blocks"])
def test_lists_say_the_same_as_a_table_and_as_json(what, run):
    table, rows = run("list", what), json.loads(run("list", what, "--json").out)
    assert table.status == 0 and table.err == ""
    assert len(rows) >= 2
    assert all(row["name"] in table.out for row in rows)


def test_the_list_of_cameras_states_sensor_and_provenance(run):
    rows = {row["name"]: row for row in json.loads(run("list", "cameras", "--json").out)}
    assert set(rows) == set(cp.cameras())
    sony = rows["sony-a7s2"]
    assert (sony["width"], sony["height"], sony["bits"], sony["iso"]) == (4240, 2832, 14, [50, 25600])
    assert "gain" in sony["measured"] and "dark current" in sony["assumed"]
    assert sony["megapixels"] == 12.0 and sony["gain"] == pytest.approx([0.047815, 24.48128], rel=1e-5)
    assert sony["read_noise"][0] > 15 * sony["read_noise"][1] and sony["saturation"] == pytest.approx((8447 - 512) / 0.047815, rel=1e-5)


def test_the_list_of_cameras_tells_them_apart(run):
    lines = run("list", "cameras").out.splitlines()
    rows = [line for line in lines if line.split(" ")[0] in cp.cameras()]
    assert len(rows) == len(cp.cameras()) >= 25
    assert len({line.split(None, 1)[1] for line in rows}) == len(rows)


def test_simulate_records_what_python_records_with_the_same_seed(photo, tmp_path, run):
    out, png, clean = tmp_path / "shot.dng", tmp_path / "shot.png", tmp_path / "clean.dng"
    exposure = ["--camera", "nikon-d850", "--iso", 3200, "--ev", -2, "--seconds", 0.01, "--seed", 5]
    answer = run("simulate", photo, *exposure, "--out", out, "--png", png, "--clean", clean)
    assert (answer.status, answer.err) == (0, "")
    assert "Nikon D850, ISO 3200, 1/100 s, 320 x 256, RGGB" in answer.out
    camera, key = cp.Camera.load("nikon-d850"), cp.Key(5)
    shot = {"iso": 3200, "ev": -2.0, "seconds": 0.01, "key": key}
    scene = camera.unprocess(cp.read(photo), key=key)
    raw = camera.capture(scene, **shot)
    assert torch.equal(cp.read(out).data, raw.data)
    assert torch.equal(cp.read(clean).data, camera.capture(scene, noise=False, **shot).data.round())
    assert float((cp.read(png).data - camera.develop(raw, exposure=2.0).data).abs().max()) <= 0.5 / 255 + 1e-6


def test_simulate_writes_the_ideal_as_a_picture_where_a_picture_is_named(photo, tmp_path, run):
    clean = tmp_path / "clean.png"
    assert run("simulate", photo, "--camera", "rpi-imx477", "--out", tmp_path / "a.dng", "--clean", clean).status == 0
    assert cp.read(clean).space == "display"


@pytest.mark.parametrize(("bits", "step"), [(8, 1 / 255), (16, 1 / 65535)])
def test_develop_gives_what_python_develops(bits, step, raw, tmp_path, run):
    out = tmp_path / "picture.png"
    answer = run("develop", raw, "--out", out, "--exposure", 0.5, "--bits", bits, "--demosaick", "bilinear")
    assert (answer.status, answer.err) == (0, "")
    wanted = cp.develop(cp.read(raw), exposure=0.5, demosaick="bilinear").data
    assert float((cp.read(out).data - wanted).abs().max()) <= step / 2 + 1e-6


def test_synth_goes_on_where_it_was_and_says_so(photo, tmp_path, run):
    words = ["synth", "raw_pairs", "--images", photo.parent, "--out", tmp_path / "pairs", "--count", 2]
    first, second = run(*words), run(*words)
    assert (first.status, second.status) == (0, 0)
    assert "2 samples" in first.out and "2 made" in first.out
    assert "0 made" in second.out and "2 were there" in second.out


def test_an_interrupted_synth_leaves_with_130_and_says_how_to_go_on(photo, tmp_path):
    out = tmp_path / "pairs"
    process = started("synth", "raw_pairs", "--images", photo.parent, "--out", out, "--count", 4000)
    try:
        for _ in range(600):
            if (out / "manifest.json").exists():
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert len(err.strip().splitlines()) == 1 and "goes on where it stopped" in err


def test_nothing_but_the_answer_is_said_where_nobody_watches(photo, tmp_path):
    process = started("synth", "raw_pairs", "--images", photo.parent, "--out", tmp_path / "pairs", "--count", 1)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0
    assert err == "" and len(out.splitlines()) == 1


def test_a_reader_that_goes_away_causes_no_traceback():
    process = started("list", "stages")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(60) == 141
    assert err == ""
