/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the gup_pin program share. ../gup_pin.c includes them all: they
 * are compiled as one.
 *
 * A source names the files, a reader makes records of their lines, and a filter selects
 * records; then they are listed one by one, or summed in groups.
 */
#ifndef GUP_PIN_TOOL_H
#define GUP_PIN_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* Exit statuses; functions that can fail return one, after they have reported why. */
enum gp_status {
	GP_OK,
	GP_ERROR,
	GP_USAGE,
	GP_ABSENT,
	/* gup_pins.py returns 4 if it could read only a part. */
	GP_NONE = 5,
};

#define __printf(text, first)	__attribute__((	\
	format(printf, text, first)))

/* say.c */
static __printf(1, 2) int gp_error(const char *format, ...);
static __printf(1, 2) int gp_usage(const char *format, ...);
static __printf(1, 2) int gp_absent(const char *format, ...);
static __printf(1, 2) void gp_note(const char *format, ...);
#ifdef GUP_PIN_NCURSES
static void gp_say_hold(void);
static char *gp_say_take(void);
static char *gp_say_release(void);
#endif
static __printf(1, 2) char *gp_format(const char *format, ...);
static void *gp_alloc(size_t size);
static void *gp_grow(void *old, size_t *room, size_t size);
static char *gp_copy(const char *text);

/* text.c */
static bool gp_number(const char *text, unsigned long long *number);
static unsigned long long gp_add(unsigned long long a, unsigned long long b);
static long long gp_growth(unsigned long long now, unsigned long long then);
static char *gp_counted(unsigned long long nr, const char *noun);
static char *gp_escape(const char *text);
static bool gp_is_key(const char *text, size_t len);
static void gp_age(char *buf, size_t size, unsigned long long ms);
static void gp_clean(char *text);
static size_t gp_fitting(const char *text, size_t columns, size_t *used);
static size_t gp_columns(const char *text);
static void gp_cut(char *text, size_t columns);
static char *gp_fit_end(const char *text, size_t columns);
static char *gp_fit(const char *text, size_t columns, bool cut);

/* path.c */
static char *gp_path_clean(const char *path);
static char *gp_path_real(const char *path);

/**
 * struct gp_mount - a line of mountinfo
 * @dev: device number of the file system, MAJOR:MINOR
 * @root: the folder of the file system that is mounted
 * @point: where it is mounted
 * @type: of the file system
 * @options: of the file system, as in the file
 */
struct gp_mount {
	char *dev;
	char *root;
	char *point;
	char *type;
	char *options;
};

/* mounts.c */
static bool gp_mount_find(struct gp_mount *mount, unsigned long long id, const char *path);
static char *gp_mount_option(const struct gp_mount *mount, const char *name,
			     unsigned int which);
static void gp_mount_free(struct gp_mount *mount);

/**
 * struct gp_inode - the inode that has a file's pages
 * @error: why there is none of that name; 0 if there is
 * @directory: whether it is a directory
 * @sure: whether @dev and @ino are what the kernel records; if not, they are from stat()
 * @dev: device number of the file system, MAJOR:MINOR; NULL if there is no file
 * @ino: inode number
 * @own: device number from stat()
 * @inside: on btrfs, the path from the file system's root as the kernel writes it;
 *          NULL elsewhere
 * @root: on btrfs, the mounted folder as the kernel writes it; "" for all of it
 * @point: on btrfs, where @root is mounted
 * @names: on an overlay, the possible names of the file in its layers
 * @nr_names: number of names
 * @room: for names
 */
struct gp_inode {
	int error;
	bool directory;
	bool sure;
	char *dev;
	unsigned long long ino;
	dev_t own;
	char *inside;
	char *root;
	char *point;
	char **names;
	size_t nr_names;
	size_t room;
};

/* inode.c */
static void gp_inode_find(struct gp_inode *inode, const char *path);
static bool gp_inode_has_path(const struct gp_inode *inode, const char *path);
static void gp_inode_free(struct gp_inode *inode);

