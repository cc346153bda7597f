// SPDX-License-Identifier: GPL-2.0
/* A FUSE file system of one file, without a library. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_fuse.h"
#include "gup_pin_util.h"

#define DEVICE		"/dev/fuse"
#define NAME		"data"
#define NODE		2
#define MOST		131072	/* bytes of a read or write */

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
	reply(in, strcmp(name, NAME) ? ENOENT : 0, &out, sizeof(out));
}

static void initialize(const struct fuse_in_header *in)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.flags = FUSE_ASYNC_DIO | FUSE_BIG_WRITES,
		.max_background = 16,
		.congestion_threshold = 12,
		.max_write = MOST,
	};

	reply(in, 0, &out, sizeof(out));
}

static void wait_until_free(const bool *held)
{
	while (__atomic_load_n(held, __ATOMIC_ACQUIRE))
		gup_pin_msleep(10);
}

static void answer(const struct fuse_in_header *in, const void *arg, const bool *held)
{
	static char data[MOST];
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
		wait_until_free(held);
		memset(data, 'f', sizeof(data));
		return reply(in, 0, data, ((const struct fuse_read_in *)arg)->size);
	case FUSE_WRITE:
		wait_until_free(held);
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

static void serve(const bool *held)
{
	static char request[MOST + 8 * PAGE_SIZE];
	const struct fuse_in_header *in = (const void *)request;
	ssize_t got;

	for (;;) {
		got = read(device, request, sizeof(request));
		if (got < 0 && errno == ENODEV)
			_exit(0);
		if (got >= (ssize_t)sizeof(*in))
			answer(in, in + 1, held);
		else if (got >= 0 || (errno != EINTR && errno != ENOENT && errno != EAGAIN))
			_exit(1);
	}
}

const char *gup_pin_fuse_mount(struct gup_pin_fuse *fuse, size_t size)
{
	char options[100];

	device = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (device < 0)
		return gup_pin_problem(DEVICE ": %s", strerror(errno));
	fuse->held = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	snprintf(fuse->dir, sizeof(fuse->dir), "/tmp/gup_pin.XXXXXX");
	if (!mkdtemp(fuse->dir))
		return gup_pin_problem("mkdtemp: %s", strerror(errno));
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
	if (mount("gup_pin", fuse->dir, "fuse", 0, options)) {
		rmdir(fuse->dir);
		fuse->dir[0] = '\0';
		return gup_pin_problem("cannot mount fuse: %s", strerror(errno));
	}
	file_size = size;
	fuse->server = fork();
	if (!fuse->server) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fuse->held);
	}
	close(device);
	return fuse->server < 0 ? gup_pin_problem("fork: %s", strerror(errno)) : NULL;
}

void gup_pin_fuse_hold(struct gup_pin_fuse *fuse, bool held)
{
	__atomic_store_n(fuse->held, held, __ATOMIC_RELEASE);
}

void gup_pin_fuse_kill(struct gup_pin_fuse *fuse)
{
	if (fuse->server <= 0)
		return;
	kill(fuse->server, SIGKILL);
	waitpid(fuse->server, NULL, 0);
	fuse->server = 0;
}

void gup_pin_fuse_unmount(struct gup_pin_fuse *fuse)
{
	if (!fuse->dir[0])
		return;
	gup_pin_fuse_hold(fuse, false);
	umount2(fuse->dir, MNT_DETACH);
	gup_pin_fuse_kill(fuse);
	rmdir(fuse->dir);
	fuse->dir[0] = '\0';
	munmap(fuse->held, PAGE_SIZE);
}
