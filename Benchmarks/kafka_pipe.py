#!/usr/bin/env python3
"""The hops of Backhaul, written by submit Python on confluent-kafka: what people typically start with.

Usage: kafka_pipe.py BROKERS PREFIX COUNT BATCH [PARTITIONS=8 [REPLICATION=1]]

The same job, sizes, clock and line of JSON as in kafka_pipe.c, which describes them. The worker, the acknowledger and
the reader of results are separate processes, since Python's threads would share one core. Needs confluent-kafka.
"""
import json
import multiprocessing
import resource
import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

GROUP = 500  # records that a submitter reports together
PATIENCE = 60  # seconds for any answer; longer is a failure, because a fault must not look like a slow run
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def dump(value):
    return json.dumps(value, separators=(",", ":")).encode()


def fail_delivery(error, message):
    if error is not None:
        raise KafkaException(error)


def make_producer(brokers, transactional_id=None):
    settings = {
        "bootstrap.servers": brokers, "enable.idempotence": True, "acks": "all", "linger.ms": 0,
        "socket.nagle.disable": True,
        # A transaction begins while the coordinator still writes the markers of the one before, and has to retry:
        # with the default of 100 ms no transaction would take less.
        "retry.backoff.ms": 20,
        "delivery.report.only.error": True, "on_delivery": fail_delivery,
    }
    if transactional_id:
        settings["transactional.id"] = transactional_id
    producer = Producer(settings)
    if transactional_id:
        producer.init_transactions(PATIENCE)
    return producer


def make_consumer(brokers, group, **more):
    return Consumer({
        "bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest",
        "isolation.level": "read_committed", "socket.nagle.disable": True,
        # A partition that was read to its end joins the next fetch, so an empty fetch must be short.
        "fetch.wait.max.ms": 10, **more})


def check(message):
    if message.error():
        raise KafkaException(message.error())
    return message


def transact(call, *arguments):
    """Repeats a call while librdkafka says that it may be repeated. A transaction that must be aborted ends the
    program: on healthy brokers there is none, and figures with repeats would be those of a different program."""
    while True:
        try:
            return call(*arguments)
        except KafkaException as failure:
            error = failure.args[0]
            if not error.retriable() or error.code() == KafkaError._TIMED_OUT:
                raise


# Records. A key begins with the number of its task, in eight hexadecimal digits.


def key_of(number, size):
    return f"{number:08x}".ljust(size, "k")


def task_of(number):
    value = {"task": key_of(number, 32), "tenant": "default", "destination": "archive", "source": "photos",
             "bytes": 65536, "key": f"2026/11/family/album-00001/IMG_{number:08x}.jpg"}
    return key_of(number, 40), dump(value), [("content-type", "application/json")]


def outcome_of(key, task):
    """An outcome is self-contained: the task and how it ended."""
    outcome = {**task, "status": "succeeded", "attempts": 1, "verification": "http-2xx"}
    return key_of(int(key[:8], 16), 50), dump(outcome), [("content-type", "application/json")]


def result_of(key, outcome):
    number = int(key[:8], 16)
    now = "2026-11-25T08:48:25.123Z"
    task = key_of(number, 38)
    result = {
        "acceptedAt": now, "attempts": outcome["attempts"], "batch": "import-2026-11-25", "bytes": outcome["bytes"],
        "crashes": 0, "destination": outcome["destination"], "failure": None, "finishedAt": now, "generation": 0,
        "key": f"photos/{'folder/' * 12}{outcome['key']}", "objectMayExist": False,
        "sha256": f"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15{number:08x}", "startedAt": now,
        "status": outcome["status"], "taskId": task, "tenant": outcome["tenant"],
        "verification": outcome["verification"], "worker": "worker-1"}
    return f"{task}/0", dump(result), [
        ("ce_specversion", "1.0"), ("ce_id", f"{task}/0"), ("ce_source", "/backhaul/acknowledgment"),
        ("ce_type", "backhaul.upload.succeeded.v1"), ("ce_time", now), ("ce_subject", task),
        ("ce_dataschema", "urn:backhaul:schema:result:v1"), ("content-type", "application/json"),
        ("ce_traceparent", TRACE), ("traceparent", TRACE)]


# Processes


