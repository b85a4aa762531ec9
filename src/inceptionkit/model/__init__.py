"""The model folder, and other implementations' files. No torch: a deployed model needs none."""

from inceptionkit.model.exit_policy import ExitPolicy, Gate
from inceptionkit.model.export_info import Exported
from inceptionkit.model.folder import (
    Card,
    model_folder,
    read_card,
    read_file,
    read_model,
    write_files,
    write_model,
    write_policy,
)

__all__ = [
    "Card",
    "ExitPolicy",
    "Exported",
    "Gate",
    "model_folder",
    "read_card",
    "read_file",
    "read_model",
    "write_files",
    "write_model",
    "write_policy",
]
