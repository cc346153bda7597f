// SPDX-License-Identifier: GPL-2.0
/*
 * Shows, sums and compares the pinned pages and their holders that
 * CONFIG_DEBUG_GUP_PIN lists in /sys/kernel/debug/gup_pin, or copies of these files.
 *
 * Example use:
 * gup_pin top --by module
 * gup_pin file /var/lib/db/table
 * cp -rT /sys/kernel/debug/gup_pin before; sleep 60; gup_pin diff before
 *
 * See Documentation/admin-guide/mm/gup_pin_tool.rst
 *
 * Compile it using: cc -O2 -o gup_pin gup_pin.c
 */
#define _GNU_SOURCE	/* statx(), wcwidth() */
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "gup_pin_tool/gup_pin_tool.h"

/*
 * All parts are compiled as one: like the other tools here, the program is built from
 * this file without a makefile, and the compiler warns about unused functions.
 */
#include "gup_pin_tool/say.c"
#include "gup_pin_tool/text.c"
#include "gup_pin_tool/path.c"
#include "gup_pin_tool/mounts.c"
#include "gup_pin_tool/inode.c"
#include "gup_pin_tool/lines.c"
#include "gup_pin_tool/record.c"
#include "gup_pin_tool/frames.c"
#include "gup_pin_tool/read.c"
#include "gup_pin_tool/source.c"
#include "gup_pin_tool/stats.c"
#include "gup_pin_tool/rules.c"
#include "gup_pin_tool/filter.c"
#include "gup_pin_tool/words.c"
#include "gup_pin_tool/names.c"
#include "gup_pin_tool/by.c"
#include "gup_pin_tool/sum.c"
#include "gup_pin_tool/order.c"
#include "gup_pin_tool/table.c"
#include "gup_pin_tool/screen.c"
#include "gup_pin_tool/json.c"
#include "gup_pin_tool/hazards.c"
#include "gup_pin_tool/refused.c"
#include "gup_pin_tool/keep.c"
#include "gup_pin_tool/pins.c"
#include "gup_pin_tool/none.c"
#include "gup_pin_tool/show.c"
#include "gup_pin_tool/collect.c"
#include "gup_pin_tool/sums.c"
#include "gup_pin_tool/top_view.c"
#include "gup_pin_tool/top_keys.c"
#include "gup_pin_tool/top_screen.c"
#include "gup_pin_tool/top.c"
#include "gup_pin_tool/metrics.c"
#include "gup_pin_tool/list.c"
#include "gup_pin_tool/diff.c"
#include "gup_pin_tool/status.c"
#include "gup_pin_tool/help.c"

/**
 * struct command - a command
 * @name: its name
 * @run: runs it
 * @least: number of operands that it needs
 * @most: number of operands that it may have
 * @wants: the operands that it needs, for users
 * @takes: the options that it uses; = for filters
 */
struct command {
	const char *name;
	int (*run)(struct gp_options *options);
	int least;
	int most;
	const char *wants;
	const char *takes;
};

static int gp_help(struct gp_options *options);

/* Of commands that show lines or sums: S stands for --stacks and --no-stacks, J for --jsonl. */
#define SHOWS	"fbsrnjJSR="

static const struct command commands[] = {
	{ "top", gp_top, 0, 0, "", "fbsrnjJdc=" },
	{ "list", gp_list, 0, 0, "", SHOWS },
	{ "stacks", gp_stacks, 0, 0, "", SHOWS "F" },
	{ "file", gp_file, 1, 1, "a PATH or an inode", SHOWS },
	{ "task", gp_task, 1, 1, "a PID", SHOWS },
	{ "pid", gp_task, 1, 1, "a PID", SHOWS },
	{ "show", gp_show_page, 1, 1, "a PFN", SHOWS },
	{ "orphans", gp_orphans, 0, 0, "", SHOWS },
	{ "hazards", gp_hazards, 0, 0, "", SHOWS },
	{ "refused", gp_refused, 0, 0, "", SHOWS },
	{ "status", gp_status, 0, 0, "", "fjJ" },
	{ "metrics", gp_metrics, 0, 0, "", "fo=" },
	{ "diff", gp_diff, 0, 2, "", "fbsrnjJSd=" },
	{ "help", gp_help, 0, 1, "", "" },
};

/* Options without a letter. */
enum {
	OPTION_JSONL = 'J',
	OPTION_STACKS = 'S',
	OPTION_NO_STACKS = 'N',
	OPTION_FOLDED = 'F',
};

static const char short_options[] = ":f:b:s:rn:jRd:c:o:h";

static const struct option long_options[] = {
	{ "from", required_argument, NULL, 'f' },
	{ "by", required_argument, NULL, 'b' },
	{ "sort", required_argument, NULL, 's' },
	{ "reverse", no_argument, NULL, 'r' },
	{ "limit", required_argument, NULL, 'n' },
	{ "lines", required_argument, NULL, 'n' },
	{ "json", no_argument, NULL, 'j' },
	{ "jsonl", no_argument, NULL, OPTION_JSONL },
	{ "stacks", no_argument, NULL, OPTION_STACKS },
	{ "no-stacks", no_argument, NULL, OPTION_NO_STACKS },
	{ "folded", no_argument, NULL, OPTION_FOLDED },
	{ "raw", no_argument, NULL, 'R' },
	{ "delay", required_argument, NULL, 'd' },
	{ "rounds", required_argument, NULL, 'c' },
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{},
};

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int unknown_command(const char *name)
{
	return gp_usage("unknown command '%s'", name);
}

