"""The engines' libraries, imported when they are needed, and silent."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from inceptionkit.errors import DeploymentError

TELEMETRY = "openvino_telemetry"  # reports usage by default; without it its users go on silently


def library(name: str) -> Any:  # noqa: ANN401 - a module
    """Import one of the libraries that the extra `deploy` installs.

    Raises:
        DeploymentError: it is not installed, or damaged.
    """
    sys.modules.setdefault(TELEMETRY, None)  # type: ignore[arg-type] # makes its import fail
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        msg = f"{error.name} is not installed; pip install 'inceptionkit[deploy]'"
        raise DeploymentError(msg) from error
    except ImportError as error:
        msg = f"{name} is installed and cannot be imported ({error}); install it again"
        raise DeploymentError(msg) from error


def installed(name: str) -> bool:
    """Whether a library could be imported, without importing it."""
    return find_spec(name) is not None
