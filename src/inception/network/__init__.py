"""Spec -> torch module. Torch starts here."""

from inception.network.build import InceptionNet, Logits, build
from inception.network.stages import Stage, stages

__all__ = ["InceptionNet", "Logits", "Stage", "build", "stages"]
