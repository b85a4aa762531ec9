"""What a server takes from strangers, at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request, and all requests of a process, may cost. Each is enforced before it is spent.

    Attributes:
        body_bytes: of one request.
        all_body_bytes: of the requests that are read or answered at the same time; at least one
            of the largest is.
        values: that JSON may list, or a tensor in gRPC that is not binary. Python reads them one
            by one, and answers nobody meanwhile.
        image_pixels: that one image may claim, by its header.
        decoded_pixels: of the images that are decoded at the same time; at least one of the
            largest is.
        images: in one request.
        seconds: from the header of a request to its answer, and again until the client has read
            what was written.
        header_seconds: until the header of a request is complete.
        queue: images that are decoded or wait, of all requests; beyond it a request is refused
            with status 429.
        connections: open at the same time; further ones are closed at once.
        batch: images that a model answers at once.
        batch_wait_ms: for which the first image of a batch waits for others that are on their way.
        drain_seconds: for which a server that is stopped goes on to answer.
    """

    body_bytes: int = 32 * 2**20
    all_body_bytes: int = 256 * 2**20
    values: int = 1_000_000
    image_pixels: int = 50_000_000
    decoded_pixels: int = 100_000_000
    images: int = 64
    seconds: float = 30.0
    header_seconds: float = 10.0
    queue: int = 128
    connections: int = 1_000
    batch: int = 32
    batch_wait_ms: float = 2.0
    drain_seconds: float = 20.0
