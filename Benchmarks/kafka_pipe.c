/* The limit on Kafka: the cost of Backhaul's hops for a program written by hand on librdkafka alone.
 *
 * Usage: kafka_pipe BROKERS PREFIX COUNT BATCH [PARTITIONS=8 [REPLICATION=1]]
 *   Appends COUNT records to PREFIX.tasks in durable groups of 500; a worker settles them, at most BATCH in a
 *   transaction, as records of PREFIX.outcomes; an acknowledger settles those as PREFIX.results. All run at once, each
 *   on its thread. The clock starts when both members have their partitions and all threads are ready, with the first
 *   append, and stops when a read_committed reader has seen the last result. Every result must be seen exactly once.
 * Usage: kafka_pipe latency BROKERS PREFIX SECONDS [REPLICATION=1]
 *   One transaction of one record every 50 ms: how long the brokers take for a commit, and until it is visible. Every
 *   second one also moves the position of a group, as a settlement does.
 *
 * Prints one line of JSON. The topics must not exist before and are deleted afterwards. Any failed call is reported
 * and ends the program with 1, and its topics stay. So does a transaction that must be aborted: on healthy brokers
 * there is none, and figures with repeats would be those of a different program. */
#define _GNU_SOURCE
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
  GROUP = 500,      /* records that a submitter reports together */
  PATIENCE = 60000, /* ms for any answer; longer is a failure: a fault must not look like a slow run */
  TASK_KEY = 40, TASK_VALUE = 170, OUTCOME_KEY = 50, OUTCOME_VALUE = 230, RESULT_KEY = 40,
  INTERVAL = 50, WARM_UP = 5, /* of the latency mode: ms, transactions not counted */
};

/* One settling thread: for each record of one topic it writes one record to the next. */
struct stage {
  const char *name;
  void (*write)(const struct stage *, const rd_kafka_message_t *);
  rd_kafka_t *consumer, *producer;
  rd_kafka_topic_t *target;
  long transactions;
  pthread_t thread;
};

static const char *brokers, *prefix;
static long count, batch;
static int partitions = 8, replication = 1;
static pthread_barrier_t ready;
static atomic_bool finished;

static _Noreturn void fail(const char *where, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "kafka_pipe: %s: ", where);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  _exit(1); /* not exit: other threads are inside librdkafka */
}

static void check(const char *where, rd_kafka_resp_err_t error) {
  if (error) fail(where, "%s", rd_kafka_err2str(error));
}

static _Noreturn void fail_transaction(const char *where, const rd_kafka_error_t *error) {
  fail(where, "%s%s", rd_kafka_error_string(error),
    rd_kafka_error_is_fatal(error) ? " (fatal)"
    : rd_kafka_error_txn_requires_abort(error) ? " (abortable, which is fatal here)" : "");
}

/* Repeats a call of the transactional producer while librdkafka says that it may be repeated. A time-out is a failure
 * even if it may be repeated: PATIENCE has passed. */
#define TRANSACT(where, call) \
  for (rd_kafka_error_t *error; (error = (call)); rd_kafka_error_destroy(error)) \
    if (!rd_kafka_error_is_retriable(error) || rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__TIMED_OUT) \
      fail_transaction(where, error)

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static const char *name_of(char *room, size_t size, const char *suffix) {
  snprintf(room, size, "%s.%s", prefix, suffix);
  return room;
}

/* Clients */

static rd_kafka_t *make(rd_kafka_type_t type, const char *const *own) {
  const char *common[] = {"bootstrap.servers", brokers,
    /* librdkafka before 2.10 leaves Nagle's algorithm on, which delays small requests by 40 ms each. */
    "socket.nagle.disable", "true", NULL};
  char text[512];
  rd_kafka_conf_t *settings = rd_kafka_conf_new();
  const char *const *lists[] = {common, own};
  for (size_t list = 0; list < 2; list++)
    for (const char *const *pair = lists[list]; *pair; pair += 2)
      if (rd_kafka_conf_set(settings, pair[0], pair[1], text, sizeof text) != RD_KAFKA_CONF_OK)
        fail(pair[0], "%s", text);
  /* Delivery reports as events: flush then waits on a condition. Without them it polls every 10 ms. */
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_events(settings, RD_KAFKA_EVENT_DR);
  rd_kafka_t *client = rd_kafka_new(type, settings, text, sizeof text);
  if (!client) fail("rd_kafka_new", "%s", text);
  return client;
}

