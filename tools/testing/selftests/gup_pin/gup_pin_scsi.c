// SPDX-License-Identifier: GPL-2.0
/*
 * SCSI commands to a disk and a tape of scsi_debug's which take their time: short-term pins
 * of blk_rq_map_user(), by the disk's node and by SCSI generic, for commands that a program
 * sends itself; and of the tape's driver.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <scsi/sg.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gup_pin_frame.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_util.h"

#define DRIVER		"/sys/bus/pseudo/drivers/scsi_debug"
#define TYPE_DISK	"0"
#define TYPE_TAPE	"1"
#define ALLOW_DIRECT	"/sys/module/sg/parameters/allow_dio"
#define SECTOR_SIZE	512
#define NPAGES		4
#define READ_10		0x28
#define WRITE_10	0x2a
/* The disk's answer takes so long: at first, and at most; in jiffies. */
#define FIRST_DELAY	250
#define LAST_DELAY	(32 * 250)

FIXTURE(scsi)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	char node[64];
	bool added;		/* the tape */
	int tape;
	unsigned int delay;
	pid_t child;
};

FIXTURE_VARIANT(scsi)
{
	bool tape;
	const char *where;	/* below the folder of the disk, or the tape */
	const char *pinner;
	bool write;
	enum gup_pin_mem_kind kind;
	size_t size;
};

