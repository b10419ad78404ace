/* A program that fails, or asks for something, as its input says: "<descriptor> <end> [<status>]\n", then a text. It writes
   the text to that file descriptor, and ends by exit, abort, assert or a division by zero. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char input[1 << 20];

/* Writes all bytes, in parts of at most 1,000, as programs with a buffer do. */
static void write_all(int descriptor, const char *bytes, size_t left) {
  while (left > 0) {
    ssize_t written = write(descriptor, bytes, left < 1000 ? left : 1000);
    if (written <= 0) exit(1);
    bytes += written;
    left -= written;
  }
}

static void end(const char *how) {
  if (strncmp(how, "abort", 5) == 0) abort();
  if (strncmp(how, "assert", 6) == 0) assert(how == NULL);
  volatile int zero = 0;
  if (strncmp(how, "divide", 6) == 0) zero = 7 / zero;
}

int main(void) {
  size_t size = 0;
  ssize_t count;
  while ((count = read(0, input + size, sizeof input - 1 - size)) > 0) size += count;
  char *text = strchr(input, '\n');
  if (text == NULL) return 1;
  write_all(atoi(input), text + 1, size - (text + 1 - input));
  end(input + 2);
  if (strncmp(input + 2, "exit", 4) == 0 && atoi(input + 7) != 0) exit(atoi(input + 7));
  write_all(1, "1", 1);
  return 0;
}
