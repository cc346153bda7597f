// SPDX-License-Identifier: GPL-2.0
/* A null_blk device with slow requests. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "gup_pin_null.h"
#include "gup_pin_util.h"

#define CONFIGFS	"/sys/kernel/config"
#define NULLB		CONFIGFS "/nullb"

const char *gup_pin_null_missing(void)
{
	if (access(NULLB, F_OK))
		mount("none", CONFIGFS, "configfs", 0, NULL);
	return access(NULLB, F_OK) ? "no " NULLB " (CONFIG_BLK_DEV_NULL_BLK)" : NULL;
}

/* Block layer timeout in ms, longer than any request takes. */
#define IO_TIMEOUT	"3600000"

static const char *set(const struct gup_pin_null *null, const char *name,
		       const char *value)
{
	char path[120];

	snprintf(path, sizeof(path), "%s/%s", null->dir, name);
	return gup_pin_write(path, value);
}

const char *gup_pin_null_create(struct gup_pin_null *null, unsigned int ms)
{
	const char *problem;
	char path[120], time[32];

	null->fd = -1;
	snprintf(null->dir, sizeof(null->dir), NULLB "/gup_pin-%d", getpid());
	if (mkdir(null->dir, 0700)) {
		null->dir[0] = '\0';
		return gup_pin_problem("cannot make a null_blk: %s", strerror(errno));
	}
	snprintf(time, sizeof(time), "%u000000", ms);
	/* A timer completes each request. */
	problem = set(null, "size", "16") ?: set(null, "irqmode", "2") ?:
		set(null, "completion_nsec", time) ?: set(null, "power", "1");
	if (problem)
		return problem;
	/* The device is named like its directory. */
	snprintf(path, sizeof(path), "/sys/block%s/queue/io_timeout",
		 null->dir + strlen(NULLB));
	problem = gup_pin_write(path, IO_TIMEOUT);
	if (problem)
		return problem;
	snprintf(path, sizeof(path), "/dev%s", null->dir + strlen(NULLB));
	null->fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (null->fd < 0)
		return gup_pin_problem("cannot open %s: %s", path, strerror(errno));
	return NULL;
}

void gup_pin_null_remove(struct gup_pin_null *null)
{
	if (null->fd > 0)
		close(null->fd);
	if (null->dir[0]) {
		set(null, "power", "0");
		rmdir(null->dir);
	}
	null->dir[0] = '\0';
	null->fd = -1;
}