static rd_kafka_t *make_producer(const char *transactional_id) {
  const char *own[] = {"enable.idempotence", "true", "acks", "all",
    /* A transaction begins while the coordinator still writes the markers of the one before, and has to retry:
     * with the default of 100 ms no transaction would take less. */
    "retry.backoff.ms", "20",
    /* No linger: a flush ends it anyway, and records sent before the flush save time. */
    "linger.ms", "0",
    /* Reports only failures, so the thread that watches for them costs nothing. */
    "delivery.report.only.error", "true",
    transactional_id ? "transactional.id" : NULL, transactional_id, NULL};
  rd_kafka_t *producer = make(RD_KAFKA_PRODUCER, own);
  if (transactional_id) TRANSACT("init_transactions", rd_kafka_init_transactions(producer, PATIENCE));
  return producer;
}

static rd_kafka_t *make_consumer(const char *group, const char *eof) {
  const char *own[] = {"group.id", group, "enable.auto.commit", "false", "auto.offset.reset", "earliest",
    "isolation.level", "read_committed", "enable.partition.eof", eof,
    /* A partition that was read to its end joins the next fetch, so an empty fetch must be short. */
    "fetch.wait.max.ms", "10", NULL};
  rd_kafka_t *consumer = make(RD_KAFKA_CONSUMER, own);
  check("poll_set_consumer", rd_kafka_poll_set_consumer(consumer));
  return consumer;
}

/* Takes the delivery reports of a producer: flush and commit do not take them when they are events. */
static void *watch(void *producer) {
  rd_kafka_queue_t *queue = rd_kafka_queue_get_main(producer);
  while (!atomic_load(&finished)) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 200);
    if (!event) continue;
    for (const rd_kafka_message_t *message; (message = rd_kafka_event_message_next(event));)
      check("delivery", message->err);
    rd_kafka_event_destroy(event);
  }
  rd_kafka_queue_destroy(queue);
  return NULL;
}

static void start(pthread_t *thread, void *(*body)(void *), void *context) {
  if (pthread_create(thread, NULL, body, context) != 0) fail("pthread_create", "no thread");
}

/* Returns a record, or NULL when none arrived in time or a partition's end was reached. Before the start an unknown
 * topic is not a failure: some brokers may not know the new topic yet. */
static rd_kafka_message_t *take(rd_kafka_t *consumer, int milliseconds, int started) {
  rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, milliseconds);
  if (!message || !message->err) return message;
  int passing = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF
    || (!started && message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  if (!passing) fail("consumer_poll", "%s: %s", rd_kafka_err2str(message->err), rd_kafka_message_errstr(message));
  rd_kafka_message_destroy(message);
  return NULL;
}

/* Topics */

static void change_topics(const char *const *suffixes, size_t topics, int wanted) {
  const char *own[] = {NULL};
  rd_kafka_t *client = make(RD_KAFKA_PRODUCER, own);
  rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
  rd_kafka_admin_op_t operation = wanted ? RD_KAFKA_ADMIN_OP_CREATETOPICS : RD_KAFKA_ADMIN_OP_DELETETOPICS;
  rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, operation);
  char text[512], name[256];
  check("AdminOptions", rd_kafka_AdminOptions_set_request_timeout(options, PATIENCE, text, sizeof text));
  check("AdminOptions", rd_kafka_AdminOptions_set_operation_timeout(options, PATIENCE / 2, text, sizeof text));
  rd_kafka_NewTopic_t *new[3];
  rd_kafka_DeleteTopic_t *old[3];
  for (size_t index = 0; index < topics; index++) {
    name_of(name, sizeof name, suffixes[index]);
    if (!wanted) old[index] = rd_kafka_DeleteTopic_new(name);
    else if (!(new[index] = rd_kafka_NewTopic_new(name, partitions, replication, text, sizeof text)))
      fail(name, "%s", text);
  }
  if (wanted) rd_kafka_CreateTopics(client, new, topics, options, queue);
  else rd_kafka_DeleteTopics(client, old, topics, options, queue);
  rd_kafka_event_t *event = rd_kafka_queue_poll(queue, -1);
  const char *where = wanted ? "CreateTopics" : "DeleteTopics";
  if (rd_kafka_event_error(event)) fail(where, "%s", rd_kafka_event_error_string(event));
  size_t answers = 0;
  const rd_kafka_topic_result_t **results = wanted
    ? rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &answers)
    : rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &answers);
  for (size_t index = 0; index < answers; index++)
    if (rd_kafka_topic_result_error(results[index]))
      fail(where, "%s: %s", rd_kafka_topic_result_name(results[index]),
        rd_kafka_err2str(rd_kafka_topic_result_error(results[index])));
  rd_kafka_event_destroy(event);
  if (wanted) rd_kafka_NewTopic_destroy_array(new, topics);
  else rd_kafka_DeleteTopic_destroy_array(old, topics);
  rd_kafka_AdminOptions_destroy(options);
  rd_kafka_queue_destroy(queue);
  rd_kafka_destroy(client);
}

