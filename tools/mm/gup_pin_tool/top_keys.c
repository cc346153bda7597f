// SPDX-License-Identifier: GPL-2.0
/*
 * The keys of top's screen.
 */
#ifdef GUP_PIN_NCURSES
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"
#include "top_screen.h"

#define KEY_ESCAPE	27
#define KEY_CONTROL_U	21

/* The message while the terminal is a screen; NULL if there is none. */
static void take_message(struct gp_view *view)
{
	free(view->message);
	view->message = gp_say_take();
}

static void sort_rows(struct gp_view *view, const char *sort)
{
	view->top->options->sort = sort;
	gp_top_sort(view->top);
	gp_view_rows(view);
}

/* The columns to sort by, in their order on the screen. */
static const char *column_at(const struct gp_by *by, unsigned int which)
{
	static const char *const columns[] = { "pins", "growth", "pages", "age_ms" };
	unsigned int nr = sizeof(columns) / sizeof(*columns);

	return which < nr ? columns[which] : by->keys[which - nr];
}

static void next_column(struct gp_view *view, int way)
{
	const struct gp_by *by = &view->top->options->by;
	const char *sort = view->top->options->sort;
	unsigned int nr = 4 + by->nr, i;

	for (i = 0; i < nr; i++)
		if (!strcmp(column_at(by, i), sort ? sort : "pins"))
			break;
	sort_rows(view, column_at(by, (i + nr + way) % nr));
}

/* Selects a row, and remembers its group. */
static void select_row(struct gp_view *view, long row)
{
	long last = (long)view->nr - 1;

	if (row > last)
		row = last;
	if (row < 0)
		row = 0;
	view->selected = row;
	free(view->key);
	view->key = view->nr ? gp_copy(gp_top_sums(view->top)->all[view->rows[row].sum]->key) :
			       NULL;
}

static long page_rows(void)
{
	return LINES > 6 ? LINES - 5 : 1;
}

/* The row that an arrow key moves to; false for other keys. */
static bool moved(int key, long *at, long last)
{
	switch (key) {
	case KEY_UP:
		--*at;
		return true;
	case KEY_DOWN:
		++*at;
		return true;
	case KEY_PPAGE:
		*at -= page_rows();
		return true;
	case KEY_NPAGE:
		*at += page_rows();
		return true;
	case KEY_HOME:
		*at = 0;
		return true;
	case KEY_END:
		*at = last;
		return true;
	default:
		return false;
	}
}

static bool is_enter(int key)
{
	return key == '\n' || key == '\r' || key == KEY_ENTER;
}

static void heed_stacks(struct gp_view *view, int key)
{
	long at = view->at, last = (long)view->nr_stacks - 1;

	if (moved(key, &at, last))
		view->at = at < 0 ? 0 : at > last ? last : at;
	else if (key == 'q' || key == KEY_ESCAPE || is_enter(key))
		gp_view_close_stacks(view);
}

/* The filter of the command line, plus the typed words. */
static int set_filter(struct gp_view *view, char *typed)
{
	struct gp_options *options = view->top->options;
	char **word, *next;
	int status = GP_OK;

	gp_filter_free(&options->filter);
	memset(&options->filter, 0, sizeof(options->filter));
	for (word = options->words; *word; word++)
		gp_filter_add(&options->filter, *word);
	*view->text = '\0';
	view->filtered = false;
	for (next = strtok(typed, " "); !status && next; next = strtok(NULL, " ")) {
		if (strchr(next, '=')) {
			status = gp_filter_add(&options->filter, next);
			view->filtered = true;
		} else {
			snprintf(view->text, sizeof(view->text), "%s", next);
		}
	}
	/* Growth of other groups is meaningless. */
	gp_top_restart(view->top);
	view->stale = true;
	return status;
}

static void clear_filter(struct gp_view *view)
{
	char none[] = "";

	set_filter(view, none);
}

/**
 * gp_view_back() - undo a filter that makes reading fail
 * @view: the view whose newest round has failed
 *
 * Return: false if no typed filter can be the reason.
 */
static bool gp_view_back(struct gp_view *view)
{
	if (!view->filtered)
		return false;
	take_message(view);
	clear_filter(view);
	return true;
}

static void heed_typing(struct gp_view *view, int key)
{
	size_t len = strlen(view->typed);

	if (is_enter(key)) {
		view->typing = false;
		if (set_filter(view, view->typed))
			gp_view_back(view);
	} else if (key == KEY_ESCAPE) {
		view->typing = false;
	} else if (key == KEY_CONTROL_U) {
		*view->typed = '\0';
	} else if (key == KEY_BACKSPACE || key == '\b' || key == 0x7f) {
		view->typed[len ? len - 1 : 0] = '\0';
	} else if (key >= ' ' && key < 0x7f && len + 1 < sizeof(view->typed)) {
		view->typed[len] = (char)key;
		view->typed[len + 1] = '\0';
	}
}

static void begin_typing(struct gp_view *view)
{
	view->typing = true;
	*view->typed = '\0';
}

static void open_stacks_of_row(struct gp_view *view)
{
	if (!view->nr)
		return;
	/* The row stays selected while others are scrolled. */
	select_row(view, (long)view->selected);
	if (gp_view_stacks(view))
		gp_view_close_stacks(view);
	take_message(view);
}

static void heed_letter(struct gp_view *view, int key)
{
	struct gp_options *options = view->top->options;

	switch (key) {
	case 'p':
		sort_rows(view, "pins");
		break;
	case 'g':
		sort_rows(view, "growth");
		break;
	case 's':
		sort_rows(view, "pages");
		break;
	case 'a':
		sort_rows(view, "age_ms");
		break;
	case 'n':
		sort_rows(view, options->by.keys[options->by.nr - 1]);
		break;
	case 'r':
		options->reverse = !options->reverse;
		sort_rows(view, options->sort);
		break;
	case 'z':
		gp_top_restart(view->top);
		view->stale = true;
		break;
	case '/':
		begin_typing(view);
		break;
	case 'q':
		view->done = true;
		break;
	default:
		break;
	}
}

static void heed_rows(struct gp_view *view, int key)
{
	long row = (long)view->selected;

	if (moved(key, &row, (long)view->nr - 1))
		select_row(view, row);
	else if (key == KEY_LEFT || key == KEY_RIGHT)
		next_column(view, key == KEY_LEFT ? -1 : 1);
	else if (is_enter(key))
		open_stacks_of_row(view);
	else if (key == KEY_ESCAPE)
		clear_filter(view);
	else
		heed_letter(view, key);
}

/**
 * gp_view_key() - handle a key
 * @view: the view
 * @key: the key, from getch()
 */
static void gp_view_key(struct gp_view *view, int key)
{
	free(view->message);
	view->message = NULL;
	if (view->typing)
		heed_typing(view, key);
	else if (view->stacks)
		heed_stacks(view, key);
	else
		heed_rows(view, key);
}

#endif /* GUP_PIN_NCURSES */
