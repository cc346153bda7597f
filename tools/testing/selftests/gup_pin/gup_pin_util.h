/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by all gup_pin selftests: strict parsers of the files below
 * /sys/kernel/debug/gup_pin, and checks that describe what is wrong.
 *
 * Functions that return `const char *` return NULL on success and otherwise an error
 * message, which is valid until the next of them is called.
 */
#ifndef GUP_PIN_UTIL_H
#define GUP_PIN_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "kselftest.h"

#define GUP_PIN_DIR	"/sys/kernel/debug/gup_pin"
#define PAGE_SIZE	4096UL
#define SIZE_2M		(2UL << 20)

/* Within a test: stop and print the message unless expr is NULL. */
#define ASSERT_OK(expr)							\
	do {								\
		const char *__problem = (expr);				\
									\
		ASSERT_EQ(NULL, __problem) {				\
			TH_LOG("%s", __problem);			\
		}							\
	} while (0)

/* The same, but continue. */
#define EXPECT_OK(expr)							\
	do {								\
		const char *__problem = (expr);				\
									\
		EXPECT_EQ(NULL, __problem) {				\
			TH_LOG("%s", __problem);			\
		}							\
	} while (0)

/* A line of `pins`. */
struct gup_pin_line {
	unsigned long pfn;
	unsigned long pages;
	unsigned int order;
	unsigned long pins;
	char mode;
	char term[8];
	char api[32];
	pid_t owner;
	pid_t tgid;
	pid_t pid;
	char comm[68];
	unsigned long age_ms;
	unsigned long addr;
	char map[12];
	unsigned int major;
	unsigned int minor;
	unsigned long ino;
	unsigned long index;
	unsigned long stack;
	char match[12];
	char path[1024];	/* escaped, as printed */
	char gone[8];		/* in `orphans` only */
};

struct gup_pin_lines {
	struct gup_pin_line *line;
	size_t nr;
};

/* A record of `stacks`. */
struct gup_pin_stack {
	unsigned long pins;
	unsigned long pages;
	unsigned long calls;
	char mode;
	char term[8];
	char api[32];
	unsigned long oldest_ms;
	unsigned long newest_ms;
	unsigned long stack;
	unsigned long acquired;
	unsigned long peak;
	unsigned int nr_frames;
	char first_frame[80];
};

struct gup_pin_stacks {
	struct gup_pin_stack *stack;
	size_t nr;
};

/* `stats`, in the order of the contract. */
struct gup_pin_stats {
	unsigned long enabled;
	unsigned long live_pins;
	unsigned long live_folios;
	unsigned long live_calls;
	unsigned long live_origins;
	unsigned long acquired;
	unsigned long released;
	unsigned long untracked;
	unsigned long inferred;
	unsigned long unmatched;
	unsigned long hazard_writeback;
	unsigned long hazard_pin_under_writeback;
	unsigned long hazard_truncate;
	unsigned long hazard_unmatched_unpin;
	unsigned long hazard_dirty_read_pin;
	unsigned long reports_suppressed;
	unsigned long memory_bytes;
};

struct gup_pin_verify {
	unsigned long folios;
	unsigned long pins;
	unsigned long mismatches;
};

/*
 * Expected contents of lines. Members that are NULL or 0 are not checked, except dev
 * and ino, which must be 0 then, and order.
 */
struct gup_pin_want {
	const char *api;
	char mode;
	const char *term;
	const char *map;
	const char *match;	/* NULL: "exact" */
	const char *comm;	/* as printed */
	const char *path;	/* the same */
	pid_t tgid;
	pid_t pid;
	pid_t owner;
	bool no_owner;		/* owner=0 */
	unsigned int order;
	bool any_order;		/* folios of files may have any size */
	dev_t dev;
	ino_t ino;
	bool has_index;
	unsigned long index;	/* of the page at the given address */
	unsigned int times;	/* pins on each page; 0: 1 */
};

/* State of the system when a test started. */
struct gup_pin_base {
	struct gup_pin_stats stats;
};

__printf(1, 2) const char *gup_pin_problem(const char *fmt, ...);
void gup_pin_msleep(unsigned int ms);

/*
 * Timeout for events that are certain on a correct kernel. They have happened already,
 * or happen as soon as the machine gets to them.
 */
#define GUP_PIN_PATIENCE_MS	60000

/* Sleeps between two polls; false: timeout. */
bool gup_pin_patience(unsigned int *waited_ms);

