// SPDX-License-Identifier: GPL-2.0
/*
 * The text of --help: all of it, or a command's part.
 */
#include <stdio.h>
#include <string.h>

#include "gup_pin_tool.h"

/* Columns of lists and of sums. */
#define PIN_COLUMNS							\
	"  PAGE      number of the first page\n"			\
	"  PINS      and after a slash the pages, if their number differs\n" \
	"  M         w: the holder may write to the pages; r: only read\n" \
	"  AGE       since the pin was taken\n"				\
	"  HOLDER    what pinned; after \"on\" the process whose memory it is\n" \
	"  WHERE     function in the stack; --stacks shows all of it\n"	\
	"  FILE      or the kind of memory without a file\n"

#define SUM_COLUMNS							\
	"with --by:\n"							\
	"  PINS      held now\n"					\
	"  PAGES     a folio counts once for each call that pinned it\n" \
	"  RUNS      lines of pins\n"					\
	"  CALLS     of a pin function that still hold pins\n"		\
	"  OLDEST    age of the oldest pin; NEWEST of the newest\n"	\
	"  ACQUIRED  pins that were ever taken\n"			\
	"  PEAK      most pins at once\n"

/**
 * struct help - a command's part
 * @name: its name
 * @operands: what follows it
 * @about: what it shows, in a line
 * @words: its columns and figures; "" if @about says it all
 */
static const struct help {
	const char *name;
	const char *operands;
	const char *about;
	const char *words;
} helps[] = {
	{ "top", "", "the tasks with the most pins, updated (the default)",
	  "  PINS      held now\n"
	  "  GROWTH    of PINS since the first round\n"
	  "  PAGES     a folio counts once for each call that pinned it\n"
	  "  AGE       of the oldest pin\n"
	  "  ACQUIRED  pins that were ever taken\n"
	  "the line above them:\n"
	  "  orphans   pins whose owner or whose task has ended\n"
	  "  hazards   what went wrong because of pins, since boot\n"
	  "  untracked     pins without a record, as memory was short\n"
	  "  memory_bytes  memory that tracking takes\n" },
	{ "list", "", "the pins, a line each",
	  PIN_COLUMNS
	  "  TERM      long: taken with FOLL_LONGTERM\n"
	  SUM_COLUMNS },
	{ "stacks", "", "where pins were taken",
	  "  pins      held now\n"
	  "  pages     a folio counts once for each call that pinned it\n"
	  "  calls     of a pin function that still hold pins\n"
	  "  old       age of the newest pin, to that of the oldest\n"
	  "  acquired  pins that were ever taken there\n"
	  "  peak      most pins at once\n"
	  "  guessed   pins that may be another's, as an unpin fitted several\n"
	  SUM_COLUMNS },
	{ "file", "PATH|INO", "the pins on a file", PIN_COLUMNS SUM_COLUMNS },
	{ "task", "PID", "the pins on a process's memory, and those that the task took",
	  PIN_COLUMNS SUM_COLUMNS },
	{ "show", "PFN", "the pins on a page, with their stacks", PIN_COLUMNS SUM_COLUMNS },
	{ "orphans", "", "the pins whose owner or whose task has ended",
	  PIN_COLUMNS
	  "  GONE      owner: the process whose memory it is; task: what pinned; both\n"
	  SUM_COLUMNS },
	{ "hazards", "", "what went wrong because of pins, the worst first",
	  "  COUNT     number of equal hazards\n"
	  "  LAST      time since the last one\n"
	  "  STAKE     what may be harmed: data, memory, hang, time; not reported: guess,\n"
	  "            rewrite, done, wait, read, nothing, end\n"
	  "  KIND      what happened to pinned pages; status lists them as hazard_*\n"
	  "  REPORTED  number of reports in the kernel log\n"
	  "  M         mode of the pin; OWNER and COMM are of it, too; - without a record\n"
	  "  FUNC      function of the event\n"
	  "  FILE      and the range of its pages\n" },
	{ "refused", "", "the long-term pins that the kernel refused",
	  "  COUNT     number of equal refusals\n"
	  "  LAST      time since the last one\n"
	  "  WHY       the kernel's reason; ERR is what the caller got\n"
	  "  M         w: for writing; r: for reading only\n"
	  "  HOLDER    what wanted to pin; WHERE is a function in its stack\n"
	  "  WHAT      file, page or address of the last one\n" },
	{ "status", "", "the kernel's figures",
	  "  live_*        held now\n"
	  "  acquired      pins recorded since boot; released: those that ended\n"
	  "  untracked     pins without a record, as memory was short\n"
	  "  inferred      unpins whose pin is a guess\n"
	  "  unmatched     unpins of pages without a pin\n"
	  "  hazard_*      hazards since boot, by kind\n"
	  "  memory_bytes  memory that tracking takes\n"
	  "  pinned_from_before  pins that are older than tracking\n" },
	{ "diff", "[A [B]]", "what changed from A to B, from A until now, or in 10 seconds",
	  "  GROWTH    of the pins\n"
	  "  BEFORE    pins in the older snapshot; PINS: in the newer\n"
	  "  PAGES     their growth\n"
	  "  ACQUIRED  pins taken between the two, if known\n" },
	{ "metrics", "", "figures for Prometheus", "" },
	{ "help", "[COMMAND]", "this text, or that of one command", "" },
};

