// SPDX-License-Identifier: GPL-2.0
/*
 * Parsers of the files below /sys/kernel/debug/gup_pin. They are strict: the words of
 * the files, their order and their form are a contract with scripts.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gup_pin_util.h"

/* Takes the value of the next word, which must have this key; otherwise NULL. */
static char *take_value(char **rest, const char *key)
{
	size_t len = strlen(key);
	char *word = *rest, *end;

	if (!word || strncmp(word, key, len) || word[len] != '=')
		return NULL;
	end = strchr(word, ' ');
	if (end)
		*end++ = '\0';
	*rest = end;
	return word + len + 1;
}

/* The same, but not empty. */
static char *take_word(char **rest, const char *key)
{
	char *value = take_value(rest, key);

	return value && *value ? value : NULL;
}

static bool take_number(char **rest, const char *key, int base, unsigned long *n)
{
	char *value = take_word(rest, key), *end;

	if (!value)
		return false;
	if (base == 16) {
		if (strncmp(value, "0x", 2))
			return false;
		value += 2;
	}
	if (!strchr("0123456789abcdef", *value))
		return false;
	*n = strtoul(value, &end, base);
	return !*end;
}

/* One of a list of words, separated by '|'. */
static bool take_choice(char **rest, const char *key, const char *choices,
			char *out, size_t size)
{
	char *value = take_word(rest, key);
	size_t len;

	if (!value)
		return false;
	len = strlen(value);
	if (len >= size)
		return false;
	memcpy(out, value, len + 1);
	while (*choices) {
		size_t n = strcspn(choices, "|");

		if (n == len && !strncmp(choices, value, n))
			return true;
		choices += n;
		choices += *choices == '|';
	}
	return false;
}

#define MODES	"r|w"
#define TERMS	"short|long"
#define APIS	"pin_user_pages|pin_user_pages_fast|pin_user_pages_remote|" \
		"pin_user_pages_unlocked|memfd_pin_folios|folio_add_pin|"   \
		"folio_add_pins"
#define MAPS	"anon|file|shmem|hugetlb|dax|device"
#define MATCHES	"exact|alike|inferred"

/* New keys may follow the known ones, as words of the same form. */
static bool rest_is_words(const char *rest)
{
	while (rest) {
		size_t key = strspn(rest, "abcdefghijklmnopqrstuvwxyz0123456789_");
		size_t value;

		if (!key || rest[key] != '=')
			return false;
		rest += key + 1;
		value = strcspn(rest, " ");
		if (!value)
			return false;
		rest = rest[value] ? rest + value + 1 : NULL;
	}
	return true;
}

