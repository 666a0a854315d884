/* The physical limit: libcurl's multi interface alone, no queue, no hash, no result.
 *
 * Usage: curl_multi PARALLEL FOLDER URL   PUTs every regular file of FOLDER (not of folders below it) to URL/NAME.
 * Each file is opened and read while it is sent, as an uploader has to. Exits 1 when a request fails or is not 2xx. */
#include <curl/curl.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct slot {
  CURL *easy;
  int file;
};

static char **names;
static size_t count, next_name, failed;

static size_t read_file(char *buffer, size_t size, size_t items, void *context) {
  ssize_t got = read(((struct slot *)context)->file, buffer, size * items);
  return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

static size_t drop(char *data, size_t size, size_t items, void *context) {
  (void)data;
  (void)context;
  return size * items;
}

static int begin(CURLM *multi, struct slot *slot, const char *folder, const char *url) {
  if (next_name == count) return 0;
  char path[4096], target[4096];
  snprintf(path, sizeof path, "%s/%s", folder, names[next_name]);
  snprintf(target, sizeof target, "%s/%s", url, names[next_name]);
  next_name++;
  slot->file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (slot->file < 0 || fstat(slot->file, &status) != 0) {
    perror(path);
    exit(1);
  }
  curl_easy_setopt(slot->easy, CURLOPT_URL, target);
  curl_easy_setopt(slot->easy, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(slot->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)status.st_size);
  curl_multi_add_handle(multi, slot->easy);
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: curl_multi PARALLEL FOLDER URL\n");
    return 2;
  }
  int parallel = atoi(argv[1]);
  DIR *folder = opendir(argv[2]);
  if (!folder || parallel < 1) {
    perror(argv[2]);
    return 2;
  }
  size_t room = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (entry->d_type != DT_REG) continue;
    if (count == room) names = realloc(names, (room = room * 2 + 1024) * sizeof *names);
    names[count++] = strdup(entry->d_name);
  }
  closedir(folder);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM *multi = curl_multi_init();
  struct slot *slots = calloc((size_t)parallel, sizeof *slots);
  struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
  int running = 0, active = 0;
  for (int index = 0; index < parallel; index++) {
    CURL *easy = slots[index].easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_file);
    curl_easy_setopt(easy, CURLOPT_READDATA, &slots[index]);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &slots[index]);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 262144L);
    active += begin(multi, &slots[index], argv[2], argv[3]);
  }
  while (active > 0) {
    curl_multi_perform(multi, &running);
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(multi, &left))) {
      if (message->msg != CURLMSG_DONE) continue;
      struct slot *slot;
      long status = 0;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
      curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
      if (message->data.result != CURLE_OK || status / 100 != 2) failed++;
      curl_multi_remove_handle(multi, slot->easy);
      close(slot->file);
      active--;
      active += begin(multi, slot, argv[2], argv[3]);
    }
    if (active > 0) curl_multi_poll(multi, NULL, 0, 1000, NULL);
  }
  if (failed) fprintf(stderr, "curl_multi: %zu of %zu failed\n", failed, count);
  return failed ? 1 : 0;
}
