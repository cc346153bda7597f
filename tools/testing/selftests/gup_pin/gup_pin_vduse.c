// SPDX-License-Identifier: GPL-2.0
/*
 * A virtio network device that this program drives (VDUSE), with the program's memory for
 * what goes to and fro: pin_user_pages(), long term.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/vduse.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "gup_pin_frame.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_pinners.h"
#include "gup_pin_util.h"

#define CONTROL		"/dev/vduse/control"
#define NAME		"gup_pin_vduse"
#define CLASS		"/sys/class/vduse/" NAME "/"
#define BUS		"/sys/bus/vdpa/"
#define FIND_TOOLS	"PATH=$PATH:/sbin:/usr/sbin; "
#define PINNER		"vduse_dev_ioctl"
/* The least that it takes. */
#define SIZE		(SIZE_2M / 2)
#define NQUEUES		2

FIXTURE(vduse)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int control;
	int fd;
	bool serves;
	pthread_t server;
};

FIXTURE_VARIANT(vduse)
{
	enum gup_pin_mem_kind kind;
	size_t size;
};

FIXTURE_VARIANT_ADD(vduse, anon)
{
	.kind = MEM_ANON, .size = SIZE,
};

FIXTURE_VARIANT_ADD(vduse, memfd)
{
	.kind = MEM_MEMFD, .size = SIZE,
};

FIXTURE_VARIANT_ADD(vduse, hugetlb)
{
	.kind = MEM_HUGETLB, .size = SIZE_2M,
};

static const char *missing_driver(void)
{
	if (access("/sys/module/vduse", F_OK))
		return "vduse is not loaded (CONFIG_VDPA_USER)";
	if (access("/sys/module/virtio_vdpa", F_OK))
		return "virtio_vdpa is not loaded (CONFIG_VIRTIO_VDPA)";
	return NULL;
}

static const char *run(const char *command)
{
	int status = system(command);

	return status ? gup_pin_problem("'%s' ended with 0x%x", command, status) : NULL;
}

static const char *create_device(int *control)
{
	size_t size = sizeof(struct vduse_dev_config) + sizeof(struct virtio_net_config);
	struct vduse_dev_config *config = calloc(1, size);
	__u64 version = VDUSE_API_VERSION;
	int ret;

	*control = open(CONTROL, O_RDWR | O_CLOEXEC);
	if (*control < 0)
		return gup_pin_problem(CONTROL ": %s", strerror(errno));
	snprintf(config->name, sizeof(config->name), NAME);
	config->device_id = VIRTIO_ID_NET;
	config->features = 1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_ACCESS_PLATFORM;
	config->vq_num = NQUEUES;
	config->vq_align = PAGE_SIZE;
	config->config_size = sizeof(struct virtio_net_config);
	ret = ioctl(*control, VDUSE_SET_API_VERSION, &version) ?:
		ioctl(*control, VDUSE_CREATE_DEV, config);
	free(config);
	return ret ? gup_pin_problem("VDUSE_CREATE_DEV: %s", strerror(errno)) : NULL;
}

static const char *set_up_queues(int fd)
{
	struct vduse_vq_config queue = { .max_size = 256 };

	for (; queue.index < NQUEUES; queue.index++)
		if (ioctl(fd, VDUSE_VQ_SETUP, &queue))
			return gup_pin_problem("VDUSE_VQ_SETUP: %s", strerror(errno));
	return NULL;
}

/* To whatever the driver asks for, the answer is yes. */
static void *serve(void *arg)
{
	const int *fd = arg;
	struct vduse_dev_request request;

	while (read(*fd, &request, sizeof(request)) == sizeof(request)) {
		struct vduse_dev_response response = {
			.request_id = request.request_id,
			.result = VDUSE_REQ_RESULT_OK,
		};

		if (request.type == VDUSE_GET_VQ_STATE)
			response.vq_state.index = request.vq_state.index;
		if (write(*fd, &response, sizeof(response)) != sizeof(response))
			break;
	}
	return NULL;
}

/* vhost_vdpa may have been first. */
static const char *give_to_virtio(void)
{
	if (!access(BUS "drivers/virtio_vdpa/" NAME, F_OK))
		return NULL;
	if (!access(BUS "drivers/vhost_vdpa/" NAME, F_OK))
		gup_pin_write(BUS "drivers/vhost_vdpa/unbind", NAME);
	return gup_pin_write(BUS "devices/" NAME "/driver_override", "virtio_vdpa") ?:
		gup_pin_write(BUS "drivers/virtio_vdpa/bind", NAME);
}

