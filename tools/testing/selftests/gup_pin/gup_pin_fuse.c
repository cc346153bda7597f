// SPDX-License-Identifier: GPL-2.0
/* A FUSE file system of one file, without a library. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "gup_pin_fuse.h"
#include "gup_pin_util.h"

#define DEVICE		"/dev/fuse"
#define NODE		2

/* Of the server. */
static size_t file_size;
static int device;

const char *gup_pin_fuse_missing(void)
{
	return access(DEVICE, F_OK) ? "no " DEVICE " (CONFIG_FUSE_FS)" : NULL;
}

static void reply(const struct fuse_in_header *in, int error, const void *data, size_t size)
{
	struct fuse_out_header out = {
		.len = sizeof(out) + (error ? 0 : size),
		.error = -error,
		.unique = in->unique,
	};
	struct iovec parts[] = { { &out, sizeof(out) }, { (void *)data, out.len - sizeof(out) } };

	/* What was interrupted wants no answer any more. */
	if (writev(device, parts, 2) < 0 && errno != ENOENT)
		_exit(1);
}

static void fill_attr(struct fuse_attr *attr, __u64 node)
{
	memset(attr, 0, sizeof(*attr));
	attr->ino = node;
	attr->nlink = 1;
	attr->blksize = PAGE_SIZE;
	attr->mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0600;
	attr->size = node == FUSE_ROOT_ID ? 0 : file_size;
}

static void look_up(const struct fuse_in_header *in, const char *name)
{
	struct fuse_entry_out out = { .nodeid = NODE, .attr_valid = 3600, .entry_valid = 3600 };

	fill_attr(&out.attr, NODE);
	reply(in, strcmp(name, SERVED_NAME) ? ENOENT : 0, &out, sizeof(out));
}

static void initialize(const struct fuse_in_header *in)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.flags = FUSE_ASYNC_DIO | FUSE_BIG_WRITES,
		.max_background = 16,
		.congestion_threshold = 12,
		.max_write = SERVED_MOST,
	};

	reply(in, 0, &out, sizeof(out));
}

static void answer(const struct fuse_in_header *in, const void *arg, const bool *held)
{
	static char data[SERVED_MOST];
	struct fuse_attr_out attr = { .attr_valid = 3600 };
	struct fuse_write_out written = {};
	struct fuse_open_out opened = {};

	switch (in->opcode) {
	case FUSE_INIT:
		return initialize(in);
	case FUSE_LOOKUP:
		return look_up(in, arg);
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		fill_attr(&attr.attr, in->nodeid);
		return reply(in, 0, &attr, sizeof(attr));
	case FUSE_OPEN:
		return reply(in, 0, &opened, sizeof(opened));
	case FUSE_READ:
		gup_pin_served_wait(held);
		memset(data, 'f', sizeof(data));
		return reply(in, 0, data, ((const struct fuse_read_in *)arg)->size);
	case FUSE_WRITE:
		gup_pin_served_wait(held);
		written.size = ((const struct fuse_write_in *)arg)->size;
		return reply(in, 0, &written, sizeof(written));
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_RELEASE:
		return reply(in, 0, NULL, 0);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;
	default:
		return reply(in, EOPNOTSUPP, NULL, 0);
	}
}

static void serve(int fd, const bool *held)
{
	static char request[SERVED_MOST + 8 * PAGE_SIZE];
	const struct fuse_in_header *in = (const void *)request;
	ssize_t got;

	device = fd;
	for (;;) {
		got = read(device, request, sizeof(request));
		if (got < 0 && errno == ENODEV)
			_exit(0);
		if (got < 0 && errno == EPERM) {
			/* Not mounted yet. */
			gup_pin_msleep(1);
			continue;
		}
		if (got >= (ssize_t)sizeof(*in))
			answer(in, in + 1, held);
		else if (got >= 0 || (errno != EINTR && errno != ENOENT && errno != EAGAIN))
			_exit(1);
	}
}

const char *gup_pin_fuse_mount(struct gup_pin_served *served, size_t size)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	char options[100];

	if (fd < 0)
		return gup_pin_problem(DEVICE ": %s", strerror(errno));
	file_size = size;
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	return gup_pin_served_mount(served, "fuse", options, fd, serve);
}