/*
 * The file that a line comes from. Orphans and /proc/PID/gup_pins have the words of
 * pins and are read as pins.
 */
enum gp_kind {
	GP_PINS,
	GP_STACKS,
	GP_HAZARDS,
	GP_REFUSED,
};

enum gp_type {
	GP_TEXT,
	GP_NAME,		/* text that may be empty, as of a task */
	GP_DECIMAL,
	GP_HEX,
};

#define GP_LINE_MAX	(64 * 1024)
#define GP_WORDS_MAX	64
#define GP_FRAMES_MAX	256

/* A hazard's line: words of the event, words as in `pins`, and others. */
#define GP_EVENT_WORDS	4
#define GP_PIN_WORDS	18

/**
 * struct gp_lines - a file, line by line
 * @name: of the file, for messages
 * @fd: the open file
 * @nr: number of the last line read
 * @buf: content read from the file, at most GP_LINE_MAX
 * @start: start of the unused part of @buf
 * @end: end of the content of @buf
 */
struct gp_lines {
	char *name;
	int fd;
	unsigned long long nr;
	char *buf;
	size_t start;
	size_t end;
};

/* lines.c */
static int gp_lines_open(struct gp_lines *lines, const char *path, bool filter);
static bool gp_lines_filter(struct gp_lines *lines, const char *words);
static int gp_lines_next(struct gp_lines *lines, const char **line, bool *end);
static void gp_lines_close(struct gp_lines *lines);
static int gp_cannot_read(const char *path, int error);

struct gp_word {
	const char *key;
	const char *value;
};

/**
 * struct gp_record - a line, and for `stacks` and `hazards` the frames below it
 * @kind: the file it is from
 * @line: the line as in the file, without its newline
 * @words: all words of the line, known or not
 * @nr_words: number of words
 * @pfn: of a run, the first page in the wanted range
 * @pages: number of pages in that range
 * @pins: pins on these pages
 * @text: the text that @words point into
 * @frames: the frames, a line each, without the leading blank; "" if there are none
 * @frames_len: length of @frames
 * @frames_room: room for @frames
 * @event: of a hazard, the frames of its event; @frames are its pin's
 */
struct gp_record {
	enum gp_kind kind;
	const char *line;
	struct gp_word words[GP_WORDS_MAX];
	unsigned int nr_words;
	unsigned long long pfn;
	unsigned long long pages;
	unsigned long long pins;
	char text[GP_LINE_MAX];
	char *frames;
	size_t frames_len;
	size_t frames_room;
	char *event;
};

/* record.c */
static int gp_record_parse(struct gp_record *record, enum gp_kind kind, const char *line,
			   const char **problem);
static const char *gp_next_word(const struct gp_record *record, const char *key,
				unsigned int *at);
static const char *gp_word(const struct gp_record *record, const char *key);
static const char *gp_pin_word(const struct gp_record *record, const char *key);
static unsigned long long gp_word_number(const struct gp_record *record, const char *key);
static enum gp_type gp_key_type(const char *key);
static bool gp_kind_has(enum gp_kind kind, const char *key);
static bool gp_kind_knows(enum gp_kind kind, const char *key);
static bool gp_key_needs_pins(const char *key);

/* frames.c */
static int gp_read_frames(struct gp_lines *lines, struct gp_record *record);
static char *gp_frames_text(const char *frames);

struct gp_filter;

/**
 * struct gp_reader - a file, record by record
 * @lines: its lines
 * @kind: which file it is, by its first line
 * @name: the name of the file in its first line
 * @title: the first line
 * @line: a copy of the record's line, if frames follow
 * @filter: which records are wanted; NULL if the kernel must not filter
 * @filtered: whether the kernel filters
 * @record: the newest record
 */
struct gp_reader {
	struct gp_lines lines;
	struct gp_filter *filter;
	bool filtered;
	enum gp_kind kind;
	char name[32];
	char *title;
	char *line;
	struct gp_record record;
};

