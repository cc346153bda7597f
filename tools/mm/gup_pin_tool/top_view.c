// SPDX-License-Identifier: GPL-2.0
/*
 * The rows on top's screen, and the stacks of one of them.
 */
#ifdef GUP_PIN_NCURSES
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"
#include "top_screen.h"

static void free_rows(struct gp_view *view)
{
	size_t i;

	for (i = 0; i < view->nr; i++)
		free(view->rows[i].text);
	free(view->rows);
	free(view->titles);
	view->rows = NULL;
	view->titles = NULL;
	view->nr = 0;
}

/* The sort column has a star. */
static void mark_column(struct gp_table *table, const char *sort)
{
	const char *title = sort ? sort : "pins";
	unsigned int i;

	if (!strcmp(title, "age_ms") || !strcmp(title, "oldest_ms"))
		title = "age";
	for (i = 0; i < table->columns; i++) {
		char *marked;

		if (strcasecmp(table->cells[i], title))
			continue;
		marked = gp_format("*%s", table->cells[i]);
		free(table->cells[i]);
		table->cells[i] = marked;
	}
}

static void take_rows(struct gp_view *view, const struct gp_table *table)
{
	size_t *widths = gp_table_widths(table), rows = table->nr / table->columns, i;

	view->titles = gp_table_row(table, 0, widths);
	view->rows = gp_alloc(rows * sizeof(*view->rows));
	for (i = 1; i < rows; i++) {
		char *text = gp_table_row(table, i, widths);

		if (*view->text && !strstr(text, view->text)) {
			free(text);
			continue;
		}
		view->rows[view->nr].text = text;
		view->rows[view->nr++].sum = i - 1;
	}
	free(widths);
}

/* Finds the selected group in its new place. */
static void find_selected(struct gp_view *view)
{
	const struct gp_sums *sums = gp_top_sums(view->top);
	size_t i;

	for (i = 0; view->key && i < view->nr; i++)
		if (!strcmp(sums->all[view->rows[i].sum]->key, view->key))
			view->selected = i;
	if (view->selected >= view->nr)
		view->selected = view->nr ? view->nr - 1 : 0;
}

/**
 * gp_view_rows() - make rows of the newest sums
 * @view: gets the rows
 */
static void gp_view_rows(struct gp_view *view)
{
	struct gp_table table;

	free_rows(view);
	gp_top_table(view->top, &table);
	mark_column(&table, view->top->options->sort);
	take_rows(view, &table);
	gp_table_free(&table);
	find_selected(view);
	/* The group whose stacks are shown may be gone. */
	if (!view->nr)
		gp_view_close_stacks(view);
}

static void add_line(struct gp_view *view, size_t *room, char *line)
{
	gp_clean(line);
	if (view->nr_stacks == *room)
		view->stacks = gp_grow(view->stacks, room, sizeof(*view->stacks));
	view->stacks[view->nr_stacks++] = line;
}

static void add_stack(struct gp_view *view, size_t *room, const struct gp_sum *sum,
		      const char *handle)
{
	const char *frames = sum->frames ? sum->frames : "";
	char *pins = gp_counted(sum->now.pins, "pin");
	char *pages = gp_counted(sum->now.pages, "page");
	char age[32];

	gp_age(age, sizeof(age), sum->now.oldest);
	add_line(view, room, gp_format("%s on %s, %s old, stack %s", pins, pages, age, handle));
	free(pages);
	free(pins);
	while (*frames) {
		int len = strcspn(frames, "\n");

		add_line(view, room, gp_format("  %.*s", len, frames));
		frames += len;
		frames += *frames == '\n';
	}
	add_line(view, room, gp_copy(""));
}

/* The handles of a stack change when pins come and go; its frames are part of the key. */
static bool same_group(const struct gp_sum *a, const struct gp_sum *b, const struct gp_by *by)
{
	unsigned int i;

	if (gp_by_has(by, "stack"))
		return !strcmp(a->key, b->key);
	for (i = 0; i < by->nr; i++)
		if (strcmp(a->labels[i], b->labels[i]))
			return false;
	return true;
}

/* The keys of the rows, and stack. */
static int split_by_stack(const struct gp_by *by, struct gp_by *split)
{
	unsigned int i;

	memset(split, 0, sizeof(*split));
	for (i = 0; i < by->nr; i++)
		split->keys[split->nr++] = gp_copy(by->keys[i]);
	if (gp_by_has(by, "stack"))
		return GP_OK;
	if (by->nr == GP_BY_MAX)
		return gp_error("it is summed by too many words");
	split->keys[split->nr++] = gp_copy("stack");
	return GP_OK;
}

static unsigned int stack_label(const struct gp_by *by)
{
	unsigned int i = 0;

	while (strcmp(by->keys[i], "stack"))
		i++;
	return i;
}

static void take_stacks(struct gp_view *view, const struct gp_sums *split)
{
	const struct gp_sums *sums = gp_top_sums(view->top);
	const struct gp_sum *wanted = sums->all[view->rows[view->selected].sum];
	unsigned int label = stack_label(split->by);
	size_t i, room = 0;

	for (i = 0; i < split->nr; i++)
		if (same_group(split->all[i], wanted, sums->by))
			add_stack(view, &room, split->all[i],
				  gp_sum_label(split, split->all[i], label));
	if (!view->nr_stacks)
		add_line(view, &room, gp_copy("These pins have gone."));
}

/**
 * gp_view_stacks() - show the stacks of the selected row
 * @view: a view with rows
 *
 * Return: a status.
 */
static int gp_view_stacks(struct gp_view *view)
{
	struct gp_top *top = view->top;
	struct gp_sums split;
	struct gp_by by;
	int status = split_by_stack(&top->options->by, &by);

	gp_sums_init(&split, &by);
	/* The keys of its groups are then those of the rows. */
	split.compared = gp_by_has(&top->options->by, "stack");
	if (!status)
		status = gp_collect(&split, top->source, top->options, false);
	if (!status)
		status = gp_sums_sort(&split, NULL, false, false);
	if (!status)
		take_stacks(view, &split);
	view->at = 0;
	gp_sums_free(&split);
	gp_by_free(&by);
	return status;
}

static void gp_view_close_stacks(struct gp_view *view)
{
	size_t i;

	for (i = 0; i < view->nr_stacks; i++)
		free(view->stacks[i]);
	free(view->stacks);
	view->stacks = NULL;
	view->nr_stacks = 0;
}

static void gp_view_free(struct gp_view *view)
{
	gp_view_close_stacks(view);
	free_rows(view);
	free(view->key);
	free(view->message);
}

#endif /* GUP_PIN_NCURSES */
