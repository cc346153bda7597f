// SPDX-License-Identifier: GPL-2.0
/*
 * The order of sums: most first, names by the alphabet.
 */
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

static const struct {
	const char *name;
	size_t offset;
} figures[] = {
	{ "pins", offsetof(struct gp_values, pins) },
	{ "pages", offsetof(struct gp_values, pages) },
	{ "calls", offsetof(struct gp_values, count) },
	{ "runs", offsetof(struct gp_values, count) },
	{ "age_ms", offsetof(struct gp_values, oldest) },
	{ "oldest_ms", offsetof(struct gp_values, oldest) },
	{ "newest_ms", offsetof(struct gp_values, newest) },
	{ "acquired", offsetof(struct gp_values, acquired) },
	{ "peak", offsetof(struct gp_values, peak) },
};

/* qsort() has no argument for it. */
static struct {
	int label;
	size_t offset;
	bool growth;
	int sign;
} sums_order;

static unsigned long long value_of(const struct gp_values *values)
{
	return *(const unsigned long long *)((const char *)values + sums_order.offset);
}

static int compare_values(const struct gp_sum *a, const struct gp_sum *b)
{
	unsigned long long x = value_of(&a->now), y = value_of(&b->now);
	long long grown_x = gp_growth(x, value_of(&a->then));
	long long grown_y = gp_growth(y, value_of(&b->then));

	if (sums_order.growth)
		return (grown_x < grown_y) - (grown_x > grown_y);
	return (x < y) - (x > y);
}

static int compare_labels(const struct gp_sum *a, const struct gp_sum *b)
{
	const char *x = a->labels[sums_order.label], *y = b->labels[sums_order.label];
	unsigned long long m, n;

	if (gp_number(x, &m) && gp_number(y, &n))
		return (m > n) - (m < n);
	return strcmp(x, y);
}

/* Counts since boot have unknown growth if a stack was missing. */
static bool is_unknown(const struct gp_sum *sum)
{
	bool since_boot = sums_order.offset == offsetof(struct gp_values, acquired) ||
			  sums_order.offset == offsetof(struct gp_values, peak);

	return sums_order.growth && sums_order.label < 0 && since_boot &&
	       !gp_acquired_known(sum);
}

static int compare_sums(const void *a, const void *b)
{
	const struct gp_sum *x = *(const struct gp_sum *const *)a;
	const struct gp_sum *y = *(const struct gp_sum *const *)b;
	int way = sums_order.label < 0 ? compare_values(x, y) : compare_labels(x, y);

	/* Unknown growth comes last in either order. */
	if (is_unknown(x) != is_unknown(y))
		return is_unknown(x) - is_unknown(y);
	return way ? sums_order.sign * way : strcmp(x->key, y->key);
}

static bool find_figure(const char *key)
{
	size_t i;

	for (i = 0; i < sizeof(figures) / sizeof(*figures); i++) {
		if (!strcmp(figures[i].name, key)) {
			sums_order.offset = figures[i].offset;
			return true;
		}
	}
	return false;
}

static bool find_label(const struct gp_by *by, const char *key)
{
	unsigned int i;

	for (i = 0; i < by->nr; i++) {
		if (!strcmp(by->keys[i], key)) {
			sums_order.label = i;
			return true;
		}
	}
	return false;
}

/**
 * gp_sums_sort() - put groups in order
 * @sums: the groups
 * @key: a figure, or a key of the groups; NULL for pins
 * @growth: whether to sort by growth of the figure
 * @reverse: whether the order is reversed
 *
 * Return: a status.
 */
static int gp_sums_sort(struct gp_sums *sums, const char *key, bool growth, bool reverse)
{
	sums_order.label = -1;
	sums_order.growth = growth;
	sums_order.sign = reverse ? -1 : 1;
	if (!key)
		key = "pins";
	if (!strcmp(key, "growth")) {
		key = "pins";
		sums_order.growth = true;
	}
	if (!find_label(sums->by, key) && !find_figure(key))
		return gp_usage("cannot sort sums by '%s'", key);
	if (sums->nr)
		qsort(sums->all, sums->nr, sizeof(*sums->all), compare_sums);
	return GP_OK;
}
