"""Importing other implementations beside whatever torch is installed."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

import torch

OPERATORS = ("nms", "qnms")
SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


class PeerMissingError(Exception):
    """A peer cannot be imported here; the text says why and what to do."""


def torchvision_models() -> ModuleType:
    """Import `torchvision.models`, whichever build of torch stands beside it.

    A build of torchvision for another torch cannot load its compiled operators and then fails on
    describing them; declared without a body they do no harm, for classifiers never call them.

    Raises:
        PeerMissingError: it is not installed, or does not import all the same.
    """
    try:
        declare_operators()
        return import_module("torchvision.models")
    except ImportError as error:
        msg = f"torchvision is not installed ({error}); pip install --no-deps torchvision==0.28.0"
        raise PeerMissingError(msg) from error
    except RuntimeError as error:
        msg = f"torchvision does not import beside torch {torch.__version__} ({error})"
        raise PeerMissingError(msg) from error


def declare_operators() -> bool:
    """Whether torchvision has its own operators; otherwise they are declared, so it imports."""
    try:
        import_module("torchvision")
    except RuntimeError:  # operator torchvision::nms does not exist
        for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        DECLARED.extend(declared())
        return False
    return True


DECLARED: list[torch.library.Library] = []  # operators live as long as their library


def declared() -> list[torch.library.Library]:
    """Declare the operators that torchvision expects to have loaded."""
    library = torch.library.Library("torchvision", "DEF")
    for name in OPERATORS:
        library.define(name + SIGNATURE)
    return [library]
