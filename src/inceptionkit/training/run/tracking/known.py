"""How a tracker calls a run, so that a resumed run goes on there."""

from __future__ import annotations

import json
from pathlib import Path

from inceptionkit.records import UNREADABLE
from inceptionkit.training.run.tracking import ID_FILE, TrackerName


def known_id(folder: Path, name: TrackerName) -> str | None:
    """The id that a tracker gave a run; None where there is none yet, or none of this tracker."""
    try:
        data = json.loads((folder / ID_FILE).read_text(encoding="utf-8"))
        known = data["id"] if data["tracker"] == name else None
    except (*UNREADABLE, KeyError, TypeError):
        return None
    return known if isinstance(known, str) else None
