// SPDX-License-Identifier: GPL-2.0
/*
 * top as a screen with keys, if built with ncurses (-DGUP_PIN_NCURSES -lncursesw);
 * otherwise top is plain text.
 */
#ifdef GUP_PIN_NCURSES
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gup_pin_tool.h"
#include "top_screen.h"

static const char keys_of_rows[] =
	"q quit  p pins g growth s pages a age n name r reverse  / filter  Enter stack";
static const char keys_of_stacks[] = "q back  up and down scroll";

/* Lines other than rows: headline, titles, status, keys. */
#define OTHER_LINES	4

static SCREEN *terminal;

/* Also if the program ends early: its message needs the terminal back. */
static void end_screen(void)
{
	char *message;

	if (!terminal)
		return;
	endwin();
	delscreen(terminal);
	terminal = NULL;
	message = gp_say_release();
	if (message)
		gp_note("%s", message);
	free(message);
}

/* Makes the terminal a screen, if there is one and it is wanted. */
static bool gp_screen_begin(const struct gp_top *top)
{
	const struct gp_options *options = top->options;

	if (options->rounds || options->json || !isatty(STDIN_FILENO) || !gp_screen())
		return false;
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal)
		return false;
	atexit(end_screen);
	gp_say_hold();
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	return true;
}

/* A line of clean text; if the terminal is narrower, "~" replaces the rest. */
static void draw_line(int y, const char *text, int attributes)
{
	char *line;

	if (y >= LINES)
		return;
	line = gp_copy(text);
	gp_cut(line, COLS);
	move(y, 0);
	clrtoeol();
	attrset(attributes);
	addstr(line);
	attrset(A_NORMAL);
	free(line);
}

/* The end of what was typed, and the cursor. */
static void draw_typed(const char *typed)
{
	char *end = gp_fit_end(typed, COLS > 3 ? COLS - 2 : 1);

	draw_line(LINES - 1, "/", A_NORMAL);
	addstr(end);
	free(end);
}

static int rows_room(void)
{
	int room = LINES - OTHER_LINES;

	return room > 0 ? room : 1;
}

/* Keeps the selected row on the screen, and the screen full. */
static void scroll_to_selected(struct gp_view *view)
{
	size_t room = rows_room();

	if (view->first + room > view->nr)
		view->first = view->nr > room ? view->nr - room : 0;
	if (view->selected < view->first)
		view->first = view->selected;
	if (view->selected >= view->first + room)
		view->first = view->selected - room + 1;
}

static void draw_status(const struct gp_view *view, size_t shown)
{
	size_t all = gp_top_sums(view->top)->nr, hidden = all - view->nr;
	char *text;

	if (view->message)
		text = gp_copy(view->message);
	else if (!view->nr)
		text = gp_format("no rows%s", all ? "" : ": no pin matches");
	else
		text = gp_format("rows %zu-%zu of %zu", view->first + 1, view->first + shown,
				 view->nr);
	draw_line(LINES - 2, text, A_NORMAL);
	if (hidden && !view->message)
		printw(", %zu left out%s%s", hidden, *view->text ? " by /" : "", view->text);
	free(text);
}

static void draw_rows(struct gp_view *view)
{
	size_t room = rows_room(), i;

	scroll_to_selected(view);
	draw_line(1, view->titles, A_BOLD);
	for (i = 0; i < room && view->first + i < view->nr; i++) {
		size_t row = view->first + i;

		draw_line(2 + (int)i, view->rows[row].text,
			  row == view->selected ? A_REVERSE : A_NORMAL);
	}
	draw_status(view, i);
	draw_line(LINES - 1, keys_of_rows, A_DIM);
}

static void draw_stacks(struct gp_view *view)
{
	size_t room = rows_room(), i;

	draw_line(1, view->rows[view->selected].text, A_BOLD);
	for (i = 0; i < room && view->at + i < view->nr_stacks; i++)
		draw_line(2 + (int)i, view->stacks[view->at + i], A_NORMAL);
	if (view->at + i < view->nr_stacks) {
		draw_line(LINES - 2, "", A_NORMAL);
		printw("%zu more lines", view->nr_stacks - view->at - i);
	}
	draw_line(LINES - 1, keys_of_stacks, A_DIM);
}

static void draw(struct gp_view *view)
{
	char *headline = gp_top_headline(view->top);

	erase();
	draw_line(0, headline, A_NORMAL);
	if (view->stacks)
		draw_stacks(view);
	else
		draw_rows(view);
	if (view->typing)
		draw_typed(view->typed);
	curs_set(view->typing);
	refresh();
	free(headline);
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Handles keys until the next round is due. */
static void heed_keys(struct gp_view *view)
{
	double left, due = seconds_now() + view->top->options->delay;

	while (!view->done && !view->stale && (left = due - seconds_now()) > 0) {
		int key;

		draw(view);
		timeout((int)(left * 1000) + 1);
		key = getch();
		if (key != ERR)
			gp_view_key(view, key);
	}
}

/**
 * gp_top_screen() - show sums until q is pressed
 * @top: the sums to show
 *
 * Return: a status.
 */
static int gp_top_screen(struct gp_top *top)
{
	struct gp_view view = { .top = top };
	int status = GP_OK;

	while (!status && !view.done) {
		view.stale = false;
		status = gp_top_round(top);
		if (status && gp_view_back(&view)) {
			status = GP_OK;
			continue;
		}
		if (status)
			break;
		gp_view_rows(&view);
		heed_keys(&view);
	}
	gp_view_free(&view);
	end_screen();
	return status;
}

#else

static bool gp_screen_begin(const struct gp_top *top)
{
	(void)top;
	return false;
}

static int gp_top_screen(struct gp_top *top)
{
	(void)top;
	return GP_ERROR;
}

#endif /* GUP_PIN_NCURSES */
