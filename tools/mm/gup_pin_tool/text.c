// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers, names and ages as text.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool.h"

/* Is all of the text a number, decimal or with 0x in front? */
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
	/* It may yet have to tell why stdout failed. */
	errno = before;
	return fits;
}

/* The sum, or the greatest number if it does not fit. */
static unsigned long long gp_add(unsigned long long a, unsigned long long b)
{
	unsigned long long sum;

	return __builtin_add_overflow(a, b, &sum) ? ~0ULL : sum;
}

/* What it has grown by; numbers that would not fit count as the greatest one. */
static long long gp_growth(unsigned long long now, unsigned long long then)
{
	long long a = now < LLONG_MAX ? (long long)now : LLONG_MAX;
	long long b = then < LLONG_MAX ? (long long)then : LLONG_MAX;

	return a - b;
}

/* Text as the kernel writes it in a word: no blanks, no lone backslash. */
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

/* May this be the key of a word? */
static bool gp_is_key(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!islower((unsigned char)text[i]) &&
		    !isdigit((unsigned char)text[i]) && text[i] != '_')
			return false;
	return len > 0;
}

/* An age for people: two of its units are enough. */
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

/* Is this a control character: of ASCII, or one of those that Unicode has more? */
static bool is_control(const unsigned char *c)
{
	return *c < ' ' || *c == 0x7f || (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0);
}

/* Nothing that a terminal would obey: files may have been made by anybody. */
static void gp_clean(char *text)
{
	for (; *text; text++) {
		if (!is_control((unsigned char *)text))
			continue;
		if ((unsigned char)*text == 0xc2)
			text[1] = '?';
		*text = '?';
	}
}
