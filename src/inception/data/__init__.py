"""Labelled images: where they come from, how they are divided, and reading them.

Everything named here needs numpy and Pillow alone, and pyarrow only once a Parquet file is opened.
"""

from inception.data.read import Loaded, Shape, read
from inception.data.source import (
    BUILT_IN,
    SETS,
    Raw,
    Sample,
    Samples,
    SetName,
    Source,
    Unusable,
    open_source,
    pixels,
)
from inception.data.split import Sets, divide
from inception.data.survey import Survey, survey

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