static int gp_help(struct gp_options *options)
{
	const struct command *command;

	if (!options->nr_operands) {
		gp_help_all();
		return GP_OK;
	}
	command = find_command(options->operands[0]);
	if (!command)
		return unknown_command(options->operands[0]);
	/* The other name of a command is not explained. */
	if (!strcmp(command->name, "pid"))
		command = find_command("task");
	gp_help_command(command->name, command->takes);
	return GP_OK;
}

static int parse_count(const char *option, const char *text, unsigned long long *count)
{
	if (gp_number(text, count) && *count)
		return GP_OK;
	return gp_usage("--%s wants a number of at least 1, not '%s'", option, text);
}

static int parse_delay(const char *text, double *delay)
{
	char *end;

	*delay = strtod(text, &end);
	if (end != text && !*end && *delay >= 0.1 && *delay <= 86400)
		return GP_OK;
	return gp_usage("--delay wants seconds from 0.1 to 86400, not '%s'", text);
}

static int parse_option(struct gp_options *options, int option, const char *word)
{
	switch (option) {
	case 'f':
		options->from = optarg;
		return GP_OK;
	case 'b':
		return gp_by_parse(&options->by, optarg);
	case 's':
		/* gup_pins.py has both. */
		options->sort = strcmp(optarg, "age") ? optarg : "age_ms";
		return gp_is_key(optarg, strlen(optarg)) ? GP_OK :
		       gp_usage("--sort wants a word like pins, not '%s'", optarg);
	case 'r':
		options->reverse = true;
		return GP_OK;
	case 'n':
		return parse_count("limit", optarg, &options->limit);
	case 'j':
		options->json = true;
		return GP_OK;
	case OPTION_JSONL:
		options->json = true;
		options->jsonl = true;
		return GP_OK;
	case OPTION_STACKS:
	case OPTION_NO_STACKS:
		options->stacks = option == OPTION_STACKS;
		options->no_stacks = !options->stacks;
		return GP_OK;
	case OPTION_FOLDED:
		options->folded = true;
		return GP_OK;
	case 'R':
		options->raw = true;
		return GP_OK;
	case 'd':
		return parse_delay(optarg, &options->delay);
	case 'c':
		return parse_count("rounds", optarg, &options->rounds);
	case 'o':
		options->output = optarg;
		return GP_OK;
	case ':':
		return gp_usage("no value for option '%s'", word);
	default:
		return gp_usage("unknown option '%s'", word);
	}
}

/* A word key=value; a file with such a name can be given as ./key=value. */
static bool is_filter(const char *text)
{
	size_t len = strcspn(text, "=");

	return text[len] && gp_is_key(text, len);
}

static int parse_words(struct gp_options *options, const struct command *command,
		       char **words)
{
	int status = GP_OK;

	for (; !status && *words; words++) {
		int nr = options->nr_operands;

		if (nr < command->least || (nr < command->most && !is_filter(*words)))
			options->operands[options->nr_operands++] = *words;
		else
			status = gp_filter_add(&options->filter, *words);
	}
	if (!status && options->nr_operands < command->least)
		status = gp_usage("%s wants %s", command->name, command->wants);
	return status;
}

/* An option or filter that a command does not use is an error. */
static int check_used(const char *used, const struct command *command)
{
	const struct option *option;

	for (; *used; used++) {
		if (strchr(command->takes, *used == OPTION_NO_STACKS ? OPTION_STACKS : *used))
			continue;
		if (*used == '=')
			return gp_usage("%s has no filters", command->name);
		for (option = long_options; option->val != *used; option++)
			;
		return gp_usage("%s has no --%s", command->name, option->name);
	}
	return GP_OK;
}

static int check_options(const struct gp_options *options)
{
	if (options->raw + options->json + options->folded > 1)
		return gp_usage("only one of --raw, --json and --folded");
	return GP_OK;
}

static int parse_and_run(struct gp_options *options, int argc, char **argv)
{
	const struct command *command = &commands[0];
	/* Each option once. */
	char used[64] = "";
	bool help = false;
	int option, status;

	opterr = 0;
	while ((option = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		if (option == 'h') {
			help = true;
			continue;
		}
		status = parse_option(options, option, argv[optind - 1]);
		if (status)
			return status;
		if (!strchr(used, option))
			used[strlen(used)] = option;
	}
	argv += optind;
	if (*argv && !is_filter(*argv)) {
		command = find_command(*argv);
		if (!command)
			return unknown_command(*argv);
		if (help) {
			options->operands[options->nr_operands++] = *argv;
			return gp_help(options);
		}
		argv++;
	}
	if (help)
		return gp_help(options);
	options->words = argv;
	status = parse_words(options, command, argv);
	if (!status && options->filter.nr)
		used[strlen(used)] = '=';
	if (!status)
		status = check_used(used, command);
	if (!status)
		status = check_options(options);
	return status ? status : command->run(options);
}

int main(int argc, char **argv)
{
	struct gp_options options = {};
	int status;

	setlocale(LC_CTYPE, "");
	/* A write error shows that the reader has left. */
	signal(SIGPIPE, SIG_IGN);
	status = parse_and_run(&options, argc, argv);
	gp_by_free(&options.by);
	gp_filter_free(&options.filter);
	return gp_out_finish(status);
}