static bool plain_text(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

/* Has no blanks, and backslashes only in escapes of two hexadecimal digits. */
static bool escaped_text(const char *text)
{
	static const char hex[] = "0123456789abcdef";

	if (!plain_text(text))
		return false;
	while ((text = strchr(text, '\\'))) {
		if (text[1] != 'x' || !text[2] || !strchr(hex, text[2]) ||
		    !text[3] || !strchr(hex, text[3]))
			return false;
		text += 4;
	}
	return true;
}

/* Overwrites the part of the line that it parses. */
const char *gup_pin_parse_pin(char *line, struct gup_pin_line *out, char **later)
{
	char *rest = line, *word, *copy = strdup(line), mode[2] = "";
	const char *problem = NULL;
	unsigned long n = 0;

	memset(out, 0, sizeof(*out));
#define TAKE(ok, key)							\
	do {								\
		if (!problem && !(ok))					\
			problem = gup_pin_problem("no right %s= in: %s", key, copy); \
	} while (0)
	TAKE(take_number(&rest, "pfn", 16, &out->pfn), "pfn");
	TAKE(take_number(&rest, "pages", 10, &out->pages), "pages");
	TAKE(take_number(&rest, "order", 10, &n), "order");
	out->order = n;
	TAKE(take_number(&rest, "pins", 10, &out->pins), "pins");
	TAKE(take_choice(&rest, "mode", MODES, mode, sizeof(mode)), "mode");
	out->mode = mode[0];
	TAKE(take_choice(&rest, "term", TERMS, out->term, sizeof(out->term)), "term");
	TAKE(take_choice(&rest, "api", APIS, out->api, sizeof(out->api)), "api");
	TAKE(take_number(&rest, "owner", 10, &n), "owner");
	out->owner = n;
	word = problem ? NULL : take_word(&rest, "task");
	TAKE(word && sscanf(word, "%d/%d", &out->tgid, &out->pid) == 2, "task");
	/* A task may have no name. */
	word = problem ? NULL : take_value(&rest, "comm");
	TAKE(word && strlen(word) < sizeof(out->comm) && escaped_text(word), "comm");
	if (word)
		snprintf(out->comm, sizeof(out->comm), "%s", word);
	TAKE(take_number(&rest, "age_ms", 10, &out->age_ms), "age_ms");
	TAKE(take_number(&rest, "addr", 16, &out->addr), "addr");
	TAKE(take_choice(&rest, "map", MAPS, out->map, sizeof(out->map)), "map");
	word = problem ? NULL : take_word(&rest, "dev");
	TAKE(word && sscanf(word, "%u:%u", &out->major, &out->minor) == 2, "dev");
	TAKE(take_number(&rest, "ino", 10, &out->ino), "ino");
	TAKE(take_number(&rest, "index", 16, &out->index), "index");
	TAKE(take_number(&rest, "stack", 16, &out->stack), "stack");
	TAKE(take_choice(&rest, "match", MATCHES, out->match, sizeof(out->match)),
	     "match");
	TAKE(out->pages && out->pins,
	     "pages or pins");
	free(copy);
	*later = rest;
	return problem;
}

const char *gup_pin_parse_end(char *rest, struct gup_pin_line *out)
{
	char *path = take_value(&rest, "path"), *gone;

	if (!path || strlen(path) >= sizeof(out->path) || !escaped_text(path))
		return gup_pin_problem("no right path= of pfn 0x%lx: %s", out->pfn,
				       path ?: rest ?: "");
	snprintf(out->path, sizeof(out->path), "%s", path);
	gone = take_word(&rest, "gone");
	snprintf(out->gone, sizeof(out->gone), "%s", gone ?: "");
	if (!rest_is_words(rest))
		return gup_pin_problem("no words behind path=: %s", rest);
	return NULL;
}

/* Parses a line of `pins` without its newline; overwrites it. */
const char *gup_pin_parse_line(char *line, struct gup_pin_line *out)
{
	const char *problem;
	char *rest;

	problem = gup_pin_parse_pin(line, out, &rest);
	return problem ?: gup_pin_parse_end(rest, out);
}

/* Cuts off and returns a line; NULL if there is none with a newline. */
static char *take_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return line;
}

static const char *check_header(char **text, const char *file)
{
	char want[64], *line = take_line(text);

	snprintf(want, sizeof(want), "# gup_pin %s 1", file);
	if (!line || strcmp(line, want))
		return gup_pin_problem("the first line of %s is '%s', not '%s'", file,
				       line ?: "", want);
	return NULL;
}

/* Overwrites text. */
const char *gup_pin_parse_lines(char *text, const char *title,
				struct gup_pin_lines *out)
{
	const char *problem = check_header(&text, title);
	size_t room = 0;
	char *line;

	out->nr = 0;
	out->line = NULL;
	while (!problem && *text) {
		line = take_line(&text);
		if (!line) {
			problem = gup_pin_problem("%s ends in the middle of a line",
						  title);
			break;
		}
		if (out->nr == room) {
			room = room ? 2 * room : 64;
			out->line = realloc(out->line, room * sizeof(*out->line));
		}
		problem = gup_pin_parse_line(line, &out->line[out->nr]);
		out->nr++;
	}
	if (problem)
		gup_pin_free(out);
	return problem;
}

const char *gup_pin_read_pins(struct gup_pin_lines *out)
{
	const char *problem;
	char *text;

	memset(out, 0, sizeof(*out));
	problem = gup_pin_slurp(GUP_PIN_DIR "/pins", &text, NULL);
	if (problem)
		return problem;
	problem = gup_pin_parse_lines(text, "pins", out);
	free(text);
	return problem;
}

