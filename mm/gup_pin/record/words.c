// SPDX-License-Identifier: GPL-2.0
/*
 * The words that describe a record. Scripts parse them.
 */
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/time64.h>

#include "text.h"

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

/* Out-of-range values print as "unknown". */
const char *gup_pin_api_name(unsigned int api)
{
	return api < NR_GUP_PIN_APIS ? gup_pin_api_names[api] : "unknown";
}

const char *gup_pin_map_name(enum gup_pin_map map)
{
	return map_names[map];
}

const char *gup_pin_match_name(enum gup_pin_match match)
{
	switch (match) {
	case GUP_PIN_EXACT:
		return "exact";
	case GUP_PIN_ALIKE:
		return "alike";
	default:
		return "inferred";
	}
}

/* Fast path: most names need no escapes. */
static bool is_plain(const char *comm)
{
	unsigned int i;

	for (i = 0; i < TASK_COMM_LEN; i++) {
		if (!comm[i])
			return true;
		if (comm[i] <= ' ' || comm[i] > '~' || comm[i] == '\\')
			return false;
	}
	return false;
}

/**
 * gup_pin_format_comm() - format a task's name as one word
 * @buf: the word; GUP_PIN_COMM_MAX bytes
 * @comm: the name; TASK_COMM_LEN bytes
 *
 * Escapes blanks and backslashes.
 *
 * Return: length of the word.
 */
unsigned int gup_pin_format_comm(char *buf, const char *comm)
{
	int len;

	if (is_plain(comm))
		return strscpy(buf, comm, TASK_COMM_LEN);
	len = string_escape_mem(comm, strnlen(comm, TASK_COMM_LEN), buf,
				GUP_PIN_COMM_MAX - 1,
				ESCAPE_HEX | ESCAPE_NAP | ESCAPE_APPEND, " \\");
	len = min_t(int, len, GUP_PIN_COMM_MAX - 1);
	buf[len] = '\0';
	return len;
}

/**
 * gup_pin_age_ms() - age in ms
 * @time: in ns of local_clock()
 * @now: local_clock(), possibly of another CPU, whose clock may be behind
 *
 * Return: the age in ms.
 */
u64 gup_pin_age_ms(u64 time, u64 now)
{
	return now > time ? div_u64(now - time, NSEC_PER_MSEC) : 0;
}
