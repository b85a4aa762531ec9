"""Choosing the right source of labelled images for an address."""

from __future__ import annotations

import os
from pathlib import Path

from inceptionkit.data import checks
from inceptionkit.data.sources import digits, folder, manifest, packed, parquet, shards
from inceptionkit.data.types import BUILT_IN, Source


def open_source(address: str | Path) -> Source:
    """Open the images at `address`, whatever they are kept in.

    Args:
        address: the word `digits` (built in); a folder with one folder of images per class, or one
            that holds train/, val/ and test/ of such; a .csv, .tsv or .jsonl manifest; a .parquet
            file in the Hugging Face image layout; a .zip, .tar or .tar.gz of class folders, or in
            the WebDataset layout; a folder of such files, also in a `data/` sub-folder; a brace
            pattern for them, `train-{000..012}.tar`. Parquet, tar and zip may also lie at an
            s3://, gs://, https://, http:// or hf:// address. Something that exists wins over the
            word, and `./digits` is never the word.

    Raises:
        DataError: nothing is there, nothing in it is an image, its layout is not clear, or a set
            lacks a class that another has.
    """
    source = _opened(str(address))
    checks.complete(source)
    return source


def _opened(address: str) -> Source:
    path = Path(address).expanduser()
    if address in BUILT_IN and not os.path.lexists(path):
        return digits.digits()
    if not shards.is_pattern(address):
        checks.exists(path, address)
        if manifest.is_so(path):
            return manifest.open_manifest(address, path)
    files = shards.find(address)
    if files and all(shards.is_table(file.name) for file in files):
        return parquet.open_shards(address, files)
    if files:
        return packed.open_packed(address, files)
    if shards.is_pattern(address):
        wrong = "there is no .parquet, .tar or .zip file"
        raise checks.refusal(address, wrong, "check the address")
    return folder.open_folder(address, path)
