"""Files that hold many images, here or far away, read in parts and never unpacked to a disk."""

from inceptionkit.data.storage.braces import expand
from inceptionkit.data.storage.file import File, Local, UnreadableShard, each_shard
from inceptionkit.data.storage.open import open_container
from inceptionkit.data.storage.types import Container, Member

__all__ = [
    "Container",
    "File",
    "Local",
    "Member",
    "UnreadableShard",
    "each_shard",
    "expand",
    "open_container",
]
