// SPDX-License-Identifier: GPL-2.0
/* A process that gives memory to a device, and ends in every possible way. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_program.h"
#include "gup_pin_util.h"

/* More than one, so that a device can have a part. */
#define NPAGES	2

/* Steps that every process has. */
#define EXIT	'x'
#define EXEC	'e'

/* Reply to each step: an error, or empty. */
struct answer {
	char problem[400];
};

/* Used by the child: it has one parent. */
static int serve_from = -1, serve_to = -1;

static void answer(const char *problem)
{
	struct answer answer = {};

	if (problem)
		snprintf(answer.problem, sizeof(answer.problem), "%s", problem);
	if (write(serve_to, &answer, sizeof(answer)) != sizeof(answer))
		_exit(1);
}

/* cat reads from the pipe of the steps, and ends with it. */
static void exec_cat(void)
{
	int out = open("/dev/null", O_WRONLY);

	dup2(serve_from, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	execlp("cat", "cat", NULL);
	answer(gup_pin_problem("cannot exec cat: %s", strerror(errno)));
	_exit(1);
}

void gup_pin_program_serve(const char *(*fn)(void *arg, char step), void *arg)
{
	char step;

	answer(NULL);
	while (read(serve_from, &step, 1) == 1) {
		if (step == EXIT)
			_exit(0);
		if (step == EXEC)
			exec_cat();
		answer(fn ? fn(arg, step) : "it cannot do that");
	}
	_exit(0);
}

static const char *wait_for_answer(struct gup_pin_program *program)
{
	static struct answer answer;
	ssize_t got = read(program->from, &answer, sizeof(answer));

	if (got != sizeof(answer))
		return gup_pin_problem("process %d is gone", program->pid);
	return answer.problem[0] ? answer.problem : NULL;
}

const char *gup_pin_program_run(struct gup_pin_program *program,
				const char *(*fn)(void *arg), void *arg)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		return gup_pin_problem("pipe: %s", strerror(errno));
	program->pid = fork();
	if (program->pid < 0) {
		program->pid = 0;
		return gup_pin_problem("fork: %s", strerror(errno));
	}
	if (!program->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(to[1]);
		close(from[0]);
		serve_from = to[0];
		serve_to = from[1];
		answer(fn(arg) ?: "it ended by itself");
		_exit(1);
	}
	close(to[0]);
	close(from[1]);
	program->to = to[1];
	program->from = from[0];
	return wait_for_answer(program);
}

/* The process that gives its memory to one device. */
struct given {
	const struct gup_pin_program_how *how;
	struct gup_pin_shared mem;
	int device;
};

static const char *step(void *arg, char what)
{
	struct given *given = arg;

	switch (what) {
	case STEP_UNMAP:
		gup_pin_shared_put(&given->mem);
		return NULL;
	case STEP_CLOSE:
		close(given->device);
		return NULL;
	case STEP_WRITE:
		memset(given->mem.addr, 2, given->mem.size);
		return NULL;
	default:
		return "it cannot do that";
	}
}

/* Moves the memory's file to a high descriptor, so that the lowest one is free again. */
static const char *raise_fd(int *fd)
{
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, 100);

	if (high < 0)
		return gup_pin_problem("F_DUPFD: %s", strerror(errno));
	close(*fd);
	*fd = high;
	return NULL;
}

static const char *give(void *arg)
{
	struct given given = { .how = arg, .device = -1 };
	const struct gup_pin_program_how *how = arg;
	const char *problem;

	problem = gup_pin_shared_get(&given.mem, how->memory, how->dir, NPAGES);
	if (!problem && given.mem.fd >= 0 && !how->device_last)
		problem = raise_fd(&given.mem.fd);
	if (!problem)
		problem = gup_pin_device_give(how->device, &given.mem, &given.device);
	if (problem)
		return problem;
	gup_pin_program_serve(step, &given);
	return NULL;
}

const char *gup_pin_program_start(struct gup_pin_program *program,
				  const struct gup_pin_program_how *how)
{
	return gup_pin_program_run(program, give, (void *)how);
}

const char *gup_pin_program_do(struct gup_pin_program *program, char step)
{
	if (write(program->to, &step, 1) != 1)
		return gup_pin_problem("process %d is gone", program->pid);
	return wait_for_answer(program);
}

static void forget(struct gup_pin_program *program)
{
	close(program->to);
	close(program->from);
	program->pid = 0;
}

const char *gup_pin_program_exec(struct gup_pin_program *program)
{
	char step = EXEC;
	struct answer rest;

	if (write(program->to, &step, 1) != 1)
		return gup_pin_problem("process %d is gone", program->pid);
	/* exec() closes it. */
	if (read(program->from, &rest, sizeof(rest)))
		return gup_pin_problem("process %d is still what it was", program->pid);
	if (waitpid(program->pid, NULL, WNOHANG))
		return gup_pin_problem("process %d has ended", program->pid);
	return NULL;
}

const char *gup_pin_program_exit(struct gup_pin_program *program)
{
	char step = EXIT;
	int status;

	if (write(program->to, &step, 1) != 1 ||
	    waitpid(program->pid, &status, 0) != program->pid)
		return gup_pin_problem("process %d is gone", program->pid);
	forget(program);
	return status ? gup_pin_problem("a process ended with 0x%x", status) : NULL;
}

void gup_pin_program_kill(struct gup_pin_program *program)
{
	if (program->pid <= 0)
		return;
	kill(program->pid, SIGKILL);
	waitpid(program->pid, NULL, 0);
	forget(program);
}

const char *gup_pin_program_check_pins(pid_t pid, const char *map, unsigned long *pins)
{
	const char *problem = NULL;
	struct gup_pin_lines lines;
	unsigned int waited = 0;
	size_t i;

	/* A kernel thread of io_uring may pin, with some delay. */
	do {
		problem = gup_pin_read_task(&lines, pid);
		if (problem)
			return problem;
		*pins = gup_pin_sum_pins(&lines);
		if (*pins)
			break;
		gup_pin_free(&lines);
	} while (gup_pin_patience(&waited));
	if (!*pins)
		return gup_pin_problem("process %d has pinned nothing", pid);
	for (i = 0; !problem && i < lines.nr; i++)
		if (strcmp(lines.line[i].map, map) || lines.line[i].mode != 'w')
			problem = gup_pin_problem("map=%s mode=%c, not %s w",
						  lines.line[i].map, lines.line[i].mode, map);
	gup_pin_free(&lines);
	return problem;
}

const char *gup_pin_program_check_lost(pid_t pid, unsigned long pins)
{
	const char *problem = NULL;
	struct gup_pin_lines lines;
	size_t i;

	problem = gup_pin_read_task(&lines, pid);
	if (problem)
		return problem;
	if (gup_pin_sum_pins(&lines) != pins)
		problem = gup_pin_problem("process %d has %lu pins, not %lu", pid,
					  gup_pin_sum_pins(&lines), pins);
	for (i = 0; !problem && i < lines.nr; i++)
		if (lines.line[i].ino)
			problem = gup_pin_problem("pfn 0x%lx is still in a file: ino=%lu",
						  lines.line[i].pfn, lines.line[i].ino);
	gup_pin_free(&lines);
	return problem;
}
