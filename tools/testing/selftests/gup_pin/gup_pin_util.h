/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all gup_pin selftests share: strict readers of the files below
 * /sys/kernel/debug/gup_pin, and checks that say what is wrong.
 *
 * Functions that return `const char *` return NULL when all is well and else a
 * sentence on what is not, valid until the next of them is called.
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

/* For use inside of a test: stop, and say why, unless expr is NULL. */
#define ASSERT_OK(expr)							\
	do {								\
		const char *__problem = (expr);				\
									\
		ASSERT_EQ(NULL, __problem) {				\
			TH_LOG("%s", __problem);			\
		}							\
	} while (0)

/* The same, and go on. */
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

/* `stats`, in the contract's order. */
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
 * What lines are expected to say. What is NULL or 0 is not looked at, but for
 * dev and ino, which then must be 0, and order.
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
	bool any_order;		/* a file's folios are of what size they like */
	dev_t dev;
	ino_t ino;
	bool has_index;
	unsigned long index;	/* of the page at the address asked for */
	unsigned int times;	/* pins on each page; 0: 1 */
};

/* The system as a test found it. */
struct gup_pin_base {
	struct gup_pin_stats stats;
};

__printf(1, 2) const char *gup_pin_problem(const char *fmt, ...);
void gup_pin_msleep(unsigned int ms);

/*
 * How long tests wait for what surely comes, if the kernel is in order. What they wait
 * for is there at once, or as soon as the machine gets to it.
 */
#define GUP_PIN_PATIENCE_MS	60000

/* Ends each round of a loop that asks for it; false: it asked often enough. */
bool gup_pin_patience(unsigned int *waited_ms);

const char *gup_pin_slurp(const char *path, char **text, size_t *len);
const char *gup_pin_slurp_fd(int fd, const char *name, char **text, size_t *len);
const char *gup_pin_write(const char *path, const char *text);
long gup_pin_read_number(const char *path);
bool gup_pin_on_since_boot(void);
bool gup_pin_has_symbol(const char *name);

/* The words up to `match`; those that follow are at *rest, or it is NULL. */
const char *gup_pin_parse_pin(char *line, struct gup_pin_line *out, char **rest);
/* A `path`, and words that are not known yet; destroys rest. */
const char *gup_pin_parse_end(char *rest, struct gup_pin_line *out);
const char *gup_pin_parse_line(char *line, struct gup_pin_line *out);
/* Of a file whose first line names it so. */
const char *gup_pin_parse_lines(char *text, const char *title,
				struct gup_pin_lines *out);
const char *gup_pin_read_pins(struct gup_pin_lines *out);
const char *gup_pin_read_stacks(struct gup_pin_stacks *out);
const char *gup_pin_read_stats(struct gup_pin_stats *out);
/* Any of them, by its name. */
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
 * `pins`, `orphans` or /proc/PID/gup_pins. A file that is open is read from
 * where it is, to its end; a filter is written as it is, in one go.
 */
int gup_pin_view_open(const char *file);
const char *gup_pin_view_filter(int fd, const char *filter);
const char *gup_pin_view_read(int fd, const char *title, struct gup_pin_lines *out);
const char *gup_pin_read_filtered(const char *file, const char *filter,
				  struct gup_pin_lines *out);
const char *gup_pin_read_orphans(struct gup_pin_lines *out);
/* NULL if there is /proc/PID/gup_pins, which a module cannot have. */
const char *gup_pin_proc_missing(void);
const char *gup_pin_read_proc(pid_t pid, struct gup_pin_lines *out);

/* Of memory of a process; pid 0: of this one. 0: not present. */
unsigned long gup_pin_pfn_of(pid_t pid, const void *addr);

void gup_pin_want_self(struct gup_pin_want *want, const char *api, char mode,
		       const char *term, const char *map);
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
 * Wait until a process has so many pins, or the folio that a page belongs to, or all
 * folios together: the end of I/O is signalled before its pages are unpinned.
 */
const char *gup_pin_wait_task(pid_t tgid, unsigned long pins);
const char *gup_pin_wait_pfn(unsigned long pfn, unsigned long pins);
const char *gup_pin_wait_live(unsigned long live_pins);

#endif /* GUP_PIN_UTIL_H */
