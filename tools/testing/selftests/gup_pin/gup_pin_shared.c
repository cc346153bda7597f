// SPDX-License-Identifier: GPL-2.0
/* Shared memory whose end is harmless, because nothing else refers to it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <unistd.h>
#include "gup_pin_mem.h"
#include "gup_pin_shared.h"
#include "gup_pin_util.h"

const char *gup_pin_mount(struct gup_pin_mounted *at, const char *type, const char *options)
{
	snprintf(at->dir, sizeof(at->dir), "/tmp/gup_pin.XXXXXX");
	if (!mkdtemp(at->dir)) {
		at->dir[0] = '\0';
		return gup_pin_problem("mkdtemp: %s", strerror(errno));
	}
	if (mount(type, at->dir, type, 0, options)) {
		const char *problem = gup_pin_problem("cannot mount %s: %s", type,
						      strerror(errno));

		rmdir(at->dir);
		at->dir[0] = '\0';
		return problem;
	}
	return NULL;
}

const char *gup_pin_unmount(struct gup_pin_mounted *at)
{
	unsigned int waited = 0;

	if (!at->dir[0])
		return NULL;
	/* The last of what was open may be closed by a work item. */
	while (umount(at->dir))
		if (errno != EBUSY || !gup_pin_patience(&waited))
			return gup_pin_problem("cannot unmount %s: %s", at->dir, strerror(errno));
	rmdir(at->dir);
	at->dir[0] = '\0';
	return NULL;
}

static bool is_huge(enum gup_pin_shared_kind kind)
{
	return kind == SHARED_MEMFD_HUGETLB || kind == SHARED_HUGETLBFS;
}

const char *gup_pin_shared_missing(enum gup_pin_shared_kind kind)
{
	if (is_huge(kind))
		return gup_pin_mem_missing(MEM_MEMFD_HUGETLB);
	if (kind == SHARED_SYSV && access("/proc/sysvipc/shm", F_OK))
		return "no CONFIG_SYSVIPC";
	return NULL;
}

size_t gup_pin_shared_page(enum gup_pin_shared_kind kind)
{
	return is_huge(kind) ? SIZE_2M : PAGE_SIZE;
}

const char *gup_pin_shared_map(enum gup_pin_shared_kind kind)
{
	return is_huge(kind) ? "hugetlb" : "shmem";
}

const char *gup_pin_shared_fs(enum gup_pin_shared_kind kind)
{
	if (kind == SHARED_TMPFS)
		return "tmpfs";
	return kind == SHARED_HUGETLBFS ? "hugetlbfs" : NULL;
}

static int open_unlinked(const char *dir)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/unlinked", dir);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static int open_it(enum gup_pin_shared_kind kind, const char *dir)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;

	if (kind == SHARED_TMPFS || kind == SHARED_HUGETLBFS)
		return open_unlinked(dir);
	return memfd_create("gup_pin shared", is_huge(kind) ? flags | MFD_HUGETLB : flags);
}

/* Attached, and removed when the last process detaches it. */
static char *attach(size_t size)
{
	int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
	void *addr = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

	if (id >= 0)
		shmctl(id, IPC_RMID, NULL);
	return addr == (void *)-1 ? MAP_FAILED : addr;
}

static char *map(const struct gup_pin_shared *mem)
{
	int flags = MAP_SHARED;

	if (mem->kind == SHARED_SYSV)
		return attach(mem->size);
	if (mem->kind == SHARED_ANON)
		flags |= MAP_ANONYMOUS;
	return mmap(NULL, mem->size, PROT_READ | PROT_WRITE, flags, mem->fd, 0);
}

const char *gup_pin_shared_get(struct gup_pin_shared *mem, enum gup_pin_shared_kind kind,
			       const char *dir, size_t pages)
{
	const char *problem;
	size_t at;

	memset(mem, 0, sizeof(*mem));
	mem->kind = kind;
	mem->size = pages * gup_pin_shared_page(kind);
	mem->fd = -1;
	problem = is_huge(kind) ? gup_pin_mem_want_hugepages(mem->size) : NULL;
	if (problem)
		return problem;
	if (kind != SHARED_ANON && kind != SHARED_SYSV) {
		mem->fd = open_it(kind, dir);
		if (mem->fd < 0 || ftruncate(mem->fd, mem->size))
			return gup_pin_problem("cannot make a file: %s", strerror(errno));
	}
	mem->addr = map(mem);
	if (mem->addr == MAP_FAILED) {
		mem->addr = NULL;
		return gup_pin_problem("cannot map memory: %s", strerror(errno));
	}
	for (at = 0; at < mem->size; at += PAGE_SIZE)
		mem->addr[at] = 1;
	return NULL;
}

const char *gup_pin_shared_take(struct gup_pin_shared *mem, enum gup_pin_shared_kind kind,
				int fd, size_t pages)
{
	memset(mem, 0, sizeof(*mem));
	mem->kind = kind;
	mem->size = pages * gup_pin_shared_page(kind);
	mem->fd = fd;
	mem->addr = map(mem);
	if (mem->addr == MAP_FAILED) {
		mem->addr = NULL;
		return gup_pin_problem("cannot map memory: %s", strerror(errno));
	}
	return NULL;
}

void gup_pin_shared_put(struct gup_pin_shared *mem)
{
	if (mem->addr && mem->kind == SHARED_SYSV)
		shmdt(mem->addr);
	else if (mem->addr)
		munmap(mem->addr, mem->size);
	if (mem->size && mem->fd >= 0)
		close(mem->fd);
	memset(mem, 0, sizeof(*mem));
	mem->fd = -1;
}
