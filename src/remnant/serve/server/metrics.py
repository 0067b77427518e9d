"""What Prometheus reads: how many requests of which kind, how long they took, and how full the server is."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
KIND = CONTENT_TYPE_LATEST


class Metrics:
    """Counters of one server, in a registry of their own. Labels are routes and models, never what a client sent."""

    def __init__(self, taken: Callable[[], float]) -> None:
        """`taken`: how many requests are in memory now."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "remnant_requests", "Requests by route and status.", ("route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "remnant_request_seconds",
            "From the first byte in to the last byte out.",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._bytes = Counter("remnant_received_bytes", "Bytes of bodies.", ("route",), registry=self._registry)
        self.network = Histogram(
            "remnant_network_seconds", "The network alone.", ("model",), buckets=SECONDS, registry=self._registry
        )
        taking = Gauge("remnant_requests_in_memory", "Arriving, waiting, computed or leaving.", registry=self._registry)
        taking.set_function(taken)

    def count(self, route: str, status: int, seconds: float, received: int) -> None:
        """One more request."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        self._bytes.labels(route).inc(received)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self._registry)