/* read.c */
static int gp_reader_open(struct gp_reader **reader, const char *path,
			  struct gp_filter *filter, bool process);
static int gp_reader_next(struct gp_reader *reader, struct gp_record **record);
static int gp_reader_lacks(const struct gp_reader *reader, const char *key, bool lines,
			   const char *purpose);
static void gp_reader_close(struct gp_reader *reader);
static const char *gp_kind_name(enum gp_kind kind);

struct gp_figure;

/**
 * struct gp_stats - the figures of `stats`
 * @read: whether the file was searched
 * @all: the figures
 * @nr: number of figures
 * @room: for figures
 */
struct gp_stats {
	bool read;
	struct gp_figure *all;
	size_t nr;
	size_t room;
};

/**
 * struct gp_source - where the files are
 * @dir: their folder; NULL if it is a single file
 * @file: the single file
 * @stacks: the file with the frames of the others' stacks; NULL if there is none
 * @pins: the file to read pins from, in a folder
 * @stats: the figures
 * @live: whether they are the kernel's own
 */
struct gp_source {
	char *dir;
	char *file;
	char *stacks;
	const char *pins;
	struct gp_stats *stats;
	bool live;
};

/* stats.c */
static bool gp_source_stat(const struct gp_source *source, const char *name,
			   unsigned long long *value);
static bool gp_source_hazard(const struct gp_source *source, size_t which,
			     const char **kind, unsigned long long *count);
static void gp_stats_forget(struct gp_stats *stats);

/* source.c */
static int gp_source_find(struct gp_source *source, const char *from);
static int gp_source_open(const struct gp_source *source, enum gp_kind kind, bool either,
			  struct gp_filter *filter, struct gp_reader **reader);
static bool gp_source_time(const struct gp_source *source, double *seconds);
static void gp_source_remark(const struct gp_source *source);
static void gp_source_free(struct gp_source *source);
static int gp_find_process(struct gp_source *source, const char *from,
			   unsigned long long pid);

struct gp_rule;

/**
 * struct gp_filter - selects records
 * @rules: rules, which all have to match
 * @nr: number of rules
 * @room: for rules
 * @pass: number of earlier passes over the kernel's file, with other words
 * @text: the rules as named in messages; NULL if there are none
 * @looked: number of records compared
 * @pins: number of pins compared
 */
struct gp_filter {
	struct gp_rule *rules;
	size_t nr;
	size_t room;
	unsigned int pass;
	char *text;
	unsigned long long looked;
	unsigned long long pins;
};

/* rules.c */
static int gp_filter_add(struct gp_filter *filter, const char *word);
static void gp_filter_add_pid(struct gp_filter *filter, unsigned long long pid);
static void gp_filter_add_file(struct gp_filter *filter, const char *path, bool here);

/* words.c */
static char *gp_filter_words(const struct gp_filter *filter, unsigned int pass);

/* filter.c */
static bool gp_filter_pass(struct gp_filter *filter, struct gp_record *record,
			   const char *frames);
static const char *gp_filter_needs_pins(const struct gp_filter *filter);
static bool gp_filter_needs_frames(const struct gp_filter *filter);
static int gp_filter_check(const struct gp_filter *filter, const struct gp_reader *reader);
static char *gp_filter_problem(const struct gp_filter *filter, bool live);
static void gp_filter_free(struct gp_filter *filter);

struct gp_name;

/**
 * struct gp_names - the frames of stacks, by their handle
 * @read: whether they were searched
 * @table: sorted by handle
 * @nr: number of names
 * @room: for names
 */
struct gp_names {
	bool read;
	struct gp_name *table;
	size_t nr;
	size_t room;
};

/* names.c */
static int gp_names_check(const struct gp_source *source);
static int gp_names_read(struct gp_names *names, const struct gp_source *source);
static bool gp_names_agree(const struct gp_names *a, const struct gp_names *b);
static const char *gp_names_frames(const struct gp_names *names, const char *handle);
static void gp_names_free(struct gp_names *names);
static char *gp_module_of(const char *frames);
static char *gp_lasting_frames(const char *frames);
static char *gp_chain_of(const char *frames);
static char *gp_folded(const char *frames, const char *api);
static char *gp_where_of(const char *frames, size_t columns);

