// SPDX-License-Identifier: GPL-2.0
/*
 * An array of objects, one a line. Numbers that people read are numbers; addresses and
 * handles are text, as in a line of the file.
 */
#include <string.h>

#include "gup_pin_tool.h"

/* Length of the character of UTF-8 that begins here; 0 if there is none. */
static size_t utf8_length(const unsigned char *c)
{
	size_t len = *c >= 0xf0 ? 4 : *c >= 0xe0 ? 3 : 2, i;
	unsigned long point = *c & (0x7f >> len);

	if (*c < 0xc2 || *c > 0xf4)
		return 0;
	for (i = 1; i < len; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (c[i] & 0x3f);
	}
	if ((len == 3 && point < 0x800) || (len == 4 && point < 0x10000) ||
	    (point >= 0xd800 && point < 0xe000) || point > 0x10ffff)
		return 0;
	return len;
}

/* Length of the text up to the first escape. */
static size_t plain_length(const char *text, const char *end)
{
	const char *c = text;

	while (c < end && *c >= ' ' && *c <= '~' && *c != '"' && *c != '\\')
		c++;
	return c - text;
}

/* An escape. A byte that is not text is written as by the kernel: \xff. */
static size_t print_special(const char *text)
{
	unsigned char c = *text;
	size_t len = c < 0x80 ? 1 : utf8_length((const unsigned char *)text);

	if (!len)
		printf("\\\\x%02x", c);
	else if (c == '"' || c == '\\')
		printf("\\%c", c);
	else if (c < ' ' || c == 0x7f)
		printf("\\u%04x", c);
	else if (c == 0xc2 && (unsigned char)text[1] < 0xa0)
		/* Control characters, too. */
		printf("\\u%04x", (unsigned char)text[1]);
	else
		fwrite(text, 1, len, stdout);
	return len ? len : 1;
}

static void print_json_text(const char *text, size_t size)
{
	const char *end = text + size;

	putchar('"');
	while (text < end) {
		size_t len = plain_length(text, end);

		fwrite(text, 1, len, stdout);
		text += len;
		if (text < end)
			text += print_special(text);
	}
	putchar('"');
}

static void print_json_key(struct gp_json *json, const char *key)
{
	if (json->members++)
		fputs(", ", stdout);
	print_json_text(key, strlen(key));
	fputs(": ", stdout);
}

static void gp_json_begin(struct gp_json *json, bool lines)
{
	memset(json, 0, sizeof(*json));
	json->lines = lines;
	if (!lines)
		putchar('[');
}

static void gp_json_object(struct gp_json *json)
{
	const char *front = json->objects ? ",\n{" : "\n{";

	if (json->lines)
		front = json->objects ? "\n{" : "{";
	json->objects++;
	fputs(front, stdout);
	json->members = 0;
}

/* JSON does not allow numbers with leading zeros. */
static bool is_json_number(const char *value)
{
	unsigned long long number;

	return gp_number(value, &number) && value[1] != 'x' &&
	       (value[0] != '0' || !value[1]);
}

static void gp_json_word(struct gp_json *json, const char *key, const char *value)
{
	print_json_key(json, key);
	if (gp_key_type(key) == GP_DECIMAL && is_json_number(value))
		fputs(value, stdout);
	else
		print_json_text(value, strlen(value));
}

static void gp_json_number(struct gp_json *json, const char *key, unsigned long long number)
{
	print_json_key(json, key);
	printf("%llu", number);
}

/* Three members: KEY, KEY_before and KEY_growth. */
static void gp_json_growth(struct gp_json *json, const char *key, unsigned long long now,
			   unsigned long long then)
{
	char name[64];

	gp_json_number(json, key, now);
	snprintf(name, sizeof(name), "%s_before", key);
	gp_json_number(json, name, then);
	snprintf(name, sizeof(name), "%s_growth", key);
	print_json_key(json, name);
	printf("%lld", gp_growth(now, then));
}

static void gp_json_frames(struct gp_json *json, const char *frames)
{
	bool first = true;

	print_json_key(json, "frames");
	putchar('[');
	for (; *frames; first = false) {
		size_t len = strcspn(frames, "\n");

		if (!first)
			fputs(", ", stdout);
		print_json_text(frames, len);
		frames += len;
		frames += *frames == '\n';
	}
	putchar(']');
}

/* A member that is an object. */
static void gp_json_inner(struct gp_json *json, const char *key)
{
	print_json_key(json, key);
	putchar('{');
	json->members = 0;
}

static void gp_json_inner_end(struct gp_json *json)
{
	putchar('}');
	json->members = 1;
}

static void gp_json_object_end(void)
{
	putchar('}');
}

static void gp_json_end(struct gp_json *json)
{
	if (json->lines)
		fputs(json->objects ? "\n" : "", stdout);
	else
		puts(json->objects ? "\n]" : "]");
}
