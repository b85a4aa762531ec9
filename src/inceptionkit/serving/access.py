"""What is kept of every request, over HTTP and gRPC: a line of the log, its numbers, its span."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from time import time
from typing import Any

from inceptionkit.serving.metrics import Metrics
from inceptionkit.serving.tracing import Request

ACCESS = logging.getLogger("inceptionkit.access")


class JsonLines(logging.Formatter):
    """Each event as one line of JSON; a message that is an object of JSON already is taken in."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of an event, with the traceback as one of its fields."""
        message = record.getMessage()
        try:
            said = json.loads(message)
        except ValueError:
            said = None
        line = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            **(said if isinstance(said, dict) else {"error": message}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A request that was answered, or refused.

    Attributes:
        client: host that sent it.
        method: of HTTP; "gRPC" for a call.
        path: as the client wrote it.
        route: as it is counted: one of a few.
        status: of HTTP, or the name of gRPC's code.
        seconds: that it took.
        bytes_in: of its body.
        bytes_out: of its answer.
        noted: what the answer says of itself: model, images.
        attributes: of its span, as OpenTelemetry calls them.
    """

    client: str
    method: str
    path: str
    route: str
    status: int | str
    seconds: float
    bytes_in: int
    bytes_out: int
    noted: Mapping[str, Any]
    attributes: Mapping[str, str | int]

    def keep(self, metrics: Metrics, request: Request) -> None:
        """Log it, count it, and tell its span."""
        model = self.noted.get("model", "")
        request.found = dict(self.attributes)
        metrics.requests.labels(self.route, str(self.status), model).inc()
        metrics.latency.labels(self.route, model).observe(self.seconds)
        line = {
            "time": round(time(), 3),
            "client": self.client,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "ms": round(1e3 * self.seconds, 2),
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            **({"trace": request.trace} if request.trace else {}),
            **self.noted,
        }
        ACCESS.info(json.dumps(line))