static const char *parse_stack(char *line, struct gup_pin_stack *out)
{
	char *rest = line, mode[2] = "", *copy = strdup(line);
	const char *problem = NULL;

	memset(out, 0, sizeof(*out));
	TAKE(take_number(&rest, "pins", 10, &out->pins), "pins");
	TAKE(take_number(&rest, "pages", 10, &out->pages), "pages");
	TAKE(take_number(&rest, "calls", 10, &out->calls), "calls");
	TAKE(take_choice(&rest, "mode", MODES, mode, sizeof(mode)), "mode");
	out->mode = mode[0];
	TAKE(take_choice(&rest, "term", TERMS, out->term, sizeof(out->term)), "term");
	TAKE(take_choice(&rest, "api", APIS, out->api, sizeof(out->api)), "api");
	TAKE(take_number(&rest, "oldest_ms", 10, &out->oldest_ms), "oldest_ms");
	TAKE(take_number(&rest, "newest_ms", 10, &out->newest_ms), "newest_ms");
	TAKE(take_number(&rest, "stack", 16, &out->stack), "stack");
	TAKE(take_number(&rest, "acquired", 10, &out->acquired), "acquired");
	TAKE(take_number(&rest, "peak", 10, &out->peak), "peak");
	TAKE(rest_is_words(rest), "later key");
	TAKE(out->acquired >= out->peak && out->peak >= out->pins,
	     "acquired, peak or pins");
	TAKE(out->newest_ms <= out->oldest_ms, "newest_ms");
	/* Calls are counted after pins, and may all be gone by then. */
	TAKE(out->pins && out->pages, "pins or pages");
	free(copy);
	return problem;
}

#undef TAKE

static const char *parse_stacks(char *text, struct gup_pin_stacks *out)
{
	const char *problem = check_header(&text, "stacks");
	struct gup_pin_stack *now = NULL;
	size_t room = 0;
	char *line;

	while (!problem && *text) {
		line = take_line(&text);
		if (!line)
			return gup_pin_problem("stacks ends in the middle of a line");
		if (!now) {
			if (out->nr == room) {
				room = room ? 2 * room : 64;
				out->stack = realloc(out->stack,
						     room * sizeof(*out->stack));
			}
			now = &out->stack[out->nr];
			problem = parse_stack(line, now);
			out->nr++;
		} else if (line[0] == ' ' && line[1] && line[1] != ' ') {
			if (!now->nr_frames++)
				snprintf(now->first_frame, sizeof(now->first_frame),
					 "%s", line + 1);
		} else if (!line[0]) {
			now = NULL;
		} else {
			problem = gup_pin_problem("neither a frame nor an empty line in stacks: %s",
						  line);
		}
	}
	if (!problem && now)
		problem = gup_pin_problem("no empty line ends the last record of stacks");
	return problem;
}

const char *gup_pin_read_stacks(struct gup_pin_stacks *out)
{
	const char *problem;
	char *text;

	memset(out, 0, sizeof(*out));
	problem = gup_pin_slurp(GUP_PIN_DIR "/stacks", &text, NULL);
	if (problem)
		return problem;
	problem = parse_stacks(text, out);
	free(text);
	if (problem) {
		free(out->stack);
		memset(out, 0, sizeof(*out));
	}
	return problem;
}

static const char *const stat_names[] = {
	"enabled", "live_pins", "live_folios", "live_calls", "live_origins",
	"acquired", "released", "untracked", "inferred", "unmatched",
	"hazard_writeback", "hazard_pin_under_writeback", "hazard_truncate",
	"hazard_unmatched_unpin", "hazard_dirty_read_pin",
	"reports_suppressed", "memory_bytes",
};

static_assert(sizeof(stat_names) / sizeof(*stat_names) ==
	      sizeof(struct gup_pin_stats) / sizeof(unsigned long),
	      "stat_names[] must fit struct gup_pin_stats");

static const char *take_stat(char **text, const char *name, unsigned long *value)
{
	char *line = take_line(text), *end;
	size_t len = strlen(name);

	if (!line || strncmp(line, name, len) || line[len] != ' ')
		return gup_pin_problem("stats has '%s' where '%s' belongs", line ?: "",
				       name);
	*value = strtoul(line + len + 1, &end, 10);
	if (end == line + len + 1 || *end)
		return gup_pin_problem("not a number in stats: %s", line);
	return NULL;
}