/* By letter, as in the table of commands. */
static const struct {
	char option;
	const char *text;
} option_helps[] = {
	{ 'f', "  -f, --from PATH      read a copy: a folder, a file, or - for stdin\n" },
	{ 'b', "  -b, --by KEY,...     sum by comm, owner, module, file, stack, or any word\n" },
	{ 's', "  -s, --sort KEY       by a word or a figure, the largest first\n" },
	{ 'r', "  -r, --reverse        in reverse order\n" },
	{ 'n', "  -n, --limit N        the first N only\n" },
	{ 'j', "  -j, --json           as JSON\n" },
	{ 'J', "      --jsonl          the same, an object a line\n" },
	{ 'S', "      --stacks         the frames below each line, or in JSON; --no-stacks\n" },
	{ 'F', "      --folded         stacks for flame graphs, a line each\n" },
	{ 'R', "  -R, --raw            lines as they are in the file\n" },
	{ 'd', "  -d, --delay SECONDS  between two rounds of top (2), or of diff (10)\n" },
	{ 'c', "  -c, --rounds N       of top; all there are on a terminal, else 1\n" },
	{ 'o', "  -o, --output FILE    of metrics; written whole or not at all\n" },
};

static void print_options(const char *takes)
{
	size_t i;

	for (i = 0; i < sizeof(option_helps) / sizeof(*option_helps); i++)
		if (!takes || strchr(takes, option_helps[i].option))
			fputs(option_helps[i].text, stdout);
	puts("  -h, --help           this text, or with a command, that of the command");
}

static void print_filters(void)
{
	puts("\nKEY=VALUE shows only matching pins: mode=w comm=fio module=rxe pfn=A-B ...");
}

/* All commands and options. */
static void gp_help_all(void)
{
	size_t i;

	puts("usage: gup_pin [COMMAND] [OPTION]... [KEY=VALUE]...\n"
	     "\n"
	     "Shows which tasks pin which pages, from the files of CONFIG_DEBUG_GUP_PIN.\n");
	for (i = 0; i < sizeof(helps) / sizeof(*helps); i++) {
		char *name = gp_format("%s %s", helps[i].name, helps[i].operands);

		printf("  %-14s %s\n", name, helps[i].about);
		free(name);
	}
	putchar('\n');
	print_options(NULL);
	print_filters();
	puts("gup_pin help COMMAND explains its columns.\n"
	     "exit: 0 done, 1 error, 2 usage, 3 the kernel lacks the files, 5 nothing to show");
}

/**
 * gp_help_command() - a command's part
 * @name: its name
 * @takes: the options that it uses, as in the table of commands
 */
static void gp_help_command(const char *name, const char *takes)
{
	const struct help *help = helps;

	while (strcmp(help->name, name))
		help++;
	printf("usage: gup_pin %s%s%s%s%s\n\n%s\n\n", name, *help->operands ? " " : "",
	       help->operands, *takes ? " [OPTION]..." : "",
	       strchr(takes, '=') ? " [KEY=VALUE]..." : "", help->about);
	printf("%s%s", help->words, *help->words ? "\n" : "");
	print_options(takes);
	if (strchr(takes, '='))
		print_filters();
}
