"""Numbers for Prometheus, by model."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that says where the numbers of several processes meet."""

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_BATCHES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """What a server counts. One of each for an application, so that several can stand together."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        prefix = "inceptionkit"
        self.requests = Counter(
            f"{prefix}_requests",
            "Requests; model is empty where none answered.",
            ["path", "status", "model"],
            registry=self.registry,
        )
        self.latency = Histogram(
            f"{prefix}_request_seconds",
            "From the header of a request to the last byte of its answer.",
            ["path", "model"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.images = Counter(
            f"{prefix}_images", "Images by the exit that answered.", ["model", "exit"],
            registry=self.registry,
        )  # fmt: skip
        self.unusable = Counter(
            f"{prefix}_unusable_images", "Images that could not be used.", ["model"],
            registry=self.registry,
        )  # fmt: skip
        self.batches = Histogram(
            f"{prefix}_batch_images",
            "Images that were answered at once.",
            ["model"],
            buckets=_BATCHES,
            registry=self.registry,
        )
        self.engine = Histogram(
            f"{prefix}_engine_seconds",
            "Time of the engine for one batch.",
            ["model"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.waiting = Gauge(
            f"{prefix}_queue_images",
            "Images that are decoded or wait.",
            ["model"],
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.rejected = Counter(
            f"{prefix}_rejected_requests",
            "Refused because the queue was full, or (model is empty) memory or connections were.",
            ["model"],
            registry=self.registry,
        )
        self.reloads = Counter(
            f"{prefix}_model_loads", "Models loaded, by result.", ["model", "result"],
            registry=self.registry,
        )  # fmt: skip

    def text(self) -> bytes:
        """All numbers, as Prometheus reads them: of every worker, where there are several."""
        registry = self.registry
        if SHARED in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
