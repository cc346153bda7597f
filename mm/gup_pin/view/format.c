// SPDX-License-Identifier: GPL-2.0
/*
 * Formatting of lines, for debugfs and for the console. Scripts parse them:
 * add new words at the end.
 */
#include <linux/bitops.h>
#include <linux/fs.h>
#include <linux/hex.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/time64.h>

#include "../compat.h"
#include "view.h"

/*
 * With a million lines, snprintf() would spend most of the time parsing its format. The
 * buffer is large enough for every line, see GUP_PIN_LINE_MAX.
 */
static __always_inline char *put_text(char *at, const char *text)
{
	size_t len = __builtin_strlen(text);

	memcpy(at, text, len);
	return at + len;
}

static char *put_name(char *at, const char *name)
{
	while (*name)
		*at++ = *name++;
	return at;
}

static char *put_hex(char *at, u64 number)
{
	unsigned int digits = number ? (fls64(number) + 3) / 4 : 1, i;

	for (i = digits; i; number >>= 4)
		at[--i] = hex_asc_lo(number);
	return at + digits;
}

/* Numbers up to this are divided in 32 bits, without a function call. */
#define SMALL_MAX	99999999
#define NUMBER_MAX	20

static char *put_number(char *at, u64 number)
{
	u32 small = number, left;
	char *end;

	if (number > SMALL_MAX)
		return at + num_to_str(at, NUMBER_MAX, number, 0);
	end = at + 1;
	for (left = small; left > 9; left /= 10)
		end++;
	at = end;
	do {
		*--at = '0' + small % 10;
		small /= 10;
	} while (small);
	return end;
}

static char *put_id(char *at, pid_t id)
{
	if (id < 0) {
		*at++ = '-';
		return put_number(at, -(u64)id);
	}
	return put_number(at, id);
}

static char *put_origin(char *at, const struct gup_pin_id *id)
{
	at = put_text(at, " mode=");
	at = put_name(at, gup_pin_mode_name(id->mode));
	at = put_text(at, " term=");
	at = put_name(at, gup_pin_term_name(id->term));
	at = put_text(at, " api=");
	at = put_name(at, gup_pin_api_name(id->api));
	at = put_text(at, " owner=");
	at = put_id(at, id->owner);
	at = put_text(at, " task=");
	at = put_id(at, id->tgid);
	at = put_text(at, "/");
	at = put_id(at, id->pid);
	at = put_text(at, " comm=");
	return at + gup_pin_format_comm(at, id->comm);
}

static char *put_folio(char *at, const struct gup_pin_folio *folio)
{
	at = put_text(at, " map=");
	at = put_name(at, gup_pin_map_name(folio->map));
	at = put_text(at, " dev=");
	at = put_number(at, MAJOR(folio->dev));
	at = put_text(at, ":");
	at = put_number(at, MINOR(folio->dev));
	at = put_text(at, " ino=");
	at = put_number(at, folio->ino);
	at = put_text(at, " index=0x");
	return put_hex(at, folio->index);
}

/**
 * gup_pin_format_run() - format a line of `pins`, without the newline
 * @buf: buffer for the line
 * @size: size of @buf; at least GUP_PIN_LINE_MAX
 * @run: the run to format
 * @now: local_clock()
 *
 * Return: length of the line, less than @size.
 */
int gup_pin_format_run(char *buf, size_t size, const struct gup_pin_run *run,
		       u64 now)
{
	const struct gup_pin_item *first = &run->first;
	char *at = buf;

	if (WARN_ON_ONCE(size < GUP_PIN_LINE_MAX)) {
		buf[0] = '\0';
		return 0;
	}
	at = put_text(at, "pfn=0x");
	at = put_hex(at, first->pfn);
	at = put_text(at, " pages=");
	at = put_number(at, run->pages);
	at = put_text(at, " order=");
	at = put_number(at, first->folio.order);
	at = put_text(at, " pins=");
	at = put_number(at, run->pins);
	at = put_origin(at, &first->id);
	at = put_text(at, " age_ms=");
	at = put_number(at, gup_pin_age_ms(first->time, now));
	at = put_text(at, " addr=0x");
	at = put_hex(at, first->addr);
	at = put_folio(at, &first->folio);
	at = put_text(at, " stack=0x");
	at = put_hex(at, first->id.stack);
	at = put_text(at, " match=");
	at = put_name(at, gup_pin_match_name(first->match));
	*at = '\0';
	return at - buf;
}