#define GP_BY_MAX	8

/**
 * struct gp_by - the keys that records are summed by
 * @keys: words of a line, or one of file, module and stack
 * @nr: number of keys
 * @seen: which keys a record had
 * @records: number of records compared
 */
struct gp_by {
	char *keys[GP_BY_MAX];
	unsigned int nr;
	bool seen[GP_BY_MAX];
	unsigned long long records;
};

/* by.c */
static char *gp_file_of(const struct gp_record *record);
static int gp_by_parse(struct gp_by *by, const char *text);
static bool gp_by_has(const struct gp_by *by, const char *key);
static bool gp_by_needs_pins(const struct gp_by *by);
static char *gp_by_value(struct gp_by *by, unsigned int which,
			 const struct gp_record *record, const char *frames);
static int gp_by_check(const struct gp_by *by, const struct gp_reader *reader);
static void gp_by_free(struct gp_by *by);

/**
 * struct gp_values - the sums of a group
 * @pins: live pins
 * @pages: pages of the pinned folios
 * @count: lines in `pins`, calls in `stacks`
 * @oldest: greatest age, in ms
 * @newest: smallest age, in ms
 * @acquired: pins ever taken, if the kernel reports that
 * @peak: most pins at once, if the kernel reports that
 * @origins: a hash of the origins that @acquired sums; 0 if there are none
 */
struct gp_values {
	unsigned long long pins;
	unsigned long long pages;
	unsigned long long count;
	unsigned long long oldest;
	unsigned long long newest;
	unsigned long long acquired;
	unsigned long long peak;
	unsigned long long origins;
};

/**
 * struct gp_sum - a group of records
 * @next: in its bucket
 * @key: identifies the group
 * @labels: the value of each key that it is grouped by
 * @path: a name of the file, when grouped by file and it is known
 * @frames: when grouped by stack and known; otherwise NULL
 * @handles: when grouped by stack: of these frames, in both snapshots, with commas
 * @now: the sums
 * @then: the sums in the older snapshot
 */
struct gp_sum {
	struct gp_sum *next;
	char *key;
	char *labels[GP_BY_MAX];
	char *path;
	char *frames;
	char *handles[2];
	struct gp_values now;
	struct gp_values then;
};

/**
 * struct gp_sums - all groups
 * @by: the keys they are grouped by
 * @kind: the file they were made of
 * @collected: whether a file was added
 * @compared: compared with another snapshot, in which a module may still be loaded
 * @names: of stacks, in this snapshot and in the older one
 * @buckets: the groups by a hash of their key
 * @nr_buckets: a power of two
 * @all: the same groups in an array, in the order of appearance or sorted
 * @nr: number of groups
 * @room: for groups in @all
 * @acquired: whether a record has acquired=
 * @peak: whether a record has peak=
 */
struct gp_sums {
	struct gp_by *by;
	enum gp_kind kind;
	bool collected;
	bool compared;
	struct gp_names names[2];
	struct gp_sum **buckets;
	size_t nr_buckets;
	struct gp_sum **all;
	size_t nr;
	size_t room;
	bool acquired;
	bool peak;
};

/* sum.c */
static void gp_sums_init(struct gp_sums *sums, struct gp_by *by);
static void gp_sums_add(struct gp_sums *sums, const struct gp_record *record,
			const char *frames, bool then);
static void gp_sums_drop_frames(struct gp_sums *sums);
static bool gp_acquired_known(const struct gp_sum *sum);
static const char *gp_sum_label(const struct gp_sums *sums, const struct gp_sum *sum,
				unsigned int which);
static struct gp_sum *gp_sums_find(const struct gp_sums *sums, const char *key);
static void gp_sums_free(struct gp_sums *sums);