/* Records. A key begins with the number of its task, in eight hexadecimal digits. */

static unsigned long number_of(const rd_kafka_message_t *message) {
  char digits[9] = "";
  if (message->key_len < 8) fail(rd_kafka_topic_name(message->rkt), "a record with a foreign key");
  memcpy(digits, message->key, 8);
  unsigned long number = strtoul(digits, NULL, 16);
  if (number >= (unsigned long)count) fail(rd_kafka_topic_name(message->rkt), "a record with number %lu", number);
  return number;
}

static void fill_key(char *key, size_t size, unsigned long number) {
  memset(key, 'k', size);
  char digits[9];
  snprintf(digits, sizeof digits, "%08lx", number);
  memcpy(key, digits, 8);
}

static void produce(rd_kafka_t *producer, rd_kafka_topic_t *topic, const char *key, size_t key_size, const char *value,
  size_t size, rd_kafka_headers_t *headers) {
  rd_kafka_vu_t parts[] = {
    {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
    {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
    {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)key, key_size}},
    {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)value, size}},
    {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
  };
  rd_kafka_error_t *error = rd_kafka_produceva(producer, parts, sizeof parts / sizeof *parts);
  if (error) fail("produce", "%s: %s", rd_kafka_topic_name(topic), rd_kafka_error_string(error));
}

static rd_kafka_headers_t *content_type(const char *type) {
  rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
  check("header_add", rd_kafka_header_add(headers, "content-type", -1, type, -1));
  return headers;
}

static void write_task(rd_kafka_t *producer, rd_kafka_topic_t *topic, unsigned long number) {
  char key[TASK_KEY], value[TASK_VALUE];
  fill_key(key, sizeof key, number);
  memset(value, 't', sizeof value);
  memcpy(value, key, sizeof key);
  produce(producer, topic, key, sizeof key, value, sizeof value, content_type("application/protobuf"));
}

static void write_outcome(const struct stage *stage, const rd_kafka_message_t *task) {
  char key[OUTCOME_KEY], value[OUTCOME_VALUE];
  fill_key(key, sizeof key, number_of(task));
  if (task->len != TASK_VALUE) fail(stage->name, "a task of %zu bytes", task->len);
  /* An outcome is self-contained: the task and how it ended. */
  memcpy(value, task->payload, TASK_VALUE);
  memset(value + TASK_VALUE, 'o', sizeof value - TASK_VALUE);
  produce(stage->producer, stage->target, key, sizeof key, value, sizeof value, content_type("application/protobuf"));
}

/* JSON as in schemas/json/result.v1.schema.json and the headers of a traced CloudEvent, in the usual sizes. */
static void write_result(const struct stage *stage, const rd_kafka_message_t *outcome) {
  static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  static const char time[] = "2026-11-25T08:48:25.123Z";
  char key[RESULT_KEY], value[1024];
  unsigned long number = number_of(outcome);
  fill_key(key, sizeof key, number);
  memcpy(key + sizeof key - 2, "/0", 2);
  int id_size = sizeof key - 2;
  if (outcome->len != OUTCOME_VALUE) fail(stage->name, "an outcome of %zu bytes", outcome->len);
  int size = snprintf(value, sizeof value,
    "{\"acceptedAt\":\"%s\",\"attempts\":1,\"batch\":\"import-2026-11-25\",\"bytes\":%zu,\"crashes\":0,"
    "\"destination\":\"archive\",\"failure\":null,\"finishedAt\":\"%s\",\"generation\":0,\"key\":\"photos/2026/11/%.*s"
    "/IMG_%08lx.jpg\",\"objectMayExist\":false,"
    "\"sha256\":\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15%08lx\",\"startedAt\":\"%s\","
    "\"status\":\"succeeded\",\"taskId\":\"%.*s\",\"tenant\":\"default\",\"verification\":\"http-2xx\","
    "\"worker\":\"worker-1\"}",
    time, outcome->len, time, 105, (const char *)outcome->payload + 20, number, number, time, id_size, key);
  const struct { const char *name, *text; int size; } all[] = {
    {"ce_specversion", "1.0", -1}, {"ce_id", key, sizeof key}, {"ce_source", "/backhaul/acknowledgment", -1},
    {"ce_type", "backhaul.upload.succeeded.v1", -1}, {"ce_time", time, -1}, {"ce_subject", key, id_size},
    {"ce_dataschema", "urn:backhaul:schema:result:v1", -1}, {"content-type", "application/json", -1},
    {"ce_traceparent", trace, -1}, {"traceparent", trace, -1},
  };
  rd_kafka_headers_t *headers = rd_kafka_headers_new(sizeof all / sizeof *all);
  for (size_t index = 0; index < sizeof all / sizeof *all; index++)
    check("header_add", rd_kafka_header_add(headers, all[index].name, -1, all[index].text, all[index].size));
  produce(stage->producer, stage->target, key, sizeof key, value, (size_t)size, headers);
}

