// SPDX-License-Identifier: GPL-2.0
/* A short-term pin held for as long as a test needs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "gup_pin_slow.h"

#define DISK_SIZE	(1024 * 1024UL)

const char *gup_pin_slow_open(struct gup_pin_slow *slow)
{
	const char *problem;

	memset(slow, 0, sizeof(*slow));
	slow->fd = -1;
	problem = gup_pin_dm_create(&slow->dm, DISK_SIZE);
	if (problem)
		return problem;
	slow->fd = open(slow->dm.dev, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (slow->fd < 0)
		return gup_pin_problem("%s: %s", slow->dm.dev, strerror(errno));
	return NULL;
}

const char *gup_pin_slow_pin(struct gup_pin_slow *slow, void *addr, size_t size)
{
	const char *problem = gup_pin_dm_suspend(&slow->dm);

	if (!problem)
		problem = aio_start(&slow->aio, slow->fd, false, addr, size, 0);
	slow->held = !problem;
	slow->size = size;
	return problem;
}

const char *gup_pin_slow_unpin(struct gup_pin_slow *slow)
{
	const char *problem = gup_pin_dm_resume(&slow->dm);
	ssize_t result;

	slow->held = false;
	if (!problem)
		problem = aio_finish(&slow->aio, &result);
	if (!problem && result != (ssize_t)slow->size)
		problem = gup_pin_problem("a read of %zu bytes ended with %zd", slow->size,
					  result);
	return problem;
}

void gup_pin_slow_close(struct gup_pin_slow *slow)
{
	if (!slow->dm.name[0])
		return;
	if (slow->held)
		gup_pin_slow_unpin(slow);
	if (slow->fd >= 0)
		close(slow->fd);
	gup_pin_dm_remove(&slow->dm);
}