/* order.c */
static int gp_sums_sort(struct gp_sums *sums, const char *key, bool growth, bool reverse);

/* A table for people: the last column takes the remaining width. */
struct gp_table {
	unsigned int columns;
	char **cells;
	char **below;
	size_t nr;
	size_t room;
	size_t below_room;
	bool *right;
};

/* table.c */
static void gp_table_init(struct gp_table *table);
static void gp_table_column(struct gp_table *table, const char *title, bool right);
static void gp_table_add(struct gp_table *table, char *text);
static void gp_table_number(struct gp_table *table, unsigned long long number);
static void gp_table_growth(struct gp_table *table, unsigned long long now,
			    unsigned long long then);
static void gp_table_below(struct gp_table *table, const char *text);
static size_t *gp_table_widths(const struct gp_table *table);
static char *gp_table_row(const struct gp_table *table, size_t row, const size_t *widths);
static void gp_table_print(struct gp_table *table, unsigned int max_lines);
static void gp_print_below(const char *text);
static void gp_table_free(struct gp_table *table);

/* screen.c */
static void gp_measure(void);
static unsigned int gp_width(void);
static unsigned int gp_height(void);
static bool gp_screen(void);
static void gp_print_cut(const char *text);
static bool gp_out_failed(void);
static int gp_out_finish(int status);
static void gp_wait(double seconds);

/**
 * struct gp_json - objects being written
 * @lines: whether to write a line for each, without an array around them
 * @objects: written so far
 * @members: members written of the current object
 */
struct gp_json {
	bool lines;
	unsigned long long objects;
	unsigned int members;
};

/* json.c */
static void gp_json_begin(struct gp_json *json, bool lines);
static void gp_json_object(struct gp_json *json);
static void gp_json_word(struct gp_json *json, const char *key, const char *value);
static void gp_json_number(struct gp_json *json, const char *key,
			   unsigned long long number);
static void gp_json_growth(struct gp_json *json, const char *key, unsigned long long now,
			   unsigned long long then);
static void gp_json_frames(struct gp_json *json, const char *frames);
static void gp_json_inner(struct gp_json *json, const char *key);
static void gp_json_inner_end(struct gp_json *json);
static void gp_json_object_end(void);
static void gp_json_end(struct gp_json *json);

struct gp_kept;

/**
 * struct gp_keep - records to be written after the last one was read
 * @kind: the file they are from
 * @key: the word to sort by
 * @reverse: whether the order is reversed
 * @limit: how many are wanted; 0 for all
 * @seen: whether a record has the word
 * @added: number of records added
 * @all: the records
 * @nr: number of records kept
 * @room: for records
 */
struct gp_keep {
	enum gp_kind kind;
	const char *key;
	bool reverse;
	size_t limit;
	bool seen;
	unsigned long long added;
	struct gp_kept *all;
	size_t nr;
	size_t room;
};

/* keep.c */
static void gp_keep_add(struct gp_keep *keep, const struct gp_record *record);
static void gp_keep_sort(struct gp_keep *keep);
static void gp_keep_get(const struct gp_keep *keep, size_t which, struct gp_record *record);
static void gp_keep_free(struct gp_keep *keep);

/**
 * struct gp_options - the command line
 * @from: --from, where to read; NULL for the kernel
 * @by: --by; no keys if it was not given
 * @sort: --sort, or NULL
 * @reverse: --reverse
 * @json: --json or --jsonl
 * @jsonl: --jsonl
 * @raw: --raw
 * @stacks: --stacks: frames below the lines
 * @no_stacks: --no-stacks
 * @folded: --folded
 * @limit: --limit; 0 for no limit
 * @delay: --delay, in seconds; 0 if it was not given
 * @rounds: --rounds; 0 for no end
 * @filter: the words key=value
 * @output: --output, a file; NULL for stdout
 * @words: the words after the command on the command line
 * @operands: PATH, PID, or A and B
 * @nr_operands: number of operands
 */
