// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of a program that its BPF programs access by pointers in a task's storage: pinned one
 * by one by pin_user_pages_fast(), for write, long-term, and unpinned when nothing refers to
 * the storage any more, some time after that was deleted.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_frame.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_util.h"

#define PINNER		"bpf_obj_pin_uptrs|bpf_map_update_value"
#define NPAGES		4
/* What a pointer refers to does not begin with its page. */
#define OFFSET		128

/* What a BPF program would find in the storage, and there. */
struct shared {
	int value;
};

struct storage {
	struct shared *first;
	struct shared *second;
};

/* The same as types of BPF, which have numbers in this order, from 1. */
enum { TYPE_INT = 1, TYPE_SHARED, TYPE_TAG, TYPE_POINTER, TYPE_STORAGE };
#define NAMES	"\0int\0gup_pin_shared\0value\0uptr\0gup_pin_storage\0first\0second"
#define INFO(kind, members)	(BTF_KIND_##kind << 24 | (members))
static const struct {
	struct btf_header header;
	struct {
		struct btf_type type;
		__u32 encoding;
	} number;
	struct {
		struct btf_type type;
		struct btf_member value;
	} shared;
	struct btf_type tag;
	struct btf_type pointer;
	struct {
		struct btf_type type;
		struct btf_member first;
		struct btf_member second;
	} storage;
	char names[sizeof(NAMES)];
} types = {
	.header = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(types.header),
		.type_len = sizeof(types) - sizeof(types.header) - sizeof(types.names),
		.str_off = sizeof(types) - sizeof(types.header) - sizeof(types.names),
		.str_len = sizeof(types.names),
	},
	.number = {
		.type = { .name_off = 1, .info = INFO(INT, 0), .size = sizeof(int) },
		.encoding = BTF_INT_SIGNED << 24 | 32,
	},
	.shared = {
		.type = { .name_off = 5, .info = INFO(STRUCT, 1), .size = sizeof(struct shared) },
		.value = { .name_off = 20, .type = TYPE_INT },
	},
	.tag = { .name_off = 26, .info = INFO(TYPE_TAG, 0), .type = TYPE_SHARED },
	.pointer = { .info = INFO(PTR, 0), .type = TYPE_TAG },
	.storage = {
		.type = {
			.name_off = 31, .info = INFO(STRUCT, 2), .size = sizeof(struct storage),
		},
		.first = { .name_off = 47, .type = TYPE_POINTER },
		.second = { .name_off = 53, .type = TYPE_POINTER, .offset = 64 },
	},
	.names = NAMES,
};

FIXTURE(uptr)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int map;
	pid_t child;
};

FIXTURE_VARIANT(uptr)
{
	enum gup_pin_mem_kind kind;
	size_t size;
};

