/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The content of top's screen, and its keys.
 */
#ifndef GUP_PIN_TOP_SCREEN_H
#define GUP_PIN_TOP_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#define TYPED_MAX	128

/**
 * struct gp_row - a row of the table
 * @text: all of its cells
 * @sum: which of the sums it is of
 */
struct gp_row {
	char *text;
	size_t sum;
};

/**
 * struct gp_view - the content of the screen
 * @top: the sums
 * @titles: the titles of the columns
 * @rows: rows that contain @text
 * @nr: number of rows
 * @selected: the row that keys act on
 * @key: of its group, to find it in the next round; NULL if there was none
 * @first: the first row on the screen
 * @text: text that rows must contain
 * @typed: the text being typed
 * @typing: whether a filter is being typed
 * @filtered: whether it had words key=value
 * @stacks: lines about the stacks of the selected row; NULL if rows are shown
 * @nr_stacks: number of lines
 * @at: the first of these lines on the screen
 * @message: the message about the last key; NULL if there is none
 * @stale: whether the sums have to be read again
 * @done: whether q was pressed
 */
struct gp_view {
	struct gp_top *top;
	char *titles;
	struct gp_row *rows;
	size_t nr;
	size_t selected;
	char *key;
	size_t first;
	char text[TYPED_MAX];
	char typed[TYPED_MAX];
	bool typing;
	bool filtered;
	char **stacks;
	size_t nr_stacks;
	size_t at;
	char *message;
	bool stale;
	bool done;
};

/* top_view.c */
static void gp_view_rows(struct gp_view *view);
static int gp_view_stacks(struct gp_view *view);
static void gp_view_close_stacks(struct gp_view *view);
static void gp_view_free(struct gp_view *view);

/* top_keys.c */
static void gp_view_key(struct gp_view *view, int key);
static bool gp_view_back(struct gp_view *view);

#endif /* GUP_PIN_TOP_SCREEN_H */
