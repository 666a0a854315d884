"""Medians, spreads and quantiles."""
import statistics


def spread(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def summary(runs):
    """The spread of each figure of runs with the same keys."""
    return {key: spread([run[key] for run in runs]) for key in runs[0] if isinstance(runs[0][key], (int, float))}


def times(text, places=2):
    """Formats a number for a table; leaves any other text unchanged."""
    return f"{text:,.{places}f}" if isinstance(text, (int, float)) else str(text)


def span(entry, places=2):
    return f"{times(entry['least'], places)}–{times(entry['most'], places)}"


def histogram(path):
    """Quantiles in milliseconds of a file of latencies in microseconds, by HdrHistogram with three digits."""
    from hdrh.histogram import HdrHistogram
    # The histogram cannot hold 0; an hour is longer than any row.
    kept, most = HdrHistogram(1, 3_600_000_000, 3), 0
    with open(path) as file:
        for line in file:
            value = int(line)
            most = max(most, value)
            if not kept.record_value(max(1, value)):
                raise ValueError(f"a latency of {value} µs")
    found = {name: kept.get_value_at_percentile(part) / 1000
             for name, part in (("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9))}
    return {"samples": kept.get_total_count(), **found, "most": most / 1000}