def settle(pipe, brokers, prefix, name, source, target, convert, options):
    producer = make_producer(brokers, f"{prefix}.{name}")
    consumer = make_consumer(brokers, f"{prefix}.{name}")
    consumer.subscribe([f"{prefix}.{source}"])
    begin = time.monotonic()
    while len(consumer.assignment()) < options["partitions"]:
        message = consumer.poll(0.02)
        # Some brokers may not know the new topic yet.
        if message is not None and message.error().code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            check(message)
        if time.monotonic() - begin > PATIENCE:
            raise SystemExit(f"{name}: no partitions assigned")
    pipe.send("ready")
    pipe.recv()
    topic = f"{prefix}.{target}"
    records = transactions = 0
    while records < options["count"]:
        # Takes what arrived during the last commit: waits only for the first record.
        messages = consumer.consume(1, PATIENCE)
        if not messages:
            raise SystemExit(f"{name}: nothing arrived, {records} records so far")
        if options["batch"] > 1:
            messages += consumer.consume(options["batch"] - 1, 0)
        producer.begin_transaction()
        ends = {}
        for message in messages:
            check(message)
            key, value, headers = convert(message.key(), json.loads(message.value()))
            producer.produce(topic, value, key, headers=headers)
            ends[message.partition()] = message.offset() + 1
        offsets = [TopicPartition(f"{prefix}.{source}", partition, end) for partition, end in ends.items()]
        transact(producer.send_offsets_to_transaction, offsets, consumer.consumer_group_metadata(), PATIENCE)
        transact(producer.commit_transaction, PATIENCE)
        records += len(messages)
        transactions += 1
    if records > options["count"]:
        raise SystemExit(f"{name}: {records} records of {options['count']}")
    consumer.close()
    pipe.send(transactions)


def read_results(pipe, brokers, prefix, options):
    consumer = make_consumer(brokers, f"{prefix}.reader", **{"enable.partition.eof": True})
    consumer.assign([TopicPartition(f"{prefix}.results", partition, 0) for partition in range(options["partitions"])])
    ends = 0
    begin = time.monotonic()
    # The reader is ready once it has reached the end of every partition.
    while ends < options["partitions"]:
        message = consumer.poll(0.1)
        if time.monotonic() - begin > PATIENCE:
            raise SystemExit("reader: no answer")
        if message is None or message.error().code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            continue
        if message.error().code() != KafkaError._PARTITION_EOF:
            check(message)
        ends += 1
    pipe.send("ready")
    pipe.recv()
    seen = bytearray(options["count"])
    records = 0
    last = time.monotonic()
    while not pipe.poll():
        messages = [consumer.poll(0.1)] + consumer.consume(1000, 0)
        for message in messages:
            if message is None or message.error() and message.error().code() == KafkaError._PARTITION_EOF:
                continue
            number = int(check(message).key()[:8], 16)
            if seen[number]:
                raise SystemExit(f"reader: two results of task {number}")
            seen[number] = 1
            records += 1
            last = time.monotonic()
            if records == options["count"]:
                pipe.send(last)
        if records < options["count"] and time.monotonic() - last > PATIENCE:
            raise SystemExit(f"reader: {records} of {options['count']} results")
    consumer.close()


def spawn(context, body, *arguments):
    ours, theirs = context.Pipe()
    process = context.Process(target=body, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()  # or `recv` would not end when the process ends
    return process, ours


def take(child):
    try:
        return child[1].recv()
    except EOFError:
        raise SystemExit("a process failed") from None


def await_all(futures):
    for future in futures.values():
        future.result(PATIENCE)


def main():
    if not 5 <= len(sys.argv) <= 7:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    brokers, prefix = sys.argv[1:3]
    count, batch, partitions, replication = map(int, sys.argv[3:] + ["8", "1"][len(sys.argv) - 5:])
    options = {"count": count, "batch": batch, "partitions": partitions}
    topics = [f"{prefix}.{name}" for name in ("tasks", "outcomes", "results")]
    admin = AdminClient({"bootstrap.servers": brokers, "socket.nagle.disable": True})
    await_all(admin.create_topics([NewTopic(topic, partitions, replication) for topic in topics]))
    # Not forked: librdkafka already has threads here.
    context = multiprocessing.get_context("spawn")
    stages = [
        spawn(context, settle, brokers, prefix, "worker", "tasks", "outcomes", outcome_of, options),
        spawn(context, settle, brokers, prefix, "acknowledger", "outcomes", "results", result_of, options)]
    reader = spawn(context, read_results, brokers, prefix, options)
    producer = make_producer(brokers)
    for child in [*stages, reader]:
        take(child)
    for child in [*stages, reader]:
        child[1].send("start")
    begin = time.monotonic()
    for first in range(0, count, GROUP):
        for number in range(first, min(first + GROUP, count)):
            key, value, headers = task_of(number)
            producer.produce(topics[0], value, key, headers=headers)
        if producer.flush(PATIENCE):
            raise SystemExit("flush: not every task was acknowledged")
    transactions = [take(stage) for stage in stages]
    seconds = take(reader) - begin  # all processes share the monotonic clock
    time.sleep(0.2)  # a surplus result would be seen in this time
    reader[1].send("stop")
    for process, _ in [*stages, reader]:
        process.join()
        if process.exitcode != 0:
            raise SystemExit("a process has failed")
    await_all(admin.delete_topics(topics, operation_timeout=PATIENCE / 2))
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({
        "seconds": round(seconds, 3), "tasks_per_second": round(count / seconds),
        "cpu_seconds": round(sum(usage.ru_utime + usage.ru_stime for usage in usages), 3),
        "transactions": transactions, "mean_batch": [round(count / number, 1) for number in transactions]}))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KafkaException as failure:
        sys.exit(f"kafka_pipe.py: {failure}")
