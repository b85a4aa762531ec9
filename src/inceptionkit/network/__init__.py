"""Spec -> torch module. Torch starts here."""

from inceptionkit.network.build import InceptionNet, Logits, build
from inceptionkit.network.stages import Stage, stages

__all__ = ["InceptionNet", "Logits", "Stage", "build", "stages"]