/* Throughput */

static void *settle(void *context) {
  struct stage *stage = context;
  for (double begin = now();; ) {
    rd_kafka_topic_partition_list_t *assigned;
    check("assignment", rd_kafka_assignment(stage->consumer, &assigned));
    int complete = assigned->cnt == partitions;
    rd_kafka_topic_partition_list_destroy(assigned);
    if (complete) break;
    if (now() - begin > PATIENCE / 1e3) fail(stage->name, "no partitions assigned");
    rd_kafka_message_t *early = take(stage->consumer, 20, 0);
    if (early) fail(stage->name, "a record before the start");
  }
  pthread_barrier_wait(&ready);
  int64_t *next = calloc((size_t)partitions, sizeof *next);
  const char *topic = NULL;
  for (long records = 0; records < count;) {
    rd_kafka_message_t *message = take(stage->consumer, PATIENCE, 1);
    if (!message) fail(stage->name, "nothing arrived, %ld of %ld records so far", records, count);
    TRANSACT("begin_transaction", rd_kafka_begin_transaction(stage->producer));
    for (int partition = 0; partition < partitions; partition++) next[partition] = -1;
    /* Takes what arrived during the last commit, without waiting for more. */
    for (long taken = 1;; taken++) {
      stage->write(stage, message);
      topic = rd_kafka_topic_name(message->rkt);
      next[message->partition] = message->offset + 1;
      rd_kafka_message_destroy(message);
      records++;
      if (taken == batch || !(message = take(stage->consumer, 0, 1))) break;
    }
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(partitions);
    for (int partition = 0; partition < partitions; partition++)
      if (next[partition] >= 0)
        rd_kafka_topic_partition_list_add(offsets, topic, partition)->offset = next[partition];
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(stage->consumer);
    TRANSACT("send_offsets", rd_kafka_send_offsets_to_transaction(stage->producer, offsets, group, PATIENCE));
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(offsets);
    TRANSACT("commit_transaction", rd_kafka_commit_transaction(stage->producer, PATIENCE));
    stage->transactions++;
    if (records > count) fail(stage->name, "%ld records of %ld", records, count);
  }
  free(next);
  return NULL;
}

static rd_kafka_t *make_reader(const char *suffix) {
  char topic[256], group[256];
  /* Without a group name librdkafka assigns nothing. Nothing is committed to this group. */
  rd_kafka_t *reader = make_consumer(name_of(group, sizeof group, "reader"), "true");
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
  for (int partition = 0; partition < partitions; partition++)
    rd_kafka_topic_partition_list_add(list, name_of(topic, sizeof topic, suffix), partition)->offset = 0;
  check("assign", rd_kafka_assign(reader, list));
  rd_kafka_topic_partition_list_destroy(list);
  double begin = now();
  /* The reader is ready once it has reached the end of every partition. */
  for (int ends = 0; ends < partitions;) {
    rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 100);
    if (now() - begin > PATIENCE / 1e3) fail("reader", "no answer");
    if (!message) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ends++;
    else if (message->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
      fail("reader", "before the start: %s", rd_kafka_err2str(message->err));
    rd_kafka_message_destroy(message);
  }
  return reader;
}

