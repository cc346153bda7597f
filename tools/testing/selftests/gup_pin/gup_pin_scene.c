// SPDX-License-Identifier: GPL-2.0
/* A file with a shared mapping, and a holder of a pin on one of its pages. */
#include <errno.h>
#include <fcntl.h>
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
#include "gup_pin_mem.h"
#include "gup_pin_scene.h"

#define PMEM		"/dev/pmem0"
#define FLUSHER		"/proc/sys/vm/dirty_writeback_centisecs"
#define DISK_SIZE	(32UL << 20)
#define LARGE_DISK	(320UL << 20)
/* Longer than any test; it need not be waited for. */
#define DELAY_MS	3600000
/* Initial content of a page, and the content that is read into it. */
#define OLD		'o'
#define NEW		'n'

static const struct {
	const char *type;
	const char *options;
	bool on_disk;
	const char *map;
	bool stable;
	size_t size;		/* of the disk; 0: DISK_SIZE */
	const char *config;
} kinds[] = {
	[SCENE_EXT4] = { "ext4", NULL, true, "file" },
	[SCENE_XFS] = { "xfs", NULL, true, "file" },
	[SCENE_SHMEM] = { "tmpfs", NULL, false, "shmem" },
	[SCENE_HUGETLBFS] = { "hugetlbfs", "pagesize=2M", false, "hugetlb" },
	[SCENE_EXT4_DAX] = { "ext4", "dax", false, "dax" },
	[SCENE_XFS_DAX] = { "xfs", "dax=always", false, "dax" },
	[SCENE_EXT4_STABLE] = { "ext4", NULL, true, "file", true },
	[SCENE_XFS_STABLE] = { "xfs", NULL, true, "file", true },
	[SCENE_BTRFS] = {
		.type = "btrfs", .on_disk = true, .map = "file",
		.size = LARGE_DISK, .config = "CONFIG_BTRFS_FS",
	},
	[SCENE_F2FS] = {
		.type = "f2fs", .on_disk = true, .map = "file",
		.size = LARGE_DISK, .config = "CONFIG_F2FS_FS",
	},
	[SCENE_OVERLAY] = { .type = "overlay", .map = "file", .config = "CONFIG_OVERLAY_FS" },
	[SCENE_NFS] = { .type = "nfs4", .map = "file", .config = "CONFIG_NFS_V4" },
};

static bool is_dax(enum gup_pin_scene_fs fs)
{
	return fs == SCENE_EXT4_DAX || fs == SCENE_XFS_DAX;
}

static bool has_program(const char *name)
{
	char command[100];

	snprintf(command, sizeof(command),
		 "PATH=$PATH:/sbin:/usr/sbin; command -v %s >/dev/null", name);
	return !system(command);
}

static bool has_fs(const char *type)
{
	char *text, word[32];
	bool found;

	if (gup_pin_slurp("/proc/filesystems", &text, NULL))
		return false;
	snprintf(word, sizeof(word), "\t%s\n", type);
	found = strstr(text, word);
	free(text);
	return found;
}

const char *gup_pin_scene_missing(enum gup_pin_scene_fs fs)
{
	const char *type = kinds[fs].type, *missing;
	char mkfs[32];

	missing = gup_pin_missing() ?: gup_pin_dm_missing();
	if (missing)
		return missing;
	if (!has_fs(type))
		return gup_pin_problem("the kernel has no %s (%s)", type, kinds[fs].config);
	if (fs == SCENE_NFS)
		return gup_pin_nfs_missing();
	snprintf(mkfs, sizeof(mkfs), "mkfs.%s", type);
	if ((kinds[fs].on_disk || is_dax(fs)) && !has_program(mkfs))
		return gup_pin_problem("no %s", mkfs);
	if (is_dax(fs) && access(PMEM, F_OK))
		return "no " PMEM " (memmap=SIZE!START on the kernel's command line)";
	if (fs == SCENE_HUGETLBFS)
		return gup_pin_mem_missing(MEM_MEMFD_HUGETLB);
	return NULL;
}

