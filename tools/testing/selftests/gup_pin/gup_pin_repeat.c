// SPDX-License-Identifier: GPL-2.0
/* Runs all tests of a program repeatedly, for a time set in the environment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "gup_pin_calm.h"
#include "kselftest.h"

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* The harness keeps counts of its tests, so each round is a separate process. */
static int one_round(int (*run)(int argc, char **argv), int argc, char **argv, int out)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (out >= 0) {
			dup2(out, STDOUT_FILENO);
			dup2(out, STDERR_FILENO);
		}
		exit(run(argc, argv));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return KSFT_FAIL;
	return WEXITSTATUS(status);
}

/*
 * Shows the output of a round, of which only failed tests matter; not as TAP of this
 * program.
 */
static void show(int out)
{
	FILE *file = fdopen(out, "r");
	char line[2048];

	rewind(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "ok ", 3) && strncmp(line, "#  RUN", 6) &&
		    strncmp(line, "#            OK", 15))
			printf("# again: %s", line);
	fclose(file);
}

int gup_pin_repeat(int (*run)(int argc, char **argv), int argc, char **argv)
{
	const char *text = getenv("GUP_PIN_SECONDS");
	double end = now() + (text ? atof(text) : 0);
	unsigned int rounds = 1;
	int status, first, out;

	first = one_round(run, argc, argv, -1);
	status = first;
	for (; status == first && status != KSFT_FAIL && now() < end; rounds++) {
		out = memfd_create("gup_pin output", MFD_CLOEXEC);
		if (out < 0)
			return KSFT_FAIL;
		status = one_round(run, argc, argv, out);
		if (status == first)
			close(out);
		else
			show(out);
	}
	printf("# %u rounds\n", rounds);
	return status == first ? first : KSFT_FAIL;
}