static void *read_results(void *end) {
  rd_kafka_t *reader = make_reader("results");
  unsigned char *seen = calloc((size_t)count, 1);
  pthread_barrier_wait(&ready);
  double last = now();
  for (long records = 0; !atomic_load(&finished);) {
    rd_kafka_message_t *message = take(reader, 100, 1);
    if (!message) {
      if (records < count && now() - last > PATIENCE / 1e3) fail("reader", "%ld of %ld results", records, count);
      continue;
    }
    unsigned long number = number_of(message);
    rd_kafka_message_destroy(message);
    if (seen[number]) fail("reader", "two results of task %lu", number);
    seen[number] = 1;
    last = now();
    if (++records == count) atomic_store((_Atomic double *)end, last);
  }
  free(seen);
  rd_kafka_consumer_close(reader);
  rd_kafka_destroy(reader);
  return NULL;
}

static void open_stage(struct stage *stage, const char *from, const char *to) {
  char name[256];
  stage->producer = make_producer(name_of(name, sizeof name, stage->name));
  stage->target = rd_kafka_topic_new(stage->producer, name_of(name, sizeof name, to), NULL);
  stage->consumer = make_consumer(name_of(name, sizeof name, stage->name), "false");
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, name_of(name, sizeof name, from), RD_KAFKA_PARTITION_UA);
  check("subscribe", rd_kafka_subscribe(stage->consumer, list));
  rd_kafka_topic_partition_list_destroy(list);
}

static void run_pipe(void) {
  static const char *const topics[] = {"tasks", "outcomes", "results"};
  static struct stage stages[] = {
    {.name = "worker", .write = write_outcome}, {.name = "acknowledger", .write = write_result}};
  _Atomic double end = 0;
  char name[256];
  change_topics(topics, 3, 1);
  rd_kafka_t *producer = make_producer(NULL);
  rd_kafka_topic_t *tasks = rd_kafka_topic_new(producer, name_of(name, sizeof name, "tasks"), NULL);
  pthread_t reader, watchers[3];
  pthread_barrier_init(&ready, NULL, 4);
  start(&reader, read_results, &end);
  start(&watchers[2], watch, producer);
  for (int index = 0; index < 2; index++) {
    open_stage(&stages[index], topics[index], topics[index + 1]);
    start(&watchers[index], watch, stages[index].producer);
    start(&stages[index].thread, settle, &stages[index]);
  }
  pthread_barrier_wait(&ready);
  double begin = now();
  for (unsigned long number = 0; number < (unsigned long)count;) {
    unsigned long group_end = number + GROUP < (unsigned long)count ? number + GROUP : (unsigned long)count;
    while (number < group_end) write_task(producer, tasks, number++);
    check("flush", rd_kafka_flush(producer, PATIENCE));
  }
  for (int index = 0; index < 2; index++) pthread_join(stages[index].thread, NULL);
  while (atomic_load(&end) == 0) usleep(1000);
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  usleep(200000); /* a surplus result would be seen in this time */
  atomic_store(&finished, 1);
  pthread_join(reader, NULL);
  for (int index = 0; index < 3; index++) pthread_join(watchers[index], NULL);
  for (int index = 0; index < 2; index++) {
    check("consumer_close", rd_kafka_consumer_close(stages[index].consumer));
    rd_kafka_destroy(stages[index].consumer);
    rd_kafka_topic_destroy(stages[index].target);
    rd_kafka_destroy(stages[index].producer);
  }
  rd_kafka_topic_destroy(tasks);
  rd_kafka_destroy(producer);
  change_topics(topics, 3, 0);
  double seconds = atomic_load(&end) - begin;
  double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
    + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  printf("{\"seconds\":%.3f,\"tasks_per_second\":%.0f,\"cpu_seconds\":%.3f,\"transactions\":[%ld,%ld],"
    "\"mean_batch\":[%.1f,%.1f]}\n",
    seconds, (double)count / seconds, cpu, stages[0].transactions, stages[1].transactions,
    (double)count / (double)stages[0].transactions, (double)count / (double)stages[1].transactions);
}

/* Latency */

