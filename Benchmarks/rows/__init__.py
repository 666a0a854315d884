"""The rows, in the order in which they run: name, function, and whether the row needs Kafka."""
from rows import backlog, codec, latency, memory, pipe, recovery, scaling, stages, uploads, view

ROWS = [
    ("small", uploads.small, False),
    ("medium", uploads.medium, False),
    ("large", uploads.large, False),
    ("pipe-embedded", pipe.embedded, False),
    ("pipe-kafka", pipe.kafka, True),
    ("stages-embedded", stages.embedded, False),
    ("stages-kafka", stages.kafka, True),
    ("latency-embedded", latency.embedded, False),
    ("latency-kafka", latency.kafka, True),
    ("scaling-embedded", scaling.embedded, False),
    ("scaling-kafka", scaling.kafka, True),
    ("memory-embedded", memory.embedded, False),
    ("memory-kafka", memory.kafka, True),
    ("codec", codec.codec, False),
    ("recovery-embedded", recovery.embedded, False),
    ("recovery-kafka", recovery.kafka, True),
    ("backlog-embedded", backlog.embedded, False),
    ("view", view.view, False),  # after the backlog: it uses its million results
    ("backlog-kafka", backlog.kafka, True),
]
