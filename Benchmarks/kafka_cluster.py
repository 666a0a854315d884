"""Direct requests to Kafka: the number of brokers, the owners of partitions, and the cleanup."""
import contextlib
import re
import uuid

from processes import Failure, poll

PATIENCE = 60


class Cluster:
    def __init__(self, brokers):
        # Imported here: rows without Kafka do not need confluent-kafka.
        from confluent_kafka.admin import AdminClient
        self.brokers = brokers
        self._admin = AdminClient({"bootstrap.servers": brokers, "socket.nagle.disable": True})
        try:
            count = len(self._admin.list_topics(timeout=PATIENCE).brokers)
        except Exception as error:
            raise Failure(f"Kafka at {brokers} does not answer: {error}") from None
        self.replication = min(3, count)

    def wait_assigned(self, group, members):
        """Waits until the group is stable and has this many members, each with partitions."""
        from confluent_kafka import ConsumerGroupState

        def assigned():
            found = self._admin.describe_consumer_groups([group], request_timeout=PATIENCE)[group].result(PATIENCE)
            busy = [member for member in found.members if member.assignment.topic_partitions]
            return found.state == ConsumerGroupState.STABLE and len(busy) == len(found.members) == members
        poll(f"{members} members of {group} with partitions", PATIENCE, assigned, 0.1)

    @contextlib.contextmanager
    def partitions(self, topic, pattern):
        """Finds the partitions of a topic in which records match a pattern."""
        from confluent_kafka import Consumer
        consumer = Consumer({
            "bootstrap.servers": self.brokers, "group.id": f"bench-{uuid.uuid4()}", "enable.auto.commit": False,
            "auto.offset.reset": "earliest"})
        try:
            yield Partitions(consumer, topic, re.compile(pattern))
        finally:
            consumer.close()

    def delete(self, prefix):
        """Deletes the topics and groups of a run."""
        from confluent_kafka import KafkaException
        topics = [name for name in self._admin.list_topics(timeout=PATIENCE).topics if name.startswith(prefix)]
        listed = self._admin.list_consumer_groups(request_timeout=PATIENCE).result(PATIENCE)
        groups = [group.group_id for group in listed.valid if group.group_id.startswith(prefix)]
        if topics:
            for future in self._admin.delete_topics(topics, operation_timeout=PATIENCE / 2).values():
                future.result(PATIENCE)
        if groups:
            for future in self._admin.delete_consumer_groups(groups, request_timeout=PATIENCE).values():
                # A group keeps a killed member until its session ends. Brokers delete empty groups themselves.
                with contextlib.suppress(KafkaException):
                    future.result(PATIENCE)


class Partitions:
    """`look` adds the records written since the last call to `of`: the match's text → the partition."""

    def __init__(self, consumer, topic, pattern):
        from confluent_kafka import TopicPartition
        self.of = {}
        self._consumer, self._pattern = consumer, pattern
        found = consumer.list_topics(topic, timeout=PATIENCE).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in found])

    def look(self):
        most = 1_000
        records = [None] * most
        while len(records) == most:
            records = self._consumer.consume(most, timeout=0.2)
            for record in records:
                if record.error():
                    raise Failure(f"reading {record.topic()}: {record.error()}")
                if match := self._pattern.search(record.value() or b""):
                    self.of[match[0].decode()] = record.partition()