/* Only when it has something to send or receive is there anything to hold it. */
static const char *start_network(void)
{
	const char *problem;
	char command[100];
	glob_t found;

	if (glob(BUS "devices/" NAME "/virtio*/net/*", 0, NULL, &found))
		return "the device has no network interface";
	snprintf(command, sizeof(command), FIND_TOOLS "ip link set %s up",
		 strrchr(found.gl_pathv[0], '/') + 1);
	problem = run(command);
	globfree(&found);
	return problem;
}

FIXTURE_SETUP(vduse)
{
	const char *missing = gup_pin_missing() ?: missing_driver() ?:
		gup_pin_mem_missing(variant->kind);
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	self->control = -1;
	self->fd = -1;
	if (missing)
		SKIP(return, "%s", missing);
	setrlimit(RLIMIT_MEMLOCK, &all);
	ASSERT_OK(create_device(&self->control));
	ASSERT_OK(gup_pin_write(CLASS "bounce_size", "1048576"));
	self->fd = open("/dev/vduse/" NAME, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_OK(set_up_queues(self->fd));
	ASSERT_EQ(0, pthread_create(&self->server, NULL, serve, &self->fd));
	self->serves = true;
	ASSERT_OK(run(FIND_TOOLS "vdpa dev add name " NAME " mgmtdev vduse"));
	ASSERT_OK(give_to_virtio());
	ASSERT_OK(start_network());
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
}

static void stop_server(struct _test_data_vduse *self)
{
	if (!self->serves)
		return;
	self->serves = false;
	pthread_cancel(self->server);
	pthread_join(self->server, NULL);
}

FIXTURE_TEARDOWN(vduse)
{
	char name[VDUSE_NAME_MAX] = NAME;

	if (!access(BUS "devices/" NAME, F_OK))
		EXPECT_OK(run(FIND_TOOLS "vdpa dev del " NAME));
	stop_server(self);
	if (self->fd >= 0)
		close(self->fd);
	if (self->control >= 0) {
		EXPECT_EQ(0, ioctl(self->control, VDUSE_DESTROY_DEV, name));
		close(self->control);
	}
	gup_pin_mem_put(&self->mem);
}

static int set_memory(int fd, unsigned long request, const void *addr, size_t size)
{
	struct vduse_iova_umem umem = { .uaddr = (unsigned long)addr, .size = size };

	return gup_pin_patiently(ioctl(fd, request, &umem) ? -errno : 0);
}

static void want_memory(struct gup_pin_want *want, const struct gup_pin_mem *mem)
{
	gup_pin_want_mem(want, "pin_user_pages", 'w', "long", mem);
	want->comm = "gup_pin_vduse";
}

TEST_F(vduse, registered)
{
	struct gup_pin_want want;

	ASSERT_EQ(0, set_memory(self->fd, VDUSE_IOTLB_REG_UMEM, self->mem.addr, SIZE));
	want_memory(&want, &self->mem);
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, SIZE / PAGE_SIZE));
	ASSERT_OK(gup_pin_check_frame(getpid(), PINNER));
	/* There is but one such memory. */
	EXPECT_EQ(-EEXIST, set_memory(self->fd, VDUSE_IOTLB_REG_UMEM, self->mem.addr, SIZE));
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr, SIZE / PAGE_SIZE));
	ASSERT_EQ(0, set_memory(self->fd, VDUSE_IOTLB_DEREG_UMEM, self->mem.addr, SIZE));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_F(vduse, refused)
{
	EXPECT_EQ(-EINVAL, set_memory(self->fd, VDUSE_IOTLB_REG_UMEM, self->mem.addr, SIZE / 2));
	ASSERT_OK(gup_pin_end(&self->base));
}

/* Its driver closes the device without a word. */
TEST_F(vduse, close)
{
	ASSERT_EQ(0, set_memory(self->fd, VDUSE_IOTLB_REG_UMEM, self->mem.addr, SIZE));
	EXPECT_NE(NULL, gup_pin_check_no_lines(getpid()));
	ASSERT_OK(gup_pin_write(CLASS "msg_timeout", "1"));
	stop_server(self);
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
