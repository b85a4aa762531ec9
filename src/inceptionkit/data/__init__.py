"""Labeled images: where they come from, how they are divided, and reading them.

Everything named here needs numpy and Pillow alone, and pyarrow only once a Parquet file is opened.
"""

from inceptionkit.data.loading.read import DecodedSamples, Shape, Survey, decode_samples, survey
from inceptionkit.data.open import open_dataset
from inceptionkit.data.split import Sets, split_dataset
from inceptionkit.data.types import (
    BUILT_IN,
    SETS,
    DataAddress,
    Dataset,
    Raw,
    Sample,
    SampleTable,
    SetName,
    Source,
    Unusable,
    decode_sample,
)

__all__ = [
    "BUILT_IN",
    "SETS",
    "DataAddress",
    "Dataset",
    "DecodedSamples",
    "Raw",
    "Sample",
    "SampleTable",
    "SetName",
    "Sets",
    "Shape",
    "Source",
    "Survey",
    "Unusable",
    "decode_sample",
    "decode_samples",
    "open_dataset",
    "split_dataset",
    "survey",
]
