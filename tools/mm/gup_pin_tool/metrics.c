// SPDX-License-Identifier: GPL-2.0
/*
 * metrics: figures for Prometheus, in the text format of node_exporter's textfile
 * collector.
 *
 * The number of series is bounded for any number of stacks, tasks and modules: the rest
 * is module="other".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gup_pin_tool.h"

/* Groups of term, mode and module that have series of their own. */
#define GROUPS_MAX	64

static void head(const char *name, const char *type, const char *help)
{
	printf("# HELP gup_pin_%s %s\n# TYPE gup_pin_%s %s\n", name, help, name, type);
}

/* The value of a label; quotes and backslashes are escaped. */
static void print_label(const char *front, const char *name, const char *value)
{
	char *clean = gp_copy(value), *c;

	gp_clean(clean);
	printf("%s%s=\"", front, name);
	for (c = clean; *c; c++) {
		if (*c == '"' || *c == '\\')
			putchar('\\');
		putchar(*c);
	}
	putchar('"');
	free(clean);
}

/* Milliseconds as seconds. */
static void print_seconds(unsigned long long ms)
{
	printf("%llu.%03llu\n", ms / 1000, ms % 1000);
}

static void print_group(const char *name, char **labels, unsigned long long value)
{
	printf("gup_pin_%s", name);
	print_label("{", "term", labels[0]);
	print_label(",", "mode", labels[1]);
	print_label(",", "module", labels[2] ? labels[2] : "other");
	printf("} %llu\n", value);
}

static unsigned long long pins_of(const struct gp_values *values)
{
	return values->pins;
}

static unsigned long long bytes_of(const struct gp_values *values)
{
	unsigned long long bytes;

	if (__builtin_mul_overflow(values->pages, sysconf(_SC_PAGESIZE), &bytes))
		return ~0ULL;
	return bytes;
}

/* The rest, by term and mode, without a module. */
static void add_other(struct gp_sum *other, size_t *nr, const struct gp_sum *sum)
{
	size_t i;

	for (i = 0; i < *nr; i++)
		if (!strcmp(other[i].labels[0], sum->labels[0]) &&
		    !strcmp(other[i].labels[1], sum->labels[1]))
			break;
	if (i == *nr) {
		memset(&other[i], 0, sizeof(other[i]));
		other[i].labels[0] = sum->labels[0];
		other[i].labels[1] = sum->labels[1];
		(*nr)++;
	}
	other[i].now.pins = gp_add(other[i].now.pins, sum->now.pins);
	other[i].now.pages = gp_add(other[i].now.pages, sum->now.pages);
}

static void print_groups(const char *name, const struct gp_sums *sums,
			 unsigned long long (*value)(const struct gp_values *values))
{
	size_t rest = sums->nr > GROUPS_MAX ? sums->nr - GROUPS_MAX : 0, nr = 0, i;
	struct gp_sum *other = gp_alloc((rest + 1) * sizeof(*other));

	for (i = 0; i < sums->nr - rest; i++)
		print_group(name, sums->all[i]->labels, value(&sums->all[i]->now));
	for (; i < sums->nr; i++)
		add_other(other, &nr, sums->all[i]);
	for (i = 0; i < nr; i++)
		print_group(name, other[i].labels, value(&other[i].now));
	free(other);
}

/* For either term; 0 without pins of a term, so that an alert has a value. */
static void print_oldest(const struct gp_sums *sums)
{
	static const char *const terms[] = { "long", "short" };
	unsigned int i;
	size_t j;

	for (i = 0; i < sizeof(terms) / sizeof(*terms); i++) {
		unsigned long long oldest = 0;

		for (j = 0; j < sums->nr; j++)
			if (!strcmp(sums->all[j]->labels[0], terms[i]) &&
			    sums->all[j]->now.oldest > oldest)
				oldest = sums->all[j]->now.oldest;
		printf("gup_pin_oldest_pin_seconds{term=\"%s\"} ", terms[i]);
		print_seconds(oldest);
	}
}

static void print_sums(const struct gp_sums *sums)
{
	head("live_pins", "gauge", "Pins that are held now.");
	print_groups("live_pins", sums, pins_of);
	head("live_bytes", "gauge", "Memory that is pinned now, once for each call.");
	print_groups("live_bytes", sums, bytes_of);
	head("oldest_pin_seconds", "gauge", "Age of the oldest pin.");
	print_oldest(sums);
}

