#pragma once
// Swift cannot call variadic C functions: one typed inline function for each kind of option.
#define CURL_DISABLE_TYPECHECK 1
#include <curl/curl.h>

typedef size_t (*backhaul_data_function)(char *, size_t, size_t, void *);
typedef int (*backhaul_seek_function)(void *, curl_off_t, int);
typedef curl_socket_t (*backhaul_socket_function)(void *, curlsocktype, struct curl_sockaddr *);
typedef int (*backhaul_prereq_function)(void *, char *, char *, int, int);

static inline CURLcode backhaul_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode backhaul_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode backhaul_set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode backhaul_set_pointer(CURL *easy, CURLoption option, void *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode backhaul_set_data_function(CURL *easy, CURLoption option, backhaul_data_function value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode backhaul_set_seek_function(CURL *easy, backhaul_seek_function value) {
    return curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, value);
}
static inline CURLcode backhaul_set_socket_function(CURL *easy, backhaul_socket_function value) {
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, value);
}
static inline CURLcode backhaul_set_prereq_function(CURL *easy, backhaul_prereq_function value) {
    return curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, value);
}
static inline CURLcode backhaul_set_digest(CURL *easy) {
    return curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_DIGEST);
}
static inline CURLcode backhaul_get_long(CURL *easy, CURLINFO info, long *value) {
    return curl_easy_getinfo(easy, info, value);
}
static inline CURLcode backhaul_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
    return curl_easy_getinfo(easy, info, value);
}
static inline CURLcode backhaul_get_pointer(CURL *easy, CURLINFO info, void **value) {
    return curl_easy_getinfo(easy, info, value);
}
static inline CURLMcode backhaul_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}
static inline CURLcode backhaul_message_result(const CURLMsg *message) {
    return message->data.result;
}
