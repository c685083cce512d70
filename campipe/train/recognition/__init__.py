"""Recognition: written digits photographed in little light, a classifier, and a camera that is tuned for it."""

from campipe.train.recognition.classifier import Classifier
from campipe.train.recognition.digits import Digits, DigitScenes, digits
from campipe.train.recognition.interval import paired_interval
from campipe.train.recognition.task import Recognition

__all__ = ["Classifier", "DigitScenes", "Digits", "Recognition", "digits", "paired_interval"]