const char *gup_pin_scene_holder_missing(enum gup_pin_scene_holder holder)
{
	switch (holder) {
	case HOLD_LONG_READ:
		return gup_test_missing();
	case HOLD_NULL_BLK:
		return gup_pin_null_missing();
	default:
		return NULL;
	}
}

/* A disk with the new content, from which reads do not come back. */
static const char *open_slow(struct gup_pin_scene *scene)
{
	const char *problem = gup_pin_dm_create(&scene->slow, 1 << 20);
	char data[PAGE_SIZE];

	if (problem)
		return problem;
	memset(data, NEW, sizeof(data));
	if (pwrite(scene->slow.memfd, data, sizeof(data), 0) != sizeof(data))
		return gup_pin_problem("cannot write a disk: %s", strerror(errno));
	scene->slow_fd = open(scene->slow.dev, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (scene->slow_fd < 0)
		return gup_pin_problem("%s: %s", scene->slow.dev, strerror(errno));
	return NULL;
}

/* Its upper layer, where all of the file is, on a disk. */
static const char *mount_overlay(struct gup_pin_scene *scene)
{
	static const char * const folders[] = { "lower", "upper", "work", "merged" };
	const char *problem, *dir = scene->disk.dir;
	char text[300];
	size_t i;

	problem = gup_pin_dm_create(&scene->disk, DISK_SIZE) ?:
		gup_pin_dm_mount(&scene->disk, "ext4");
	if (problem)
		return problem;
	for (i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(text, sizeof(text), "%s/%s", dir, folders[i]);
		if (mkdir(text, 0700))
			return gup_pin_problem("mkdir: %s", strerror(errno));
	}
	snprintf(scene->dir, sizeof(scene->dir), "%s/merged", dir);
	snprintf(scene->real, sizeof(scene->real), "%s/upper/file", dir);
	snprintf(text, sizeof(text), "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", dir,
		 dir, dir);
	if (mount("overlay", scene->dir, "overlay", 0, text))
		return gup_pin_problem("cannot mount overlay: %s", strerror(errno));
	scene->mounted = true;
	return NULL;
}

static const char *mount_it(struct gup_pin_scene *scene)
{
	const char *type = kinds[scene->fs].type, *dev = type;
	const char *problem;

	if (scene->fs == SCENE_OVERLAY)
		return mount_overlay(scene);
	if (scene->fs == SCENE_NFS) {
		problem = gup_pin_nfs_mount(&scene->nfs);
		snprintf(scene->dir, sizeof(scene->dir), "%s", scene->nfs.dir);
		return problem;
	}
	if (kinds[scene->fs].on_disk) {
		problem = gup_pin_dm_create(&scene->disk, kinds[scene->fs].size ?: DISK_SIZE);
		if (!problem && kinds[scene->fs].stable)
			problem = gup_pin_dm_stable(&scene->disk);
		if (!problem)
			problem = gup_pin_dm_mount(&scene->disk, type);
		snprintf(scene->dir, sizeof(scene->dir), "%s", scene->disk.dir);
		return problem;
	}
	if (is_dax(scene->fs)) {
		dev = PMEM;
		problem = gup_pin_mkfs(type, dev);
		if (problem)
			return problem;
	}
	snprintf(scene->dir, sizeof(scene->dir), "/tmp/gup_pin.XXXXXX");
	if (!mkdtemp(scene->dir)) {
		scene->dir[0] = '\0';
		return gup_pin_problem("mkdtemp: %s", strerror(errno));
	}
	if (mount(dev, scene->dir, type, 0, kinds[scene->fs].options))
		return gup_pin_problem("cannot mount %s: %s", type, strerror(errno));
	scene->mounted = true;
	return NULL;
}

/* Written and clean, so that only pages dirtied by a test are written back. */
static const char *fill(struct gup_pin_scene *scene)
{
	char data[PAGE_SIZE];
	size_t at;

	if (scene->fs == SCENE_HUGETLBFS)
		return ftruncate(scene->fd, scene->size) ?
			gup_pin_problem("ftruncate: %s", strerror(errno)) : NULL;
	memset(data, OLD, sizeof(data));
	for (at = 0; at < scene->size; at += sizeof(data))
		if (pwrite(scene->fd, data, sizeof(data), at) != sizeof(data))
			return gup_pin_problem("cannot write %s: %s", scene->path,
					       strerror(errno));
	if (fsync(scene->fd))
		return gup_pin_problem("fsync: %s", strerror(errno));
	return NULL;
}

static const char *find_inode(struct gup_pin_scene *scene)
{
	struct stat st;

	if (!scene->real[0])
		return gup_pin_mem_inode(scene->map, &scene->dev, &scene->ino);
	if (stat(scene->real, &st))
		return gup_pin_problem("%s: %s", scene->real, strerror(errno));
	scene->dev = st.st_dev;
	scene->ino = st.st_ino;
	return NULL;
}

static const char *map_file(struct gup_pin_scene *scene)
{
	const char *problem;

	snprintf(scene->path, sizeof(scene->path), "%s/file", scene->dir);
	scene->fd = open(scene->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (scene->fd < 0)
		return gup_pin_problem("cannot create %s: %s", scene->path, strerror(errno));
	problem = fill(scene);
	if (problem)
		return problem;
	scene->map = mmap(NULL, scene->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			  scene->fd, 0);
	if (scene->map == MAP_FAILED) {
		scene->map = NULL;
		return gup_pin_problem("mmap: %s", strerror(errno));
	}
	/* Map the pages. */
	if (madvise(scene->map, scene->size, MADV_POPULATE_READ))
		return gup_pin_problem("MADV_POPULATE_READ: %s", strerror(errno));
	scene->pinned = scene->map;
	if (scene->page_size == PAGE_SIZE)
		scene->pinned += SCENE_PAGE * PAGE_SIZE;
	return find_inode(scene);
}

const char *gup_pin_scene_open(struct gup_pin_scene *scene, enum gup_pin_scene_fs fs)
{
	const char *problem;

	memset(scene, 0, sizeof(*scene));
	scene->fs = fs;
	scene->null.fd = -1;
	scene->slow.memfd = -1;
	scene->slow.loop = -1;
	scene->disk.memfd = -1;
	scene->disk.loop = -1;
	scene->slow_fd = -1;
	scene->fd = -1;
	scene->ring = -1;
	scene->gup_test = -1;
	scene->null_ms = GUP_PIN_SCENE_NULL_MS;
	scene->page_size = fs == SCENE_HUGETLBFS ? SIZE_2M : PAGE_SIZE;
	scene->size = fs == SCENE_HUGETLBFS ? 2 * SIZE_2M : SCENE_PAGES * PAGE_SIZE;
	/* Only the test may start writeback; 0 would mean at once. */
	problem = gup_pin_write(FLUSHER, GUP_PIN_SCENE_NEVER);
	if (!problem && fs == SCENE_HUGETLBFS)
		problem = gup_pin_mem_want_hugepages(scene->size);
	if (!problem)
		problem = open_slow(scene);
	if (!problem)
		problem = mount_it(scene);
	return problem ?: map_file(scene);
}

/* Pins held by another process while it waits for data to write. */
static const char *start_vm_write(struct gup_pin_scene *scene)
{
	pid_t owner = getpid();

	scene->child = fork();
	if (scene->child < 0)
		return gup_pin_problem("fork: %s", strerror(errno));
	if (!scene->child) {
		struct iovec to = { scene->pinned, PAGE_SIZE }, from = to;
		int fd = open(scene->slow.dev, O_RDONLY);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		from.iov_base = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
		_exit(process_vm_writev(owner, &from, 1, &to, 1, 0) != PAGE_SIZE);
	}
	return NULL;
}

static const char *start_fixed(struct gup_pin_scene *scene)
{
	int ret;

	scene->ring = uring_open();
	if (scene->ring < 0)
		return gup_pin_problem("io_uring: %s", strerror(errno));
	ret = uring_register_one(scene->ring, scene->pinned, PAGE_SIZE);
	return ret ? gup_pin_problem("a registered buffer: %s", strerror(-ret)) : NULL;
}

static const char *start_long_read(struct gup_pin_scene *scene)
{
	int ret;

	scene->gup_test = gup_test_open();
	if (scene->gup_test < 0)
		return gup_pin_problem(GUP_TEST ": %s", strerror(errno));
	ret = gup_test_hold(scene->gup_test, scene->pinned, PAGE_SIZE, 0);
	return ret ? gup_pin_problem(GUP_TEST ": %s", strerror(-ret)) : NULL;
}

static const char *start(struct gup_pin_scene *scene)
{
	switch (scene->holder) {
	case HOLD_READ:
	case HOLD_WRITE:
		return aio_start(&scene->aio, scene->slow_fd, scene->holder == HOLD_WRITE,
				 scene->pinned, PAGE_SIZE, 0);
	case HOLD_DELAYED:
		return gup_pin_dm_delay(&scene->slow, DELAY_MS) ?:
			aio_start(&scene->aio, scene->slow_fd, false, scene->pinned,
				  PAGE_SIZE, 0);
	case HOLD_NULL_BLK:
		return gup_pin_null_create(&scene->null, scene->null_ms) ?:
			aio_start(&scene->aio, scene->null.fd, false, scene->pinned,
				  PAGE_SIZE, 0);
	case HOLD_URING_READ:
		return uring_read_start(&scene->uring, scene->slow_fd, scene->pinned,
					PAGE_SIZE);
	case HOLD_FIXED:
		return start_fixed(scene);
	case HOLD_LONG_READ:
		return start_long_read(scene);
	case HOLD_VM_WRITE:
		return start_vm_write(scene);
	}
	return "no such holder";
}

static void want_line(const struct gup_pin_scene *scene, struct gup_pin_want *want)
{
	static const struct {
		const char *api;
		char mode;
		const char *term;
	} says[] = {
		[HOLD_READ] = { "pin_user_pages_fast", 'w', "short" },
		[HOLD_WRITE] = { "pin_user_pages_fast", 'r', "short" },
		[HOLD_URING_READ] = { "pin_user_pages_fast", 'w', "short" },
		[HOLD_FIXED] = { "pin_user_pages_fast", 'w', "long" },
		[HOLD_LONG_READ] = { "pin_user_pages", 'r', "long" },
		[HOLD_VM_WRITE] = { "pin_user_pages_remote", 'w', "short" },
		[HOLD_DELAYED] = { "pin_user_pages_fast", 'w', "short" },
		[HOLD_NULL_BLK] = { "pin_user_pages_fast", 'w', "short" },
	};
	enum gup_pin_scene_holder holder = scene->holder;

	gup_pin_want_self(want, says[holder].api, says[holder].mode, says[holder].term,
			  kinds[scene->fs].map);
	if (holder == HOLD_VM_WRITE) {
		want->tgid = scene->child;
		want->pid = scene->child;
	}
	/* If the disk may block, a thread of io_uring reads it. */
	if (holder == HOLD_URING_READ)
		want->pid = 0;
	want->any_order = true;
	want->dev = scene->dev;
	want->ino = scene->ino;
	want->has_index = true;
	want->index = (scene->pinned - scene->map) / PAGE_SIZE;
}

static const char *keep_line(struct gup_pin_scene *scene, pid_t tgid)
{
	struct gup_pin_lines lines;
	const char *problem = gup_pin_read_task(&lines, tgid);

	if (problem)
		return problem;
	if (lines.nr == 1)
		scene->line = lines.line[0];
	else
		problem = gup_pin_problem("task %d has %zu lines", tgid, lines.nr);
	gup_pin_free(&lines);
	return problem;
}

const char *gup_pin_scene_pin(struct gup_pin_scene *scene,
			      enum gup_pin_scene_holder holder)
{
	struct gup_pin_want want;
	const char *problem;

	scene->holder = holder;
	problem = holder == HOLD_DELAYED ? NULL : gup_pin_dm_suspend(&scene->slow);
	if (problem)
		return problem;
	problem = start(scene);
	if (problem)
		return problem;
	scene->held = true;
	want_line(scene, &want);
	/* The child pins asynchronously. */
	problem = gup_pin_wait_task(want.tgid, 1);
	if (!problem)
		problem = gup_pin_check_pages(&want, 0, scene->pinned, 1);
	return problem ?: keep_line(scene, want.tgid);
}

static const char *finish(struct gup_pin_scene *scene)
{
	const char *problem = NULL;
	ssize_t result = PAGE_SIZE;
	int status = 0;

	switch (scene->holder) {
	case HOLD_READ:
	case HOLD_WRITE:
	case HOLD_DELAYED:
	case HOLD_NULL_BLK:
		problem = aio_finish(&scene->aio, &result);
		break;
	case HOLD_URING_READ:
		problem = uring_finish(&scene->uring, &result);
		break;
	case HOLD_FIXED:
		result += uring_unregister(scene->ring);
		break;
	case HOLD_LONG_READ:
		result += gup_test_release(scene->gup_test);
		break;
	case HOLD_VM_WRITE:
		waitpid(scene->child, &status, 0);
		scene->child = 0;
		break;
	}
	if (!problem && (result != PAGE_SIZE || status))
		problem = gup_pin_problem("the pin's holder ended with %zd, 0x%x", result,
					  status);
	return problem;
}

/* Lets the slow disk respond. A dm-delay target completes its I/O when it is suspended. */
static const char *let_go(struct gup_pin_scene *scene)
{
	const char *problem = NULL;

	if (scene->holder == HOLD_DELAYED)
		problem = gup_pin_dm_suspend(&scene->slow);
	return problem ?: gup_pin_dm_resume(&scene->slow);
}

const char *gup_pin_scene_unpin(struct gup_pin_scene *scene)
{
	const char *problem, *other;

	problem = let_go(scene);
	other = finish(scene);
	scene->held = false;
	/* The task that completes the I/O may be slower than the one that waits for it. */
	return problem ?: other ?: gup_pin_wait_pfn(scene->line.pfn, 0);
}

static void unmap(struct gup_pin_scene *scene)
{
	if (scene->map)
		munmap(scene->map, scene->size);
	scene->map = NULL;
}

const char *gup_pin_scene_drop(struct gup_pin_scene *scene)
{
	unmap(scene);
	if (unlink(scene->path))
		return gup_pin_problem("cannot unlink %s: %s", scene->path, strerror(errno));
	close(scene->fd);
	scene->fd = -1;
	return NULL;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void gup_pin_scene_close(struct gup_pin_scene *scene)
{
	unsigned int waited = 0;

	if (!scene->size)
		return;
	if (scene->disk.name[0])
		gup_pin_dm_resume(&scene->disk);
	if (scene->slow.name[0])
		gup_pin_dm_resume(&scene->slow);
	if (scene->held)
		gup_pin_scene_unpin(scene);
	unmap(scene);
	close_fd(&scene->fd);
	close_fd(&scene->ring);
	close_fd(&scene->gup_test);
	close_fd(&scene->slow_fd);
	/* As for gup_pin_dm_remove(): the next scene needs the device. */
	while (scene->mounted && umount(scene->dir) && gup_pin_patience(&waited))
		;
	if (!kinds[scene->fs].on_disk && scene->dir[0] && scene->fs != SCENE_NFS)
		rmdir(scene->dir);
	gup_pin_nfs_unmount(&scene->nfs);
	gup_pin_dm_remove(&scene->disk);
	gup_pin_dm_remove(&scene->slow);
	gup_pin_null_remove(&scene->null);
	gup_pin_write(FLUSHER, "500");
	memset(scene, 0, sizeof(*scene));
}