FIXTURE_VARIANT_ADD(uptr, anon)
{
	.kind = MEM_ANON, .size = NPAGES * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(uptr, memfd)
{
	.kind = MEM_MEMFD, .size = NPAGES * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(uptr, hugetlb)
{
	.kind = MEM_HUGETLB, .size = SIZE_2M,
};

static int bpf(int command, union bpf_attr *attr)
{
	int ret = syscall(__NR_bpf, command, attr, sizeof(*attr));

	return ret < 0 ? -errno : ret;
}

/* A map of storages of tasks, or -errno. */
static int create_map(void)
{
	union bpf_attr load = {
		.btf = (unsigned long)&types,
		.btf_size = sizeof(types),
	};
	union bpf_attr create = {
		.map_type = BPF_MAP_TYPE_TASK_STORAGE,
		.key_size = sizeof(int),
		.value_size = sizeof(struct storage),
		.map_flags = BPF_F_NO_PREALLOC,
		.btf_key_type_id = TYPE_INT,
		.btf_value_type_id = TYPE_STORAGE,
	};
	int btf = bpf(BPF_BTF_LOAD, &load), map;

	if (btf < 0)
		return btf;
	create.btf_fd = btf;
	map = bpf(BPF_MAP_CREATE, &create);
	close(btf);
	return map;
}

/* Of the calling task: sets both pointers, or deletes the storage if there are none. */
static int set_storage(int map, const struct storage *storage)
{
	int task = syscall(__NR_pidfd_open, getpid(), 0), ret;
	union bpf_attr attr = {
		.map_fd = map,
		.key = (unsigned long)&task,
		.value = (unsigned long)storage,
	};

	if (task < 0)
		return -errno;
	ret = bpf(storage ? BPF_MAP_UPDATE_ELEM : BPF_MAP_DELETE_ELEM, &attr);
	close(task);
	return ret;
}

static struct shared *in_page(const struct gup_pin_mem *mem, size_t page)
{
	return (struct shared *)(mem->addr + page * PAGE_SIZE + OFFSET);
}

/* The function may be inline: what only it handles is among the names of the kernel's types. */
static const char *missing_pointers(void)
{
	static const char kind[] = "\0BPF_UPTR";
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	ssize_t got = 1, size = 0;
	const char *missing;
	struct stat stat;
	char *text;

	if (fd < 0 || fstat(fd, &stat))
		return "no types of the kernel (CONFIG_DEBUG_INFO_BTF)";
	text = malloc(stat.st_size);
	while (text && got > 0) {
		got = read(fd, text + size, stat.st_size - size);
		size += got;
	}
	close(fd);
	if (!text || got < 0)
		return "the kernel's types cannot be read";
	missing = memmem(text, size, kind, sizeof(kind)) ? NULL :
		"this kernel has no bpf_obj_pin_uptrs()";
	free(text);
	return missing;
}

FIXTURE_SETUP(uptr)
{
	const char *missing = gup_pin_missing() ?: missing_pointers() ?:
		gup_pin_mem_missing(variant->kind);

	self->map = -1;
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	/* A child has some of its own. */
	if (variant->kind == MEM_HUGETLB)
		ASSERT_OK(gup_pin_mem_want_hugepages(2 * variant->size));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
	ASSERT_OK(gup_pin_mem_settle(&self->mem));
	self->map = create_map();
	ASSERT_LE(0, self->map);
}

FIXTURE_TEARDOWN(uptr)
{
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	}
	if (self->map >= 0)
		close(self->map);
	gup_pin_mem_put(&self->mem);
}

/* Two neighbours from this page on, and no others. */
static const char *check_pinned(const struct gup_pin_mem *mem, pid_t pid, size_t page)
{
	struct gup_pin_want want;

	gup_pin_want_mem(&want, "pin_user_pages_fast", 'w', "long", mem);
	want.comm = "gup_pin_uptr";
	want.tgid = pid;
	want.pid = pid;
	want.owner = pid;
	want.index = page;
	return gup_pin_check_pages(&want, pid, mem->addr + page * PAGE_SIZE, 2) ?:
		gup_pin_check_frame(pid, PINNER);
}

TEST_F(uptr, held)
{
	const struct storage storage = {
		.first = in_page(&self->mem, 0),
		.second = in_page(&self->mem, 1),
	};

	ASSERT_EQ(0, set_storage(self->map, &storage));
	ASSERT_OK(check_pinned(&self->mem, getpid(), 0));
	ASSERT_EQ(0, set_storage(self->map, NULL));
	ASSERT_OK(gup_pin_wait_task(getpid(), 0));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Two other pages take the place of these. */
TEST_F(uptr, replaced)
{
	struct storage storage = {
		.first = in_page(&self->mem, 0),
		.second = in_page(&self->mem, 1),
	};

	ASSERT_EQ(0, set_storage(self->map, &storage));
	storage.first = in_page(&self->mem, 2);
	storage.second = in_page(&self->mem, 3);
	ASSERT_EQ(0, set_storage(self->map, &storage));
	ASSERT_OK(gup_pin_wait_task(getpid(), 2));
	ASSERT_OK(check_pinned(&self->mem, getpid(), 2));
	/* The end of the map is that of its pins. */
	ASSERT_EQ(0, close(self->map));
	self->map = -1;
	ASSERT_OK(gup_pin_wait_task(getpid(), 0));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Nothing remains of the first page if the second one is not to be had. */
TEST_F(uptr, failure)
{
	struct storage storage = {
		.first = in_page(&self->mem, 0),
		.second = (struct shared *)(self->mem.addr + 2 * PAGE_SIZE - 2),
	};

	ASSERT_EQ(-EOPNOTSUPP, set_storage(self->map, &storage));
	ASSERT_OK(gup_pin_check_no_lines(getpid()));
	storage.second = (struct shared *)PAGE_SIZE;
	ASSERT_EQ(-EFAULT, set_storage(self->map, &storage));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* The task ends; its storage ends with it, and not the map. */
TEST_F(uptr, killed)
{
	const struct storage storage = {
		.first = in_page(&self->mem, 0),
		.second = in_page(&self->mem, 1),
	};
	int done[2];
	char byte = 0;

	ASSERT_EQ(0, pipe(done));
	self->child = fork();
	ASSERT_LE(0, self->child);
	if (!self->child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Its own. */
		memset(self->mem.addr, 2, self->mem.size);
		if (set_storage(self->map, &storage) || write(done[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(done[1]);
	ASSERT_EQ(1, read(done[0], &byte, 1));
	close(done[0]);
	ASSERT_OK(check_pinned(&self->mem, self->child, 0));
	ASSERT_EQ(0, kill(self->child, SIGKILL));
	ASSERT_EQ(self->child, waitpid(self->child, NULL, 0));
	ASSERT_OK(gup_pin_wait_task(self->child, 0));
	self->child = 0;
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