struct gp_options {
	const char *from;
	struct gp_by by;
	const char *sort;
	bool reverse;
	bool json;
	bool jsonl;
	bool raw;
	bool stacks;
	bool no_stacks;
	bool folded;
	unsigned long long limit;
	double delay;
	unsigned long long rounds;
	struct gp_filter filter;
	const char *output;
	char **words;
	char *operands[2];
	int nr_operands;
};

/* refused.c */
static void gp_refused_columns(struct gp_table *table);
static void gp_refused_row(struct gp_table *table, const struct gp_record *record,
			   bool stacks);

/* hazards.c */
static unsigned int gp_stake_rank(const char *stake);
static void gp_hazard_columns(struct gp_table *table);
static void gp_hazard_row(struct gp_table *table, const struct gp_record *record,
			  bool stacks);
static void gp_hazard_json(struct gp_json *json, const struct gp_record *record);

/* pins.c */
static void gp_pin_title(bool orphans);
static void gp_pin_row(const struct gp_record *record, const char *frames, bool orphans);
static char *gp_holder(const struct gp_record *record, size_t columns);

/* none.c */
static int gp_none(const struct gp_source *source, const struct gp_filter *filter,
		   const char *what);

/* show.c */
static int gp_show(const struct gp_source *source, struct gp_options *options,
		   enum gp_kind kind);

/* collect.c */
static int gp_collect_names(struct gp_sums *sums, const struct gp_source *source,
			    const struct gp_options *options, bool then);
static int gp_collect(struct gp_sums *sums, const struct gp_source *source,
		      struct gp_options *options, bool then);

/* sums.c */
static int gp_sum_up(const struct gp_source *source, struct gp_options *options);
static void gp_sums_json(const struct gp_sums *sums, const struct gp_options *options);
static void gp_label_columns(struct gp_table *table, const struct gp_sums *sums,
			     bool chain);
static void gp_labels(struct gp_table *table, const struct gp_sums *sums,
		      const struct gp_sum *sum, bool chain);
static void gp_json_labels(struct gp_json *json, const struct gp_sums *sums,
			   const struct gp_sum *sum);
static void gp_json_stack(struct gp_json *json, const struct gp_sums *sums,
			  const struct gp_sum *sum);
static const char *gp_count_name(const struct gp_sums *sums);

/**
 * struct gp_top - the state of top
 * @source: where the files are
 * @options: the command line, which keys may change
 * @start: the sums at the start, for growth
 * @now: the newest sums, from the second round on
 * @rounds: number of rounds so far
 * @orphans: pins whose owner or task has ended
 * @orphans_known: whether a file lists them
 */
struct gp_top {
	struct gp_source *source;
	struct gp_options *options;
	struct gp_sums start;
	struct gp_sums now;
	unsigned long long rounds;
	unsigned long long orphans;
	bool orphans_known;
};

/* top.c */
static struct gp_sums *gp_top_sums(struct gp_top *top);
static int gp_top_sort(struct gp_top *top);
static int gp_top_round(struct gp_top *top);
static void gp_top_restart(struct gp_top *top);
static char *gp_top_headline(struct gp_top *top);
static void gp_top_table(struct gp_top *top, struct gp_table *table);

/* top_screen.c */
static bool gp_screen_begin(const struct gp_top *top);
static int gp_top_screen(struct gp_top *top);

/* The commands, each in the file of its name. */
static int gp_top(struct gp_options *options);
static int gp_list(struct gp_options *options);
static int gp_file(struct gp_options *options);
static int gp_task(struct gp_options *options);
static int gp_show_page(struct gp_options *options);
static int gp_orphans(struct gp_options *options);
static int gp_refused(struct gp_options *options);
static int gp_status(struct gp_options *options);
static int gp_metrics(struct gp_options *options);
static int gp_stacks(struct gp_options *options);
static int gp_hazards(struct gp_options *options);
static int gp_diff(struct gp_options *options);

#endif /* GUP_PIN_TOOL_H */
