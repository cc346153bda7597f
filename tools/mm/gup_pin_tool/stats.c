// SPDX-License-Identifier: GPL-2.0
/*
 * The figures of `stats`. The kernel has to count for them, so they are read once.
 */
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

struct gp_figure {
	char *name;
	unsigned long long value;
};

static void add_figure(struct gp_stats *stats, char *line)
{
	char *space = strrchr(line, ' ');
	unsigned long long value;

	line[strcspn(line, "\n")] = '\0';
	if (!space || !gp_number(space + 1, &value))
		return;
	if (stats->nr == stats->room)
		stats->all = gp_grow(stats->all, &stats->room, sizeof(*stats->all));
	*space = '\0';
	stats->all[stats->nr].name = gp_copy(line);
	stats->all[stats->nr++].value = value;
}

static void read_stats(struct gp_stats *stats, const char *dir)
{
	char *path = gp_format("%s/stats", dir);
	FILE *file = fopen(path, "re");
	char line[256];

	free(path);
	stats->read = true;
	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		add_figure(stats, line);
	fclose(file);
}

/* The figures; unknown for a single file. */
static struct gp_stats *stats_of(const struct gp_source *source)
{
	if (source->dir && !source->stats->read)
		read_stats(source->stats, source->dir);
	return source->stats;
}

/* A figure, if the file has it. */
static bool gp_source_stat(const struct gp_source *source, const char *name,
			   unsigned long long *value)
{
	const struct gp_stats *stats = stats_of(source);
	size_t i;

	for (i = 0; i < stats->nr; i++) {
		if (!strcmp(stats->all[i].name, name)) {
			*value = stats->all[i].value;
			return true;
		}
	}
	return false;
}

/**
 * gp_source_hazard() - the number of hazards of a kind
 * @source: where the figures are
 * @which: the index of the kind, from 0
 * @kind: its name, good until the figures are read again
 * @count: the number of hazards
 *
 * Return: false if there are fewer kinds.
 */
static bool gp_source_hazard(const struct gp_source *source, size_t which,
			     const char **kind, unsigned long long *count)
{
	const struct gp_stats *stats = stats_of(source);
	static const char front[] = "hazard_";
	size_t i;

	for (i = 0; i < stats->nr; i++) {
		if (strncmp(stats->all[i].name, front, strlen(front)) || which--)
			continue;
		*kind = stats->all[i].name + strlen(front);
		*count = stats->all[i].value;
		return true;
	}
	return false;
}

/* Makes the next request for a figure read the file again. */
static void gp_stats_forget(struct gp_stats *stats)
{
	size_t i;

	for (i = 0; i < stats->nr; i++)
		free(stats->all[i].name);
	free(stats->all);
	memset(stats, 0, sizeof(*stats));
}
