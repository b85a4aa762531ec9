"""Regions of an image that may hold an object, whatever its class."""

from inceptionkit.detection.proposals.cache import propose
from inceptionkit.detection.proposals.joined import Proposer, candidates, joined
from inceptionkit.detection.proposals.recall import RecallPoint, recall
from inceptionkit.detection.proposals.selective_search import SelectiveSearch, selective_search

__all__ = [
    "Proposer",
    "RecallPoint",
    "SelectiveSearch",
    "candidates",
    "joined",
    "propose",
    "recall",
    "selective_search",
]
