"""SciPy, imported when proposals are made: a detector with shared features does without."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from inceptionkit.errors import DeploymentError


def scipy_part(name: str) -> Any:  # noqa: ANN401 - a module
    """A part of SciPy, such as "ndimage".

    Raises:
        DeploymentError: it is not installed.
    """
    try:
        return import_module(f"scipy.{name}")
    except ImportError as error:
        msg = f"selective search needs scipy ({error}); pip install 'inceptionkit[detect]'"
        raise DeploymentError(msg) from error
