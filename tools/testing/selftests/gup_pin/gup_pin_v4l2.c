// SPDX-License-Identifier: GPL-2.0
/*
 * Frames of a camera in a program's own memory (V4L2_MEMORY_USERPTR): pin_user_pages_fast()
 * by videobuf2, long term, when a buffer is queued; vivid is the camera, and the screen.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "gup_pin_frame.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_program.h"
#include "gup_pin_util.h"

#define NBUFS		4
#define WIDTH		320
#define HEIGHT		180
#define PINNER		"vb2_create_framevec"

FIXTURE(v4l2)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	struct gup_pin_program program;
	int fd;
	__u32 frame;		/* bytes of one */
	size_t size;		/* of a buffer */
	char mode;
};

FIXTURE_VARIANT(v4l2)
{
	enum v4l2_buf_type type;
	enum gup_pin_mem_kind kind;
	size_t size;		/* of a buffer; 0: of a frame */
};

FIXTURE_VARIANT_ADD(v4l2, capture)
{
	.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .kind = MEM_ANON,
};

FIXTURE_VARIANT_ADD(v4l2, capture_thp)
{
	.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .kind = MEM_THP, .size = SIZE_2M,
};

FIXTURE_VARIANT_ADD(v4l2, capture_memfd)
{
	.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .kind = MEM_MEMFD,
};

FIXTURE_VARIANT_ADD(v4l2, output)
{
	.type = V4L2_BUF_TYPE_VIDEO_OUTPUT, .kind = MEM_ANON,
};

/* One of vivid's nodes that can do it. */
static const char *open_node(int *fd, enum v4l2_buf_type type)
{
	__u32 wanted = type == V4L2_BUF_TYPE_VIDEO_OUTPUT ? V4L2_CAP_VIDEO_OUTPUT :
		V4L2_CAP_VIDEO_CAPTURE;
	struct v4l2_capability cap;
	glob_t found;
	size_t i;

	*fd = -1;
	if (glob("/dev/video*", 0, NULL, &found))
		return "there is no /dev/video*";
	for (i = 0; i < found.gl_pathc && *fd < 0; i++) {
		*fd = open(found.gl_pathv[i], O_RDWR | O_CLOEXEC);
		if (*fd < 0)
			continue;
		if (!ioctl(*fd, VIDIOC_QUERYCAP, &cap) &&
		    !strcmp((char *)cap.driver, "vivid") && cap.device_caps & wanted)
			continue;
		close(*fd);
		*fd = -1;
	}
	globfree(&found);
	return *fd < 0 ? "no node of vivid's can do it" : NULL;
}

static const char *set_format(int fd, enum v4l2_buf_type type, __u32 *frame)
{
	struct v4l2_format format = {
		.type = type,
		.fmt.pix = {
			.width = WIDTH,
			.height = HEIGHT,
			.pixelformat = V4L2_PIX_FMT_YUYV,
		},
	};

	if (ioctl(fd, VIDIOC_S_FMT, &format))
		return gup_pin_problem("VIDIOC_S_FMT: %s", strerror(errno));
	*frame = format.fmt.pix.sizeimage;
	return NULL;
}

static const char *request(int fd, enum v4l2_buf_type type, unsigned int count)
{
	struct v4l2_requestbuffers buffers = {
		.count = count,
		.type = type,
		.memory = V4L2_MEMORY_USERPTR,
	};

	if (ioctl(fd, VIDIOC_REQBUFS, &buffers) || buffers.count != count)
		return gup_pin_problem("VIDIOC_REQBUFS: %s, %u", strerror(errno), buffers.count);
	return NULL;
}

static const char *open_camera(int *fd, enum v4l2_buf_type type, __u32 *frame)
{
	return open_node(fd, type) ?: set_format(*fd, type, frame) ?: request(*fd, type, NBUFS);
}

FIXTURE_SETUP(v4l2)
{
	const char *missing = gup_pin_missing() ?: gup_pin_mem_missing(variant->kind);

	self->fd = -1;
	if (!missing && access("/sys/module/vivid", F_OK))
		missing = "vivid is not loaded (CONFIG_VIDEO_VIVID)";
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(open_camera(&self->fd, variant->type, &self->frame));
	ASSERT_OK(gup_pin_begin(&self->base));
	self->size = variant->size ?: (self->frame + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
	self->mode = variant->type == V4L2_BUF_TYPE_VIDEO_OUTPUT ? 'r' : 'w';
	/* One more than there are buffers. */
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, (NBUFS + 1) * self->size));
	/* The pins of a call that fails would be counted. */
	ASSERT_OK(gup_pin_mem_settle(&self->mem));
}

FIXTURE_TEARDOWN(v4l2)
{
	gup_pin_program_kill(&self->program);
	if (self->fd >= 0)
		close(self->fd);
	gup_pin_mem_put(&self->mem);
}