/* Figures of `stats` that are exported unchanged. */
static const struct {
	const char *stat;
	const char *name;
	const char *type;
	const char *help;
} plain_figures[] = {
	{ "enabled", "tracking_enabled", "gauge", "Whether pins are recorded." },
	{ "untracked", "untracked_pins", "gauge", "Live pins without a record." },
	{ "pinned_from_before", "earlier_pins", "gauge", "Pins from before tracking." },
	{ "memory_bytes", "memory_bytes", "gauge", "Memory that tracking takes." },
	{ "acquired", "acquired_pins_total", "counter", "Pins that were recorded." },
	{ "released", "released_pins_total", "counter", "Recorded pins that were released." },
	{ "unmatched", "unmatched_unpins_total", "counter", "Unpins of pages without a pin." },
	{ "inferred", "inferred_unpins_total", "counter", "Unpins whose record was a guess." },
	{ "refused", "refused_pins_total", "counter", "Long-term pins not given." },
};

static void print_figures(const struct gp_source *source)
{
	unsigned long long value;
	size_t i;

	for (i = 0; i < sizeof(plain_figures) / sizeof(*plain_figures); i++) {
		if (!gp_source_stat(source, plain_figures[i].stat, &value))
			continue;
		head(plain_figures[i].name, plain_figures[i].type, plain_figures[i].help);
		printf("gup_pin_%s %llu\n", plain_figures[i].name, value);
	}
}

static void print_hazards(const struct gp_source *source)
{
	unsigned long long count;
	const char *kind;
	size_t i;

	head("hazards_total", "counter", "Hazards that were met.");
	for (i = 0; gp_source_hazard(source, i, &kind, &count); i++) {
		fputs("gup_pin_hazards_total", stdout);
		print_label("{", "kind", kind);
		printf("} %llu\n", count);
	}
}

/* Everything is read before anything is written. */
static int print_metrics(struct gp_source *source, struct gp_options *options)
{
	struct gp_top top = { .source = source, .options = options };
	int status = gp_top_round(&top);

	if (!status) {
		print_figures(source);
		if (top.orphans_known) {
			head("orphan_pins", "gauge", "Pins whose owner or whose task has ended.");
			printf("gup_pin_orphan_pins %llu\n", top.orphans);
		}
		print_hazards(source);
		print_sums(gp_top_sums(&top));
	}
	gp_top_restart(&top);
	return status;
}

/* A whole file or none: old figures would be taken for current ones. */
static int write_file(struct gp_source *source, struct gp_options *options)
{
	char *new = gp_format("%s.new", options->output);
	int status;

	if (!freopen(new, "we", stdout)) {
		status = gp_error("%s: %s", new, strerror(errno));
	} else {
		status = print_metrics(source, options);
		fflush(stdout);
		/* The error is reported at the program's end. */
		if (!status && gp_out_failed())
			status = GP_ERROR;
		if (!status && rename(new, options->output))
			status = gp_error("%s: %s", options->output, strerror(errno));
		if (status)
			unlink(new);
	}
	free(new);
	return status;
}

/* A file that is renamed to /dev/stdout would replace it, and an error would remove it. */
static int check_output(const char *output)
{
	struct stat st;

	if (!output || stat(output, &st) || S_ISREG(st.st_mode))
		return GP_OK;
	return gp_error("%s: this is not a regular file", output);
}

static int gp_metrics(struct gp_options *options)
{
	struct gp_source source;
	int status = check_output(options->output);

	if (status)
		return status;
	status = gp_by_parse(&options->by, "term,mode,module");

	/* Groups with the most pins have their own series. */
	options->sort = NULL;
	options->reverse = false;
	if (!status)
		status = gp_source_find(&source, options->from);
	if (!status && !source.dir)
		status = gp_error("%s: metrics are made of a folder", options->from);
	if (!status)
		status = options->output ? write_file(&source, options) :
					   print_metrics(&source, options);
	if (status && options->output)
		unlink(options->output);
	gp_source_free(&source);
	return status;
}
