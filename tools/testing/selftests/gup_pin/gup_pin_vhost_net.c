// SPDX-License-Identifier: GPL-2.0
/*
 * The log of what vhost-net has written, for the migration of a virtual machine: a page of
 * it is pinned by pin_user_pages_fast() for as long as it takes to set a bit. The pin cannot
 * be held, but events show it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_passed.h"
#include "gup_pin_tracefs.h"
#include "gup_pin_util.h"

#define RING_SIZE	16
/* In the log, what is written lies here: a page, and so a bit, of its own. */
#define LOGGED_PAGE	9

FIXTURE(vhost_net)
{
	struct gup_pin_base base;
	struct gup_pin_mem rings;
	struct gup_pin_mem log;
	int fd;
	int sock;
};

FIXTURE_VARIANT(vhost_net)
{
	enum gup_pin_mem_kind log;
	size_t size;
};

FIXTURE_VARIANT_ADD(vhost_net, anon)
{
	.log = MEM_ANON, .size = PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(vhost_net, memfd)
{
	.log = MEM_MEMFD, .size = PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(vhost_net, hugetlb)
{
	.log = MEM_HUGETLB, .size = SIZE_2M,
};

FIXTURE_SETUP(vhost_net)
{
	const char *missing = gup_pin_missing() ?: gup_pin_tracefs_missing() ?:
		gup_pin_mem_missing(variant->log);

	self->fd = -1;
	self->sock = -1;
	if (!missing && access("/sys/module/vhost_net", F_OK))
		missing = "vhost_net is not loaded (CONFIG_VHOST_NET)";
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->rings, MEM_ANON, 4 * PAGE_SIZE));
	memset(self->rings.addr, 0, self->rings.size);
	ASSERT_OK(gup_pin_mem_get(&self->log, variant->log, variant->size));
	memset(self->log.addr, 0, PAGE_SIZE);
	self->fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	self->sock = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, self->sock);
	ASSERT_OK(gup_pin_tracefs_begin());
}

FIXTURE_TEARDOWN(vhost_net)
{
	gup_pin_tracefs_end();
	if (self->fd >= 0)
		close(self->fd);
	if (self->sock >= 0)
		close(self->sock);
	gup_pin_mem_put(&self->rings);
	gup_pin_mem_put(&self->log);
}

/* All memory that the device may use. */
static int set_memory(int fd, const struct gup_pin_mem *mem)
{
	struct vhost_memory *table = calloc(1, sizeof(*table) + sizeof(*table->regions));
	int ret;

	table->nregions = 1;
	table->regions->memory_size = mem->size;
	table->regions->userspace_addr = (unsigned long)mem->addr;
	ret = ioctl(fd, VHOST_SET_MEM_TABLE, table);
	free(table);
	return ret;
}

static const char *set_up(const struct _test_data_vhost_net *self)
{
	unsigned long rings = (unsigned long)self->rings.addr;
	__u64 features = 1ULL << VIRTIO_F_VERSION_1 | 1ULL << VHOST_F_LOG_ALL;
	__u64 log = (unsigned long)self->log.addr;
	struct vhost_vring_state num = { .num = RING_SIZE }, base = {};
	struct vhost_vring_addr addr = {
		.flags = 1 << VHOST_VRING_F_LOG,
		.desc_user_addr = rings,
		.avail_user_addr = rings + PAGE_SIZE,
		.used_user_addr = rings + 2 * PAGE_SIZE,
		.log_guest_addr = LOGGED_PAGE * VHOST_PAGE_SIZE,
	};

	if (ioctl(self->fd, VHOST_SET_OWNER) || ioctl(self->fd, VHOST_SET_FEATURES, &features) ||
	    set_memory(self->fd, &self->rings) || ioctl(self->fd, VHOST_SET_LOG_BASE, &log) ||
	    ioctl(self->fd, VHOST_SET_VRING_NUM, &num) ||
	    ioctl(self->fd, VHOST_SET_VRING_BASE, &base) ||
	    ioctl(self->fd, VHOST_SET_VRING_ADDR, &addr))
		return gup_pin_problem("vhost-net: %s", strerror(errno));
	return NULL;
}

/* To begin with a ring, it writes the flags of what is used, and logs that. */
TEST_F(vhost_net, log)
{
	struct vhost_vring_file backend = { .fd = self->sock };

	ASSERT_OK(set_up(self));
	ASSERT_OK(gup_pin_tracefs_both(true));
	ASSERT_EQ(0, ioctl(self->fd, VHOST_NET_SET_BACKEND, &backend)) {
		TH_LOG("VHOST_NET_SET_BACKEND: %s", strerror(errno));
	}
	ASSERT_OK(gup_pin_tracefs_both(false));
	EXPECT_EQ(1 << LOGGED_PAGE % 8, self->log.addr[LOGGED_PAGE / 8]);
	ASSERT_OK(gup_pin_check_passed(self->log.addr, getpid(), "pin_user_pages_fast", 'w'));
	backend.fd = -1;
	ASSERT_EQ(0, ioctl(self->fd, VHOST_NET_SET_BACKEND, &backend));
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
