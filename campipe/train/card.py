"""The card of weights: what was trained, on what, for how long, and how well it does."""

from __future__ import annotations

from collections.abc import Mapping

from campipe.blocks.learned.base import Learned
from campipe.train.loop import Fitted
from campipe.train.recipe import TrainingRecipe


def about(recipe: TrainingRecipe, fitted: Fitted) -> dict[str, str]:
    """What the file of weights itself says."""
    scores = ", ".join(f"{name} {value:.2f}" for name, value in fitted.scores.items())
    return {
        "recipe": recipe.source,
        "data": recipe.document.card.data,
        "licence": recipe.document.card.licence,
        "budget": f"{fitted.steps} of {recipe.training.steps} steps, {fitted.seconds / 60:.0f} CPU minutes",
        "validation": scores,
    }


def card(name: str, recipe: TrainingRecipe, block: Learned, fitted: Fitted, further: Mapping[str, str] | None = None) -> str:
    """The card in Markdown.

    name      of the weights
    further   further lines of the table, scores on test sets: what, and the figure
    """
    said, optimiser = about(recipe, fitted), recipe.document.optimiser
    count = sum(p.numel() for p in block.body.parameters())
    unfinished = "" if fitted.steps >= recipe.training.steps else " The training was not finished when these weights were written."
    rows = {
        "block": block.block,
        "architecture": ", ".join(f"{key} {value}" for key, value in block.architecture.items()),
        "parameters": f"{count}, stored as float16",
        "recipe": said["recipe"],
        "training data": said["data"],
        "loss": recipe.document.loss,
        "optimiser": f"Adam, {optimiser.batch} samples of {recipe.data.crop} x {recipe.data.crop} pixels a step",
        "budget": said["budget"],
        "validation": f"{said['validation'] or 'not yet'}; on {recipe.data.held_out} photos that were held out",
        **(further or {}),
        "licence": said["licence"],
    }
    lines = [f"# {name}", "", f"{recipe.document.about}.{unfinished}", "", "| what | |", "|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {value} |" for what, value in rows.items()), ""])
