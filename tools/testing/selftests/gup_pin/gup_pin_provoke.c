// SPDX-License-Identifier: GPL-2.0
/*
 * gup_pin_provoke
 *
 * Causes writeback of a page of an ext4 file while a device may still write to it: an
 * O_DIRECT read into a mapping of the file, from a disk that does not respond, and then
 * msync(). Prints what it does, then `ready`, and stays until SIGTERM.
 *
 * Not a test: for demonstrations and crash dumps.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "gup_pin_scene.h"

static const char *provoke(struct gup_pin_scene *scene)
{
	const char *problem = gup_pin_scene_missing(SCENE_EXT4) ?:
		gup_pin_scene_open(scene, SCENE_EXT4);

	if (problem)
		return problem;
	printf("%s is mapped at %p, %zu bytes of it\n", scene->path, scene->map, scene->size);
	problem = gup_pin_scene_pin(scene, HOLD_READ);
	if (problem)
		return problem;
	printf("task %d reads from %s, which is suspended, into the page at %p\n", getpid(),
	       scene->slow.dev, scene->pinned);
	if (msync(scene->map, scene->size, MS_SYNC))
		return "msync() failed";
	printf("and has the mapping written back by msync()\nready\n");
	fflush(stdout);
	return NULL;
}

int main(void)
{
	static struct gup_pin_scene scene;
	const char *problem;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	problem = provoke(&scene);
	if (problem)
		fprintf(stderr, "gup_pin_provoke: %s\n", problem);
	else
		sigwait(&set, &sig);
	gup_pin_scene_close(&scene);
	return problem ? 1 : 0;
}
