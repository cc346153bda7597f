// SPDX-License-Identifier: GPL-2.0
/*
 * Messages on stderr, always one line; and memory.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

/* The newest delayed message. */
static bool said_held;
static char *said;

static bool hold(const char *text)
{
	if (!said_held)
		return false;
	free(said);
	said = strdup(text);
	return true;
}

#ifdef GUP_PIN_NCURSES
/* Delays messages, while the terminal is a screen. */
static void gp_say_hold(void)
{
	said_held = true;
}

/* The newest message since the last call, to be freed; or NULL. */
static char *gp_say_take(void)
{
	char *text = said;

	said = NULL;
	return text;
}

/* The same, and ends the delay. */
static char *gp_say_release(void)
{
	said_held = false;
	return gp_say_take();
}
#endif

/* The name of a file may contain anything, including a newline. */
static void say(const char *format, va_list args)
{
	char text[1024];

	vsnprintf(text, sizeof(text), format, args);
	gp_clean(text);
	if (hold(text))
		return;
	fflush(stdout);
	fprintf(stderr, "gup_pin: %s\n", text);
}

static int gp_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	return GP_ERROR;
}

static int gp_usage(const char *format, ...)
{
	char text[900];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	gp_error("%s (gup_pin --help says more)", text);
	return GP_USAGE;
}

static int gp_absent(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	return GP_ABSENT;
}

static void gp_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

static void *have_memory(void *memory)
{
	if (!memory)
		exit(gp_error("out of memory"));
	return memory;
}

/* Zeroed memory; ends the program if there is none. */
static void *gp_alloc(size_t size)
{
	return have_memory(calloc(1, size));
}

/* Doubles the room for elements of this size, which was *room. */
static void *gp_grow(void *old, size_t *room, size_t size)
{
	*room = *room ? 2 * *room : 64;
	return have_memory(reallocarray(old, *room, size));
}

static char *gp_copy(const char *text)
{
	return have_memory(strdup(text));
}

static char *gp_format(const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = have_memory(len < 0 ? NULL : malloc(len + 1));
	va_start(args, format);
	vsnprintf(text, len + 1, format, args);
	va_end(args);
	return text;
}
