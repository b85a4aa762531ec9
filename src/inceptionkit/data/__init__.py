"""Labelled images: where they come from, how they are divided, and reading them.

Everything named here needs numpy and Pillow alone, and pyarrow only once a Parquet file is opened.
"""

from inceptionkit.data.header_survey import Survey, survey
from inceptionkit.data.loading.read import Loaded, Shape, read
from inceptionkit.data.open import open_source
from inceptionkit.data.split import Sets, divide
from inceptionkit.data.types import (
    BUILT_IN,
    SETS,
    Raw,
    Sample,
    Samples,
    SetName,
    Source,
    Unusable,
    pixels,
)

__all__ = [
    "BUILT_IN",
    "SETS",
    "Loaded",
    "Raw",
    "Sample",
    "Samples",
    "SetName",
    "Sets",
    "Shape",
    "Source",
    "Survey",
    "Unusable",
    "divide",
    "open_source",
    "pixels",
    "read",
    "survey",
]
