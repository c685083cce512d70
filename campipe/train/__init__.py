"""Training: one loop, its schedules, checkpoints and data, and recipes that say what is trained."""

from campipe.train.checkpoint import Checkpoint
from campipe.train.crops import Crops
from campipe.train.ema import Ema
from campipe.train.loop import Fitted, Training, fit
from campipe.train.recipe import TrainingRecipe
from campipe.train.schedules import Constant, Schedule, Steps, WarmUpCosine

__all__ = ["Checkpoint", "Constant", "Crops", "Ema", "Fitted", "Schedule", "Steps", "Training", "TrainingRecipe", "WarmUpCosine", "fit"]
