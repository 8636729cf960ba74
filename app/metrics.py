"""Metrics: what `GET /metrics` tells Prometheus. Every label is from a list that no client can lengthen."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.hosts.inline import InlineHost

CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The metrics of one application. Requests are counted in the event loop's thread alone, so without locks."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._answers: Counter[tuple[str, str, int]] = Counter()  # by method, route and status
        self._times: dict[tuple[str, str], Times] = {}  # by method and route
        self._registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self._registry)
        self._registry.register(Requests(self))

    def watch(self, host: InlineHost) -> None:
        """Tell of the sessions of a host too."""
        self._registry.register(Sessions(host))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is the template of its path."""
        method = method if method in METHODS else OTHER
        self._answers[method, route, status] += 1
        times = self._times.get((method, route))
        if times is None:
            times = self._times[method, route] = Times()
        times.counts[bisect_left(SECONDS, seconds)] += 1
        times.sum += seconds

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def requests(self) -> Iterator[Metric]:
        """What was counted, as the text has it."""
        answers = CounterMetricFamily("autograd_requests", "Requests answered.", labels=["method", "route", "status"])
        for (method, route, status), count in self._answers.items():
            answers.add_metric([method, route, str(status)], count)
        yield answers
        seconds = HistogramMetricFamily(
            "autograd_request_seconds", "Seconds from request to answer.", labels=["method", "route"]
        )
        for (method, route), times in self._times.items():
            seconds.add_metric([method, route], times.buckets(), times.sum)
        yield seconds
        yield GaugeMetricFamily("autograd_requests_in_flight", "Requests not yet answered.", self.in_flight)


class Times:
    """How long the requests of one kind took: how many fell below each of `SECONDS`, the rest last, and their sum."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.sum = 0.0

    def buckets(self) -> list[tuple[str, float]]:
        """The running totals, each with its bound, as Prometheus has them."""
        bounds = [*(str(float(each)) for each in SECONDS), "+Inf"]
        return list(zip(bounds, accumulate(self.counts), strict=True))


class Requests(Collector):
    """Hands out what `Metrics` has counted."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> list[Metric]:
        """Nothing: the registry would otherwise collect to find out the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The requests."""
        return self._metrics.requests()


class Sessions(Collector):
    """What the sessions of a host hold and have done, asked for when somebody looks."""

    def __init__(self, host: InlineHost) -> None:
        self._host = host

    def describe(self) -> list[Metric]:
        """Nothing: the registry would otherwise collect to find out the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The sums over all sessions."""
        totals = self._host.totals()
        yield GaugeMetricFamily("autograd_sessions", "Sessions that are alive.", totals.sessions)
        yield GaugeMetricFamily("autograd_session_bytes", "Bytes that all sessions hold.", totals.bytes)
        yield GaugeMetricFamily("autograd_graph_nodes", "Graph nodes that are alive in all sessions.", totals.nodes)
        ops = CounterMetricFamily("autograd_ops", "Steps that were applied.", labels=["op"])
        for name, count in sorted(totals.ops.items()):
            ops.add_metric([name], count)
        yield ops