FIXTURE_VARIANT_ADD(scsi, disk_read)
{
	.where = "block/sd", .pinner = "scsi_ioctl", .kind = MEM_ANON,
	.size = NPAGES * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(scsi, disk_write)
{
	.where = "block/sd", .pinner = "scsi_ioctl", .write = true, .kind = MEM_ANON,
	.size = NPAGES * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(scsi, generic_read)
{
	.where = "scsi_generic/sg", .pinner = "sg_ioctl", .kind = MEM_ANON,
	.size = NPAGES * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(scsi, generic_write)
{
	.where = "scsi_generic/sg", .pinner = "sg_ioctl", .write = true, .kind = MEM_ANON,
	.size = NPAGES * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(scsi, generic_read_hugetlb)
{
	.where = "scsi_generic/sg", .pinner = "sg_ioctl", .kind = MEM_HUGETLB, .size = SIZE_2M,
};

FIXTURE_VARIANT_ADD(scsi, tape_read)
{
	.tape = true, .where = "scsi_tape/nst", .pinner = "sgl_map_user_pages|setup_buffering",
	.kind = MEM_ANON, .size = NPAGES * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(scsi, tape_write)
{
	.tape = true, .where = "scsi_tape/nst", .pinner = "sgl_map_user_pages|setup_buffering",
	.write = true, .kind = MEM_ANON, .size = NPAGES * PAGE_SIZE,
};

static const char *missing_disk(bool tape)
{
	if (access("/sys/module/scsi_debug", F_OK))
		return "scsi_debug is not loaded (CONFIG_SCSI_DEBUG)";
	if (access("/sys/module/sg", F_OK))
		return "sg is not loaded (CONFIG_CHR_DEV_SG)";
	if (tape && access("/sys/module/st", F_OK))
		return "st is not loaded (CONFIG_CHR_DEV_ST)";
	return NULL;
}

/* The disk's adapter is the first one, the tape's the second. */
static const char *find_node(char *node, size_t size, bool tape, const char *where)
{
	unsigned int waited = 0;
	char pattern[200];
	glob_t found;

	snprintf(pattern, sizeof(pattern), DRIVER "/adapter%d/host*/target*/*:*/%s*", tape, where);
	while (glob(pattern, 0, NULL, &found))
		if (!gup_pin_patience(&waited))
			return gup_pin_problem("there is no %s", pattern);
	snprintf(node, size, "/dev/%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	return NULL;
}

static const char *set_delay(unsigned int jiffies)
{
	char text[20];

	snprintf(text, sizeof(text), "%u", jiffies);
	return gup_pin_write(DRIVER "/delay", text);
}

/* The type is that of adapters that are added, and of all of them before 6.15. */
static const char *add_tape(void)
{
	/* It takes many commands, as does closing it. */
	return set_delay(1) ?: gup_pin_write(DRIVER "/ptype", TYPE_TAPE) ?:
		gup_pin_write(DRIVER "/add_host", "1");
}

/* Its node appears after it has appeared in sysfs. */
static const char *open_tape(int *tape, const char *node)
{
	unsigned int waited = 0;

	do {
		*tape = open(node, O_RDWR | O_CLOEXEC);
	} while (*tape < 0 && gup_pin_patience(&waited));
	return *tape < 0 ? gup_pin_problem("%s: %s", node, strerror(errno)) : NULL;
}

static const char *remove_tape(void)
{
	const char *problem = gup_pin_write(DRIVER "/add_host", "-1");

	return gup_pin_write(DRIVER "/ptype", TYPE_DISK) ?: problem;
}

FIXTURE_SETUP(scsi)
{
	const char *missing = gup_pin_missing() ?: missing_disk(variant->tape) ?:
		gup_pin_mem_missing(variant->kind);

	self->tape = -1;
	if (missing)
		SKIP(return, "%s", missing);
	if (variant->tape) {
		ASSERT_OK(add_tape());
		self->added = true;
	}
	ASSERT_OK(find_node(self->node, sizeof(self->node), variant->tape, variant->where));
	if (variant->tape)
		ASSERT_OK(open_tape(&self->tape, self->node));
	ASSERT_OK(gup_pin_write(ALLOW_DIRECT, "1"));
	ASSERT_OK(gup_pin_begin(&self->base));
	/* The child has some of its own. */
	if (variant->kind == MEM_HUGETLB)
		ASSERT_OK(gup_pin_mem_want_hugepages(2 * variant->size));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
	self->delay = FIRST_DELAY;
}

FIXTURE_TEARDOWN(scsi)
{
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
	}
	if (self->tape >= 0) {
		EXPECT_OK(set_delay(1));
		close(self->tape);
	}
	if (self->added)
		EXPECT_OK(remove_tape());
	gup_pin_mem_put(&self->mem);
}

static int command(const char *node, bool write, void *addr)
{
	unsigned char cdb[10] = { write ? WRITE_10 : READ_10 }, sense[32];
	int fd = open(node, O_RDWR | O_CLOEXEC);
	struct sg_io_hdr hdr = {
		.interface_id = 'S',
		.dxfer_direction = write ? SG_DXFER_TO_DEV : SG_DXFER_FROM_DEV,
		.cmd_len = sizeof(cdb),
		.cmdp = cdb,
		.mx_sb_len = sizeof(sense),
		.sbp = sense,
		.dxferp = addr,
		.dxfer_len = NPAGES * PAGE_SIZE,
		.timeout = 600000,
		.flags = SG_FLAG_DIRECT_IO,
	};

	cdb[8] = hdr.dxfer_len / SECTOR_SIZE;
	return fd < 0 || ioctl(fd, SG_IO, &hdr) || hdr.status || hdr.host_status;
}

/*
 * Whether it succeeds does not matter: there is nothing on a tape to be read, and before 6.15,
 * one of scsi_debug's takes commands for those of a disk.
 */
static int transfer(int tape, bool to_tape, void *addr)
{
	ssize_t done = to_tape ? write(tape, addr, NPAGES * PAGE_SIZE) :
		read(tape, addr, NPAGES * PAGE_SIZE);

	return done < 0 && errno != EIO;
}

/* A child that sends a command, with the test's memory. */
static pid_t start(const struct _test_data_scsi *self, bool write)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "gup_pin scsi");
	if (self->tape >= 0)
		_exit(transfer(self->tape, write, self->mem.addr));
	_exit(command(self->node, write, self->mem.addr));
}

/*
 * Sends it, until it is seen under way: check has to have come to its end before the
 * command has. A machine may be too busy for that.
 */
static const char *catch(struct _test_data_scsi *self,
			 const struct _fixture_variant_scsi *variant,
			 const char *(*check)(struct _test_data_scsi *self,
					      const struct _fixture_variant_scsi *variant))
{
	struct gup_pin_lines lines;
	const char *problem, *other;
	unsigned long pins;

	for (; self->delay <= LAST_DELAY; self->delay *= 2) {
		problem = set_delay(self->delay);
		if (problem)
			return problem;
		self->child = start(self, variant->write);
		problem = gup_pin_wait_task(self->child, NPAGES) ?: check(self, variant);
		if (!problem)
			return NULL;
		other = gup_pin_read_task(&lines, self->child);
		if (other)
			return other;
		pins = gup_pin_sum_pins(&lines);
		gup_pin_free(&lines);
		/* It is under way still: so this is not what has made check fail. */
		if (pins)
			return problem;
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
		self->child = 0;
	}
	return problem;
}

static void want_command(struct gup_pin_want *want, struct _test_data_scsi *self,
			 const struct _fixture_variant_scsi *variant)
{
	gup_pin_want_self(want, "pin_user_pages_fast", variant->write ? 'r' : 'w', "short",
			  self->mem.map);
	want->comm = "gup_pin\\x20scsi";
	want->tgid = self->child;
	want->pid = self->child;
	want->owner = self->child;
	want->order = self->mem.order;
}

static const char *check_pins(struct _test_data_scsi *self,
			      const struct _fixture_variant_scsi *variant)
{
	struct gup_pin_want want;

	want_command(&want, self, variant);
	return gup_pin_check_pages(&want, self->child, self->mem.addr, NPAGES) ?:
		gup_pin_check_frame(self->child, variant->pinner);
}

TEST_F(scsi, under_way)
{
	int status;

	ASSERT_OK(catch(self, variant, check_pins));
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	self->child = 0;
	EXPECT_EQ(0, status);
	ASSERT_OK(gup_pin_end(&self->base));
}

/* SCSI generic lets the process go; what is pinned stays so until the disk has answered. */
static const char *check_orphans(struct _test_data_scsi *self,
				 const struct _fixture_variant_scsi *variant)
{
	struct gup_pin_lines lines;
	struct gup_pin_want want;
	const char *problem;
	size_t i;

	want_command(&want, self, variant);
	kill(self->child, SIGKILL);
	if (waitpid(self->child, NULL, 0) != self->child)
		return gup_pin_problem("waitpid: %s", strerror(errno));
	problem = gup_pin_read_orphans(&lines);
	if (problem)
		return problem;
	gup_pin_only_task(&lines, self->child);
	if (gup_pin_sum_pins(&lines) != NPAGES)
		problem = gup_pin_problem("%lu pins of a process that is gone",
					  gup_pin_sum_pins(&lines));
	for (i = 0; i < lines.nr && !problem; i++)
		problem = gup_pin_check_line(&lines.line[i], &want);
	gup_pin_free(&lines);
	return problem;
}

TEST_F(scsi, killed)
{
	if (strcmp(variant->pinner, "sg_ioctl"))
		return;		/* It would wait for the disk. */
	ASSERT_OK(catch(self, variant, check_orphans));
	self->child = 0;
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
