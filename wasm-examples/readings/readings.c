// Summarizes a series of readings, such as [21.5, 22, 20.75], of a sensor that measures from SENSOR_MIN to SENSOR_MAX.

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

struct series {
  double *values;
  size_t count;
};

// Ends the program: EX_DATAERR rejects the event, EX_TEMPFAIL retries it later. The last line on stderr is the reason.
_Noreturn static void fail(int status, const char *reason, ...) {
  va_list details;
  va_start(details, reason);
  vfprintf(stderr, reason, details);
  va_end(details);
  fputc('\n', stderr);
  exit(status);
}

// Reads a number from the Job's `env`.
static double setting(const char *name) {
  const char *text = getenv(name);
  if (!text) fail(EX_TEMPFAIL, "%s is not set: add it to the env of the Job", name);
  char *end;
  double value = strtod(text, &end);
  if (end == text || *end) fail(EX_TEMPFAIL, "%s is no number: correct it in the env of the Job", name);
  return value;
}

static void append(struct series *series, size_t *capacity, double value) {
  if (series->count == *capacity) {
    *capacity = *capacity ? *capacity * 2 : 64;
    series->values = realloc(series->values, *capacity * sizeof value);
    if (!series->values) fail(EX_TEMPFAIL, "no memory for %zu readings", *capacity);
  }
  series->values[series->count++] = value;
}

// The schema allows only arrays of numbers, and scanf reads every number that JSON has.
static struct series read_series(void) {
  struct series series = {NULL, 0};
  size_t capacity = 0;
  double value;
  char next = 0;
  if (scanf(" %c", &next) != 1 || next != '[') fail(EX_DATAERR, "the data is no array");
  while (next != ']') {
    if (scanf(" %lf %c", &value, &next) != 2 || (next != ',' && next != ']'))
      fail(EX_DATAERR, "reading %zu is no number", series.count + 1);
    append(&series, &capacity, value);
  }
  return series;
}

static void check_range(struct series series, double min, double max) {
  for (size_t i = 0; i < series.count; i++) {
    double value = series.values[i];
    if (value < min || value > max)
      fail(EX_DATAERR, "reading %zu is %g, the sensor measures from %g to %g", i + 1, value, min, max);
  }
}

static int ascending(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

// Sorts the series and writes the result to stdout, as one JSON value.
static void print_summary(struct series series) {
  // Welford's method: the difference of two large sums of squares would lose digits.
  double mean = 0, squares = 0;
  for (size_t i = 0; i < series.count; i++) {
    double delta = series.values[i] - mean;
    mean += delta / (double)(i + 1);
    squares += delta * (series.values[i] - mean);
  }
  qsort(series.values, series.count, sizeof *series.values, ascending);
  size_t middle = series.count / 2;
  double upper = series.values[middle];
  double median = series.count % 2 ? upper : (series.values[middle - 1] + upper) / 2;
  printf("{\"count\":%zu,\"min\":%.10g,\"median\":%.10g,\"max\":%.10g,\"mean\":%.10g,\"deviation\":%.10g}\n",
         series.count, series.values[0], median, series.values[series.count - 1], mean,
         sqrt(squares / (double)series.count));
}

int main(void) {
  double min = setting("SENSOR_MIN"), max = setting("SENSOR_MAX");
  struct series series = read_series();
  check_range(series, min, max);
  const char *sensor = getenv("CE_SUBJECT"); // each attribute of the event is a variable
  fprintf(stderr, "Got %zu readings of %s\n", series.count, sensor ? sensor : "a sensor");
  print_summary(series);
  return EX_OK;
}
