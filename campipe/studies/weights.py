"""Weights that a study leaves in its folder, with the card that they ship with."""

from __future__ import annotations

from collections.abc import Mapping

from campipe.blocks.learned.base import Learned
from campipe.io.atomic import write_bytes
from campipe.studies.setting import Setting
from campipe.train.task import Fitted

DATA = "52 photos of CID22 (Cloudinary), CC BY-SA 4.0, 4 of them held out, made grey; procedural scenes"
LICENCE = "Apache-2.0; trained on photos under CC BY-SA 4.0 (attribution Cloudinary, CID22)"


def keep(setting: Setting, name: str, block: Learned, fitted: Fitted, patches: int, further: Mapping[str, str] | None = None) -> None:
    """Write `name`.safetensors and its card, `name`.md, into the folder of a study.

    patches   of a step
    further   lines of the card: what, and the words
    """
    budget = f"{fitted.steps} steps of {patches} patches, factor {setting.budget:g} of the whole budget, on {setting.device}"
    scores = ", ".join(f"{what} {value:.2f}" for what, value in fitted.scores.items())
    about = {"data": DATA, "licence": LICENCE, "budget": budget, "validation": scores}
    block.save(setting.out / f"{name}.safetensors", about)
    count = sum(p.numel() for p in block.body.parameters())
    rows = {
        "block": block.block,
        "architecture": ", ".join(f"{key} {value}" for key, value in block.architecture.items()),
        "parameters": f"{count}, stored as float16",
        "training data": DATA,
        "loss": "squared difference",
        "optimiser": "Adam",
        "budget": budget,
        "validation": f"{scores}; on 4 photos that were held out",
        **(further or {}),
        "licence": LICENCE,
    }
    lines = [f"# {name}", "", (type(block).__doc__ or "").splitlines()[0], "", "| what | |", "|---|---|"]
    text = "\n".join([*lines, *(f"| {what} | {value} |" for what, value in rows.items()), ""])
    write_bytes(setting.out / f"{name}.md", text.encode())
