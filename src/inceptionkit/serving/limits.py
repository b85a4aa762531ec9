"""What a server takes from strangers, at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request, and all requests together, may cost. Each is enforced before it is spent.

    Attributes:
        body_bytes: of one request.
        image_pixels: that one image may claim, by its header.
        images: in one request.
        seconds: from the first byte of a request to its answer.
        header_seconds: until the header of a request is complete.
        queue: images that are decoded or wait, of all requests; beyond it a request is refused
            with status 429.
        connections: open at the same time; further ones are closed at once.
        batch: images that a model answers at once.
        batch_wait_ms: for which the first image of a batch waits for others that are on their way.
        drain_seconds: for which a server that is stopped goes on to answer.
    """

    body_bytes: int = 32 * 2**20
    image_pixels: int = 50_000_000
    images: int = 64
    seconds: float = 30.0
    header_seconds: float = 10.0
    queue: int = 256
    connections: int = 1_000
    batch: int = 32
    batch_wait_ms: float = 2.0
    drain_seconds: float = 20.0
