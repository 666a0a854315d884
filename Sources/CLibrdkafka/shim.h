#pragma once
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

// Swift cannot call variadic C functions. A successful call takes ownership of the headers; the key and the value are
// copied.
static inline rd_kafka_resp_err_t backhaul_produce(
    rd_kafka_t *rk, const char *topic, int32_t partition, const void *key, size_t key_size, const void *value,
    size_t value_size, rd_kafka_headers_t *headers, void *opaque) {
    return rd_kafka_producev(
        rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(key, key_size), RD_KAFKA_V_VALUE((void *)value, value_size), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
}

// Elements of the admin API's pointer arrays, so that Swift need not handle pointers to pointers.
static inline const rd_kafka_topic_result_t *backhaul_topic_result(const rd_kafka_topic_result_t **all, size_t index) {
    return all[index];
}
static inline const rd_kafka_group_result_t *backhaul_group_result(const rd_kafka_group_result_t **all, size_t index) {
    return all[index];
}
static inline const rd_kafka_ConsumerGroupDescription_t *backhaul_group_description(
    const rd_kafka_ConsumerGroupDescription_t **all, size_t index) {
    return all[index];
}
static inline const rd_kafka_ConfigResource_t *backhaul_config_resource(
    const rd_kafka_ConfigResource_t **all, size_t index) {
    return all[index];
}
static inline const rd_kafka_ConfigEntry_t *backhaul_config_entry(const rd_kafka_ConfigEntry_t **all, size_t index) {
    return all[index];
}

// A variadic function of the mock cluster: makes its next request of this kind fail with this error.
static inline void backhaul_mock_push_error(
    rd_kafka_mock_cluster_t *cluster, int16_t api_key, rd_kafka_resp_err_t error) {
    rd_kafka_mock_push_request_errors(cluster, api_key, (size_t)1, error);
}

// The descriptor that librdkafka's queues write to when they become non-empty. Swift's Glibc module lacks eventfd.
#include <sys/eventfd.h>
static inline int backhaul_wake_descriptor(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

