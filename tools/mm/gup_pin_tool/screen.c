// SPDX-License-Identifier: GPL-2.0
/*
 * stdout: its width, and whether it can still be written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "gup_pin_tool.h"

static int out_error;
static bool screen_measured;
static unsigned int screen_width;
static unsigned int screen_height;

static unsigned int screen_size(unsigned short told, const char *variable,
				unsigned int otherwise)
{
	const char *text = getenv(variable);
	unsigned long long number;

	if (told)
		return told;
	if (text && gp_number(text, &number) && number && number < 100000)
		return number;
	return otherwise;
}

/* Asks the terminal for its current size. */
static void gp_measure(void)
{
	struct winsize size = {};

	screen_measured = true;
	if (!isatty(STDOUT_FILENO))
		return;
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	screen_width = screen_size(size.ws_col, "COLUMNS", 80);
	screen_height = screen_size(size.ws_row, "LINES", 24);
}

/* Columns of the terminal; 0 if it is not one: no limit. */
static unsigned int gp_width(void)
{
	if (!screen_measured)
		gp_measure();
	return screen_width;
}

static unsigned int gp_height(void)
{
	if (!screen_measured)
		gp_measure();
	return screen_height;
}

/* Can the terminal move its cursor? */
static bool gp_screen(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb");
}

/* A line; if the terminal is narrower, "~" replaces the rest. */
static void gp_print_cut(const char *text)
{
	char *line = gp_copy(text);

	gp_clean(line);
	if (gp_width())
		gp_cut(line, screen_width);
	puts(line);
	free(line);
}

/* Whether to stop: the reader has left, or the disk is full. */
static bool gp_out_failed(void)
{
	if (ferror(stdout) && !out_error)
		out_error = errno ? errno : EIO;
	return out_error;
}

/* The final exit status. It is no error if the reader has left. */
static int gp_out_finish(int status)
{
	if (fflush(stdout) && !out_error)
		out_error = errno;
	gp_out_failed();
	if (!out_error || out_error == EPIPE)
		return status;
	return gp_error("cannot write: %s", strerror(out_error));
}

/* Ended by a signal, such as a new size of the terminal. */
static void gp_wait(double seconds)
{
	struct timespec span = { .tv_sec = (time_t)seconds };

	span.tv_nsec = (long)((seconds - (double)span.tv_sec) * 1e9);
	nanosleep(&span, NULL);
}
