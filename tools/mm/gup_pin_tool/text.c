// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers, names and ages as text.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "gup_pin_tool.h"

/* Is the whole text a number, decimal or with 0x in front? */
static bool gp_number(const char *text, unsigned long long *number)
{
	const char *digits = text;
	int base = 10, before = errno;
	bool fits;
	char *end;

	if (text[0] == '0' && text[1] == 'x') {
		digits += 2;
		base = 16;
	}
	if (!isxdigit((unsigned char)*digits))
		return false;
	errno = 0;
	*number = strtoull(digits, &end, base);
	fits = !*end && end != digits && !errno;
	/* Keep errno, which may be the error of stdout. */
	errno = before;
	return fits;
}

/* The sum, or the largest number if it overflows. */
static unsigned long long gp_add(unsigned long long a, unsigned long long b)
{
	unsigned long long sum;

	return __builtin_add_overflow(a, b, &sum) ? ~0ULL : sum;
}

/* The growth; limited to the largest number. */
static long long gp_growth(unsigned long long now, unsigned long long then)
{
	long long a = now < LLONG_MAX ? (long long)now : LLONG_MAX;
	long long b = then < LLONG_MAX ? (long long)then : LLONG_MAX;

	return a - b;
}

/* "1 pin", "2 pins"; to be freed. */
static char *gp_counted(unsigned long long nr, const char *noun)
{
	return gp_format("%llu %s%s", nr, noun, nr == 1 ? "" : "s");
}

/* Text as the kernel writes it in a word: without blanks and lone backslashes. */
static char *gp_escape(const char *text)
{
	char *escaped = gp_alloc(4 * strlen(text) + 1), *to = escaped;

	for (; *text; text++) {
		unsigned char c = *text;

		if (c > ' ' && c <= '~' && c != '\\')
			*to++ = c;
		else
			to += sprintf(to, "\\x%02x", c);
	}
	return escaped;
}

/* Can this be the key of a word? */
static bool gp_is_key(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!islower((unsigned char)text[i]) &&
		    !isdigit((unsigned char)text[i]) && text[i] != '_')
			return false;
	return len > 0;
}

/* An age for people, in its two largest units. */
static void gp_age(char *buf, size_t size, unsigned long long ms)
{
	unsigned long long s = ms / 1000;

	if (s < 60)
		snprintf(buf, size, "%llu.%llus", s, ms % 1000 / 100);
	else if (s < 60 * 60)
		snprintf(buf, size, "%llum%02llus", s / 60, s % 60);
	else if (s < 24 * 60 * 60)
		snprintf(buf, size, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, size, "%llud%02lluh", s / 86400, s / 3600 % 24);
}

/*
 * Columns of the character that begins here, and its bytes. A character without a column of
 * its own (U+202E reverses the rest of the line) is treated like one that the locale does
 * not have.
 */
static int width_at(const char *text, size_t *bytes)
{
	mbstate_t state = {};
	wchar_t wide;
	size_t len;

	*bytes = 1;
	if ((signed char)*text > 0)
		return *text >= ' ' && *text != 0x7f ? 1 : -1;
	len = mbrtowc(&wide, text, strlen(text), &state);
	if (len == (size_t)-1 || len == (size_t)-2)
		return -1;
	*bytes = len;
	return wcwidth(wide) > 0 ? wcwidth(wide) : -1;
}

/* Removes what a terminal would interpret: files may contain anything. */
static void gp_clean(char *text)
{
	char *to = text;
	size_t bytes;

	for (; *text; text += bytes) {
		if (width_at(text, &bytes) < 0) {
			*to++ = '?';
		} else {
			memmove(to, text, bytes);
			to += bytes;
		}
	}
	*to = '\0';
}

/* The bytes of a clean text that fit into the columns; *used is their width. */
static size_t gp_fitting(const char *text, size_t columns, size_t *used)
{
	size_t at, bytes;

	*used = 0;
	for (at = 0; text[at]; at += bytes) {
		size_t width = width_at(text + at, &bytes);

		if (*used + width > columns)
			break;
		*used += width;
	}
	return at;
}

/* The width of a clean text. */
static size_t gp_columns(const char *text)
{
	size_t used;

	gp_fitting(text, SIZE_MAX, &used);
	return used;
}

/* Cuts a clean text that is wider; then "~" is its end. */
static void gp_cut(char *text, size_t columns)
{
	size_t used;

	if (text[gp_fitting(text, columns, &used)])
		memcpy(text + gp_fitting(text, columns - 1, &used), "~", 2);
}

/* The end of a text: "~" replaces its front if it is wider. To be freed. */
static char *gp_fit_end(const char *text, size_t columns)
{
	char *clean = gp_copy(text);
	size_t used, skip = 0;

	gp_clean(clean);
	if (gp_columns(clean) <= columns)
		return clean;
	while (gp_columns(clean + skip) > columns - 1)
		skip += gp_fitting(clean + skip, 1, &used) ?:
			gp_fitting(clean + skip, 2, &used);
	memmove(clean + 1, clean + skip, strlen(clean + skip) + 1);
	*clean = '~';
	return clean;
}

/**
 * gp_fit() - fit a text into a column of a table
 * @text: the text
 * @columns: the width of the column
 * @cut: whether longer text is truncated, with "~" at its end
 *
 * Return: the text, padded with blanks, to be freed.
 */
static char *gp_fit(const char *text, size_t columns, bool cut)
{
	char *clean = gp_copy(text), *fit;
	size_t used, bytes;

	gp_clean(clean);
	bytes = gp_fitting(clean, columns, &used);
	if (clean[bytes] && cut) {
		bytes = gp_fitting(clean, columns - 1, &used);
		fit = gp_format("%.*s~%*s", (int)bytes, clean, (int)(columns - 1 - used), "");
	} else {
		used = gp_columns(clean);
		fit = gp_format("%s%*s", clean, (int)(used < columns ? columns - used : 0), "");
	}
	free(clean);
	return fit;
}
