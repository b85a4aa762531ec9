"""The model folder: card, tensors, exit policy, exported graphs. No torch."""

from inceptionkit.model.card import Card
from inceptionkit.model.exit_policy import ExitPolicy, Gate
from inceptionkit.model.export_info import ExportInfo
from inceptionkit.model.folder import (
    DEFAULT_MODEL,
    model_folder,
    read_card,
    read_file,
    read_model,
    read_seen,
    read_tensors,
    shipped,
    write_files,
    write_model,
    write_policy,
)
from inceptionkit.model.seen import Hashes, Seen

__all__ = [
    "DEFAULT_MODEL",
    "Card",
    "ExitPolicy",
    "ExportInfo",
    "Gate",
    "Hashes",
    "Seen",
    "model_folder",
    "read_card",
    "read_file",
    "read_model",
    "read_seen",
    "read_tensors",
    "shipped",
    "write_files",
    "write_model",
    "write_policy",
]