const char *gup_pin_read_stats(struct gup_pin_stats *out)
{
	unsigned long *value = (unsigned long *)out;
	const char *problem;
	char *text, *rest;
	size_t i;

	problem = gup_pin_slurp(GUP_PIN_DIR "/stats", &text, NULL);
	if (problem)
		return problem;
	rest = text;
	for (i = 0; !problem && i < sizeof(*out) / sizeof(*value); i++)
		problem = take_stat(&rest, stat_names[i], &value[i]);
	free(text);
	return problem;
}

const char *gup_pin_read_stat(const char *name, unsigned long *value)
{
	const char *problem;
	char *text, *rest;
	size_t len = strlen(name);

	problem = gup_pin_slurp(GUP_PIN_DIR "/stats", &text, NULL);
	if (problem)
		return problem;
	for (rest = text; *rest && (strncmp(rest, name, len) || rest[len] != ' ');)
		take_line(&rest);
	problem = take_stat(&rest, name, value);
	free(text);
	return problem;
}

const char *gup_pin_read_verify(struct gup_pin_verify *out)
{
	const char *problem;
	char *text, *rest, *line, first[256] = "";
	unsigned long mismatches = 0;
	bool verified = false;
	int end;

	problem = gup_pin_slurp(GUP_PIN_DIR "/verify", &text, NULL);
	if (problem)
		return problem;
	for (rest = text; !problem && *rest;) {
		line = take_line(&rest);
		if (!line || verified) {
			problem = gup_pin_problem("verify does not end with its verified line");
		} else if (!strncmp(line, "mismatch ", 9)) {
			if (!mismatches++)
				snprintf(first, sizeof(first), "%s", line);
		} else if (sscanf(line, "verified folios=%lu pins=%lu mismatches=%lu%n",
				  &out->folios, &out->pins, &out->mismatches,
				  &end) == 3 && !line[end]) {
			verified = true;
		} else {
			problem = gup_pin_problem("verify says: %s", line);
		}
	}
	free(text);
	if (problem)
		return problem;
	if (!verified)
		return gup_pin_problem("verify has no verified line");
	if (mismatches != out->mismatches)
		return gup_pin_problem("verify shows %lu mismatches and counts %lu",
				       mismatches, out->mismatches);
	if (mismatches)
		return gup_pin_problem("verify: %lu mismatches, first: %s", mismatches,
				       first);
	return NULL;
}

const char *gup_pin_read_task(struct gup_pin_lines *out, pid_t tgid)
{
	const char *problem = gup_pin_read_pins(out);

	if (!problem)
		gup_pin_only_task(out, tgid);
	return problem;
}

const char *gup_pin_read_pfn(struct gup_pin_lines *out, unsigned long pfn)
{
	const char *problem = gup_pin_read_pins(out);

	if (!problem)
		gup_pin_only_pfns(out, pfn, pfn);
	return problem;
}

void gup_pin_only_task(struct gup_pin_lines *lines, pid_t tgid)
{
	size_t i, kept = 0;

	for (i = 0; i < lines->nr; i++)
		if (lines->line[i].tgid == tgid)
			lines->line[kept++] = lines->line[i];
	lines->nr = kept;
}

/* Keeps the lines that overlap the pfns from first to last. */
void gup_pin_only_pfns(struct gup_pin_lines *lines, unsigned long first,
		       unsigned long last)
{
	struct gup_pin_line *line = lines->line;
	size_t i, kept = 0;

	for (i = 0; i < lines->nr; i++)
		if (line[i].pfn <= last && line[i].pfn + line[i].pages > first)
			line[kept++] = line[i];
	lines->nr = kept;
}

void gup_pin_only_api(struct gup_pin_lines *lines, const char *api)
{
	size_t i, kept = 0;

	for (i = 0; i < lines->nr; i++)
		if (!strcmp(lines->line[i].api, api))
			lines->line[kept++] = lines->line[i];
	lines->nr = kept;
}

unsigned long gup_pin_sum_pins(const struct gup_pin_lines *lines)
{
	unsigned long sum = 0;
	size_t i;

	for (i = 0; i < lines->nr; i++)
		sum += lines->line[i].pins;
	return sum;
}

void gup_pin_free(struct gup_pin_lines *lines)
{
	free(lines->line);
	lines->line = NULL;
	lines->nr = 0;
}