static int queue(int fd, enum v4l2_buf_type type, unsigned int index, const char *addr,
		 size_t size, __u32 frame)
{
	struct v4l2_buffer buffer = {
		.index = index,
		.type = type,
		.bytesused = frame,
		.field = V4L2_FIELD_NONE,
		.memory = V4L2_MEMORY_USERPTR,
		.m.userptr = (unsigned long)addr,
		.length = size,
	};

	return ioctl(fd, VIDIOC_QBUF, &buffer) ? -errno : 0;
}

static int queue_part(struct _test_data_v4l2 *self, enum v4l2_buf_type type,
		      unsigned int index, unsigned int part)
{
	return queue(self->fd, type, index, self->mem.addr + part * self->size, self->size,
		     self->frame);
}

static void want_frames(struct gup_pin_want *want, const struct _test_data_v4l2 *self)
{
	gup_pin_want_mem(want, "pin_user_pages_fast", self->mode, "long", &self->mem);
	want->comm = "gup_pin_v4l2";
}

TEST_F(v4l2, queued)
{
	size_t npages = NBUFS * self->size / PAGE_SIZE;
	struct gup_pin_want want;
	unsigned int i;

	for (i = 0; i < NBUFS; i++)
		ASSERT_EQ(0, queue_part(self, variant->type, i, i));
	want_frames(&want, self);
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, npages));
	ASSERT_OK(gup_pin_check_frame(getpid(), PINNER));
	ASSERT_OK(request(self->fd, variant->type, 0));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* A buffer that comes again with the same memory is not pinned again. */
TEST_F(v4l2, streams)
{
	size_t npages = NBUFS * self->size / PAGE_SIZE;
	int type = variant->type;
	unsigned long acquired, now;
	struct gup_pin_want want;
	struct v4l2_buffer buffer;
	unsigned int i, last = 0;

	for (i = 0; i < NBUFS; i++)
		ASSERT_EQ(0, queue_part(self, variant->type, i, i));
	ASSERT_OK(gup_pin_read_stat("acquired", &acquired));
	ASSERT_EQ(0, ioctl(self->fd, VIDIOC_STREAMON, &type)) {
		TH_LOG("VIDIOC_STREAMON: %s", strerror(errno));
	}
	for (i = 0; i < 2 * NBUFS; i++) {
		memset(&buffer, 0, sizeof(buffer));
		buffer.type = variant->type;
		buffer.memory = V4L2_MEMORY_USERPTR;
		ASSERT_EQ(0, ioctl(self->fd, VIDIOC_DQBUF, &buffer));
		last = buffer.index;
		if (i < 2 * NBUFS - 1)
			ASSERT_EQ(0, queue_part(self, variant->type, last, last));
	}
	want_frames(&want, self);
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, npages));
	ASSERT_OK(gup_pin_read_stat("acquired", &now));
	EXPECT_EQ(acquired, now);

	/* With other memory it is, and the former is unpinned. */
	ASSERT_EQ(0, queue_part(self, variant->type, last, NBUFS));
	ASSERT_OK(gup_pin_read_stat("acquired", &now));
	EXPECT_EQ(acquired + self->size / PAGE_SIZE, now);
	ASSERT_OK(gup_pin_wait_pfn(gup_pin_pfn_of(0, self->mem.addr + last * self->size), 0));
	ASSERT_EQ(0, ioctl(self->fd, VIDIOC_STREAMOFF, &type));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	ASSERT_OK(gup_pin_end(&self->base));
}

static const char *queue_and_wait(void *arg)
{
	const enum v4l2_buf_type *type = arg;
	const char *problem;
	struct gup_pin_mem mem;
	__u32 frame;
	int fd, ret;

	problem = open_camera(&fd, *type, &frame) ?:
		gup_pin_mem_get(&mem, MEM_ANON, frame + PAGE_SIZE) ?:
		gup_pin_mem_settle(&mem);
	if (problem)
		return problem;
	ret = queue(fd, *type, 0, mem.addr, frame, frame);
	if (ret)
		return gup_pin_problem("VIDIOC_QBUF: %s", strerror(-ret));
	gup_pin_program_serve(NULL, NULL);
	return NULL;
}

TEST_F(v4l2, killed)
{
	enum v4l2_buf_type type = variant->type;
	struct gup_pin_lines lines;
	pid_t pid;

	/* One program at a time. */
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	ASSERT_OK(gup_pin_program_run(&self->program, queue_and_wait, &type));
	pid = self->program.pid;
	ASSERT_OK(gup_pin_read_task(&lines, pid));
	EXPECT_EQ((self->frame + PAGE_SIZE - 1) / PAGE_SIZE, gup_pin_sum_pins(&lines));
	gup_pin_free(&lines);
	ASSERT_OK(gup_pin_check_frame(pid, PINNER));
	gup_pin_program_kill(&self->program);
	ASSERT_OK(gup_pin_wait_task(pid, 0));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