const char *gup_pin_slurp(const char *path, char **text, size_t *len);
const char *gup_pin_slurp_fd(int fd, const char *name, char **text, size_t *len);
const char *gup_pin_write(const char *path, const char *text);
long gup_pin_read_number(const char *path);
bool gup_pin_on_since_boot(void);
/* On a kernel that was built without the feature. */
bool gup_pin_is_module(void);
bool gup_pin_has_symbol(const char *name);

/* The words up to `match`; *rest points to those that follow, or is NULL. */
const char *gup_pin_parse_pin(char *line, struct gup_pin_line *out, char **rest);
/* `path`, and words that are not known yet; overwrites rest. */
const char *gup_pin_parse_end(char *rest, struct gup_pin_line *out);
const char *gup_pin_parse_line(char *line, struct gup_pin_line *out);
/* For a file whose header has this title. */
const char *gup_pin_parse_lines(char *text, const char *title,
				struct gup_pin_lines *out);
const char *gup_pin_read_pins(struct gup_pin_lines *out);
const char *gup_pin_read_stacks(struct gup_pin_stacks *out);
const char *gup_pin_read_stats(struct gup_pin_stats *out);
/* Any one of them, by name. */
const char *gup_pin_read_stat(const char *name, unsigned long *value);
const char *gup_pin_read_verify(struct gup_pin_verify *out);
const char *gup_pin_read_task(struct gup_pin_lines *out, pid_t tgid);
const char *gup_pin_read_pfn(struct gup_pin_lines *out, unsigned long pfn);
void gup_pin_only_task(struct gup_pin_lines *lines, pid_t tgid);
void gup_pin_only_pfns(struct gup_pin_lines *lines, unsigned long first,
		       unsigned long last);
void gup_pin_only_api(struct gup_pin_lines *lines, const char *api);
unsigned long gup_pin_sum_pins(const struct gup_pin_lines *lines);
void gup_pin_free(struct gup_pin_lines *lines);

/*
 * `pins`, `orphans` or /proc/PID/gup_pins. An open file is read from its current
 * position to the end; a filter is written unchanged, by one write().
 */
int gup_pin_view_open(const char *file);
const char *gup_pin_view_filter(int fd, const char *filter);
const char *gup_pin_view_read(int fd, const char *title, struct gup_pin_lines *out);
const char *gup_pin_read_filtered(const char *file, const char *filter,
				  struct gup_pin_lines *out);
const char *gup_pin_read_orphans(struct gup_pin_lines *out);
/* NULL if there is /proc/PID/gup_pins, which a module cannot provide. */
const char *gup_pin_proc_missing(void);
const char *gup_pin_read_proc(pid_t pid, struct gup_pin_lines *out);

/* Page of a process's memory; pid 0: this process. 0: not present. */
unsigned long gup_pin_pfn_of(pid_t pid, const void *addr);

void gup_pin_want_self(struct gup_pin_want *want, const char *api, char mode,
		       const char *term, const char *map);
struct gup_pin_mem;
void gup_pin_want_mem(struct gup_pin_want *want, const char *api, char mode,
		      const char *term, const struct gup_pin_mem *mem);
const char *gup_pin_check_line(const struct gup_pin_line *line,
			       const struct gup_pin_want *want);
bool gup_pin_same_line(const struct gup_pin_line *a, const struct gup_pin_line *b);
const char *gup_pin_check_pages(const struct gup_pin_want *want, pid_t mapped_by,
				const void *addr, unsigned long npages);
const char *gup_pin_check_stack(const struct gup_pin_line *line);
const char *gup_pin_check_no_lines(pid_t tgid);

const char *gup_pin_missing(void);
const char *gup_pin_begin(struct gup_pin_base *base);
const char *gup_pin_end(const struct gup_pin_base *base);
const char *gup_pin_check_at_rest(const struct gup_pin_base *base);
const char *gup_pin_check_vmstat(void);

/*
 * Wait until a process, the folio of a page, or all folios together have this number of
 * pins: the end of I/O is signalled before its pages are unpinned.
 */
const char *gup_pin_wait_task(pid_t tgid, unsigned long pins);
const char *gup_pin_wait_pfn(unsigned long pfn, unsigned long pins);
const char *gup_pin_wait_live(unsigned long live_pins);

#endif /* GUP_PIN_UTIL_H */
