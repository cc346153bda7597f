// SPDX-License-Identifier: GPL-2.0
/*
 * The text of a line, for debugfs and for the console alike. Scripts parse it:
 * new words go to the end.
 */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/string_helpers.h>
#include <linux/time64.h>

#include "gup_pin.h"

const char *const gup_pin_api_names[NR_GUP_PIN_APIS] = {
	[GUP_PIN_USER_PAGES]		= "pin_user_pages",
	[GUP_PIN_USER_PAGES_FAST]	= "pin_user_pages_fast",
	[GUP_PIN_USER_PAGES_REMOTE]	= "pin_user_pages_remote",
	[GUP_PIN_USER_PAGES_UNLOCKED]	= "pin_user_pages_unlocked",
	[GUP_PIN_MEMFD_PIN_FOLIOS]	= "memfd_pin_folios",
	[GUP_PIN_FOLIO_ADD_PIN]		= "folio_add_pin",
	[GUP_PIN_FOLIO_ADD_PINS]	= "folio_add_pins",
};

static const char *const map_names[NR_GUP_PIN_MAPS] = {
	[GUP_PIN_MAP_ANON]	= "anon",
	[GUP_PIN_MAP_FILE]	= "file",
	[GUP_PIN_MAP_SHMEM]	= "shmem",
	[GUP_PIN_MAP_HUGETLB]	= "hugetlb",
	[GUP_PIN_MAP_DAX]	= "dax",
	[GUP_PIN_MAP_DEVICE]	= "device",
};

const char *gup_pin_mode_name(enum gup_pin_mode mode)
{
	return mode == GUP_PIN_WRITE ? "w" : "r";
}

const char *gup_pin_term_name(enum gup_pin_term term)
{
	return term == GUP_PIN_LONG ? "long" : "short";
}

/* What is no pin function is unknown. */
const char *gup_pin_api_name(unsigned int api)
{
	return api < NR_GUP_PIN_APIS ? gup_pin_api_names[api] : "unknown";
}

const char *gup_pin_map_name(enum gup_pin_map map)
{
	return map_names[map];
}

/**
 * gup_pin_format_comm() - a task's name as a word: no blank in it, and no
 *	backslash that is not an escape
 * @buf: the word; GUP_PIN_COMM_MAX bytes
 * @comm: the name; TASK_COMM_LEN bytes
 */
void gup_pin_format_comm(char *buf, const char *comm)
{
	int len = string_escape_mem(comm, strnlen(comm, TASK_COMM_LEN), buf,
				    GUP_PIN_COMM_MAX - 1,
				    ESCAPE_HEX | ESCAPE_NAP | ESCAPE_APPEND,
				    " \\");

	buf[min_t(int, len, GUP_PIN_COMM_MAX - 1)] = '\0';
}

/**
 * gup_pin_age_ms() - how long ago something was
 * @time: when, in ns of local_clock()
 * @now: of local_clock(), perhaps on another CPU, whose clock may be behind
 *
 * Return: ms.
 */
u64 gup_pin_age_ms(u64 time, u64 now)
{
	return now > time ? div_u64(now - time, NSEC_PER_MSEC) : 0;
}

/**
 * gup_pin_format_run() - one line of `pins`, without the newline
 * @buf: the text
 * @size: of @buf; GUP_PIN_LINE_MAX is enough
 * @run: what to tell
 * @now: local_clock()
 *
 * Return: length of the text, less than @size.
 */
int gup_pin_format_run(char *buf, size_t size, const struct gup_pin_run *run,
		       u64 now)
{
	const struct gup_pin_item *first = &run->first;
	const struct gup_pin_id *id = &first->id;
	char comm[GUP_PIN_COMM_MAX];

	gup_pin_format_comm(comm, id->comm);
	return scnprintf(buf, size,
			 "pfn=0x%lx pages=%lu order=%u pins=%lu mode=%s term=%s api=%s owner=%d task=%d/%d comm=%s age_ms=%llu addr=0x%lx map=%s dev=%u:%u ino=%llu index=0x%lx stack=0x%x match=%s",
			 first->pfn, run->pages, first->folio.order, run->pins,
			 gup_pin_mode_name(id->mode),
			 gup_pin_term_name(id->term),
			 gup_pin_api_name(id->api),
			 id->owner, id->tgid, id->pid, comm,
			 gup_pin_age_ms(first->time, now), first->addr,
			 map_names[first->folio.map], MAJOR(first->folio.dev),
			 MINOR(first->folio.dev), first->folio.ino,
			 first->folio.index, id->stack,
			 first->inferred ? "inferred" : "exact");
}