static int by_size(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static void print_quantiles(const char *name, double *values, long size) {
  static const struct { const char *name; double part; } quantiles[] = {
    {"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
  qsort(values, (size_t)size, sizeof *values, by_size);
  printf(",\"%s\":{", name);
  for (size_t index = 0; index < sizeof quantiles / sizeof *quantiles; index++) {
    long rank = (long)(quantiles[index].part * (double)size + 0.999999);
    printf("%s\"%s\":%.3f", index ? "," : "", quantiles[index].name, values[rank < 1 ? 0 : rank - 1] * 1e3);
  }
  printf("}");
}

/* A value begins with the time at which its record was produced. Stores the seconds from then until it was visible. */
static void *read_visible(void *visible) {
  rd_kafka_t *reader = make_reader("latency");
  pthread_barrier_wait(&ready);
  for (long records = 0; records < count;) {
    rd_kafka_message_t *message = take(reader, PATIENCE, 1);
    if (!message) continue; /* the end of the partition; a producer that fails ends the program */
    double produced;
    memcpy(&produced, message->payload, sizeof produced);
    ((double *)visible)[records++] = now() - produced;
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(reader);
  rd_kafka_destroy(reader);
  return NULL;
}

static void run_latency(long seconds) {
  static const char *const topics[] = {"latency"};
  char name[256], value[620];
  count = (seconds * 1000 / INTERVAL + WARM_UP) / 2 * 2;
  partitions = 1;
  double *wholes = calloc((size_t)count * 2, sizeof *wholes), *settles = wholes + count / 2, *visible = wholes + count;
  change_topics(topics, 1, 1);
  rd_kafka_t *producer = make_producer(name_of(name, sizeof name, "latency"));
  rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, name_of(name, sizeof name, "latency"), NULL);
  /* The group has no members, so any producer may move its position. */
  rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(name);
  rd_kafka_topic_partition_list_t *position = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(position, name, 0);
  pthread_t reader, watcher;
  pthread_barrier_init(&ready, NULL, 2);
  start(&watcher, watch, producer);
  start(&reader, read_visible, visible);
  pthread_barrier_wait(&ready);
  memset(value, 'r', sizeof value);
  for (long index = 0; index < count; index++) {
    double begin = now();
    TRANSACT("begin_transaction", rd_kafka_begin_transaction(producer));
    memcpy(value, &begin, sizeof begin);
    produce(producer, topic, "latency", 7, value, sizeof value, content_type("application/json"));
    if (index % 2) {
      position->elems[0].offset = index;
      TRANSACT("send_offsets", rd_kafka_send_offsets_to_transaction(producer, position, group, PATIENCE));
    }
    TRANSACT("commit_transaction", rd_kafka_commit_transaction(producer, PATIENCE));
    double end = now();
    (index % 2 ? settles : wholes)[index / 2] = end - begin;
    double left = begin + INTERVAL / 1e3 - end;
    if (left > 0) usleep((useconds_t)(left * 1e6));
  }
  pthread_join(reader, NULL);
  atomic_store(&finished, 1);
  pthread_join(watcher, NULL);
  rd_kafka_topic_partition_list_destroy(position);
  rd_kafka_consumer_group_metadata_destroy(group);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(producer);
  change_topics(topics, 1, 0);
  /* Does not count the first transactions: they find coordinators and warm up the broker. */
  long counted = count / 2 - WARM_UP;
  printf("{\"transactions\":%ld", counted * 2);
  print_quantiles("begin_to_commit_ms", wholes + WARM_UP, counted);
  print_quantiles("settle_ms", settles + WARM_UP, counted);
  print_quantiles("produce_to_visible_ms", visible + 2 * WARM_UP, counted * 2);
  printf("}\n");
  free(wholes);
}

static long positive(const char *text, const char *what, long most) {
  char *end;
  long value = strtol(text, &end, 10);
  if (*end || value < 1 || value > most) {
    fprintf(stderr, "kafka_pipe: %s must be 1 to %ld, not '%s'\n", what, most, text);
    exit(2);
  }
  return value;
}

int main(int argc, char **argv) {
  int latency = argc > 1 && strcmp(argv[1], "latency") == 0;
  if (latency ? argc < 5 || argc > 6 : argc < 5 || argc > 7) {
    fprintf(stderr, "usage: kafka_pipe BROKERS PREFIX COUNT BATCH [PARTITIONS=8 [REPLICATION=1]]\n"
                    "       kafka_pipe latency BROKERS PREFIX SECONDS [REPLICATION=1]\n");
    return 2;
  }
  brokers = argv[latency ? 2 : 1];
  prefix = argv[latency ? 3 : 2];
  if (latency) {
    if (argc > 5) replication = (int)positive(argv[5], "REPLICATION", 100);
    run_latency(positive(argv[4], "SECONDS", 86400));
    return 0;
  }
  count = positive(argv[3], "COUNT", 1L << 31);
  batch = positive(argv[4], "BATCH", 100000); /* librdkafka's own queue takes no more */
  if (argc > 5) partitions = (int)positive(argv[5], "PARTITIONS", 10000);
  if (argc > 6) replication = (int)positive(argv[6], "REPLICATION", 100);
  run_pipe();
  return 0;
}
