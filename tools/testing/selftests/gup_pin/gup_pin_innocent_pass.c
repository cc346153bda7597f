// SPDX-License-Identifier: GPL-2.0
/*
 * Innocents: a memfd that one process passes to another, which maps it. Either has
 * given it to a device, and either ends first.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "gup_pin_fd.h"
#include "gup_pin_harness.h"
#include "gup_pin_calm.h"
#include "gup_pin_program.h"

#define NPAGES	4
#define SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE	0x0010
#endif

#define STEP_SEAL	's'

/* What one of the two processes has. */
struct party {
	enum gup_pin_shared_kind memory;
	enum gup_pin_device_kind device;
	bool gives;		/* to the device */
	int sock;
	struct gup_pin_shared mem;
	int fd;
};

FIXTURE(passed)
{
	struct gup_pin_calm calm;
	struct gup_pin_program owner;
	struct gup_pin_program other;
	unsigned long pins;
};

FIXTURE_VARIANT(passed)
{
	enum gup_pin_shared_kind memory;
	enum gup_pin_device_kind device;
	bool other_gives;
};

#define OWNER(memory_kind, device_kind)					\
	.memory = (memory_kind), .device = (device_kind)
#define OTHER(memory_kind, device_kind)					\
	.memory = (memory_kind), .device = (device_kind), .other_gives = true

FIXTURE_VARIANT_ADD(passed, ring) { OWNER(SHARED_MEMFD, DEVICE_RING) };
FIXTURE_VARIANT_ADD(passed, ring_of_other) { OTHER(SHARED_MEMFD, DEVICE_RING) };
FIXTURE_VARIANT_ADD(passed, umem) { OWNER(SHARED_MEMFD, DEVICE_UMEM) };
FIXTURE_VARIANT_ADD(passed, umem_of_other) { OTHER(SHARED_MEMFD, DEVICE_UMEM) };
FIXTURE_VARIANT_ADD(passed, iommu) { OWNER(SHARED_MEMFD, DEVICE_IOMMU) };
FIXTURE_VARIANT_ADD(passed, iommu_of_other) { OTHER(SHARED_MEMFD, DEVICE_IOMMU) };
FIXTURE_VARIANT_ADD(passed, dmabuf) { OWNER(SHARED_MEMFD, DEVICE_DMABUF) };
FIXTURE_VARIANT_ADD(passed, dmabuf_of_other) { OTHER(SHARED_MEMFD, DEVICE_DMABUF) };
FIXTURE_VARIANT_ADD(passed, hugetlb_ring) { OWNER(SHARED_MEMFD_HUGETLB, DEVICE_RING) };
FIXTURE_VARIANT_ADD(passed, hugetlb_ring_of_other) { OTHER(SHARED_MEMFD_HUGETLB, DEVICE_RING) };
FIXTURE_VARIANT_ADD(passed, hugetlb_iommu) { OWNER(SHARED_MEMFD_HUGETLB, DEVICE_IOMMU) };
FIXTURE_VARIANT_ADD(passed, hugetlb_iommu_of_other) { OTHER(SHARED_MEMFD_HUGETLB, DEVICE_IOMMU) };
FIXTURE_VARIANT_ADD(passed, hugetlb_dmabuf) { OWNER(SHARED_MEMFD_HUGETLB, DEVICE_DMABUF) };
FIXTURE_VARIANT_ADD(passed, hugetlb_dmabuf_of_other) { OTHER(SHARED_MEMFD_HUGETLB, DEVICE_DMABUF) };

static const char *step(void *arg, char what)
{
	struct party *party = arg;

	switch (what) {
	case STEP_WRITE:
		memset(party->mem.addr, 3, party->mem.size);
		return NULL;
	case STEP_UNMAP:
		gup_pin_shared_put(&party->mem);
		return NULL;
	case STEP_SEAL:
		return fcntl(party->mem.fd, F_ADD_SEALS, SEALS) ?
			gup_pin_problem("F_ADD_SEALS: %s", strerror(errno)) : NULL;
	case STEP_CLOSE:
		close(party->fd);
		return NULL;
	default:
		return "it cannot do that";
	}
}

static const char *give_if(struct party *party)
{
	party->fd = -1;
	return party->gives ? gup_pin_device_give(party->device, &party->mem, &party->fd) :
		NULL;
}

static const char *be_owner(void *arg)
{
	struct party *party = arg;
	const char *problem;

	problem = gup_pin_shared_get(&party->mem, party->memory, NULL, NPAGES);
	if (!problem)
		problem = gup_pin_fd_send(party->sock, party->mem.fd);
	if (!problem)
		problem = give_if(party);
	close(party->sock);
	if (!problem)
		gup_pin_program_serve(step, party);
	return problem;
}

/* It needs no descriptor for memory that is mapped, but a dma-buf does. */
static const char *be_other(void *arg)
{
	struct party *party = arg;
	const char *problem;
	int fd;

	problem = gup_pin_fd_receive(party->sock, &fd);
	close(party->sock);
	if (!problem)
		problem = gup_pin_shared_take(&party->mem, party->memory, fd, NPAGES);
	if (!problem)
		problem = give_if(party);
	if (problem)
		return problem;
	close(fd);
	party->mem.fd = -1;
	gup_pin_program_serve(step, party);
	return NULL;
}

FIXTURE_SETUP(passed)
{
	struct party owner = {
		.memory = variant->memory,
		.device = variant->device,
		.gives = !variant->other_gives,
	};
	struct party other = owner;
	const char *missing = gup_pin_missing() ?:
		gup_pin_shared_missing(variant->memory) ?:
		gup_pin_device_missing(variant->device);
	int pair[2];

	if (missing)
		SKIP(return, "%s", missing);
	other.gives = variant->other_gives;
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	owner.sock = pair[0];
	other.sock = pair[1];
	ASSERT_OK(gup_pin_calm_begin(&self->calm));
	ASSERT_OK(gup_pin_program_run(&self->owner, be_owner, &owner));
	ASSERT_OK(gup_pin_program_run(&self->other, be_other, &other));
	/* What is on its way in a socket is open, too. */
	close(pair[0]);
	close(pair[1]);
	ASSERT_OK(gup_pin_program_check_pins(variant->other_gives ? self->other.pid :
					     self->owner.pid,
					     gup_pin_shared_map(variant->memory),
					     &self->pins));
}

FIXTURE_TEARDOWN(passed)
{
	gup_pin_program_kill(&self->owner);
	gup_pin_program_kill(&self->other);
	gup_pin_calm_close(&self->calm);
}

TEST_F_TIMEOUT(passed, owner_ends_first, GUP_PIN_PATIENCE)
{
	ASSERT_OK(gup_pin_program_exit(&self->owner));
	ASSERT_OK(gup_pin_program_do(&self->other, STEP_WRITE));
	ASSERT_OK(gup_pin_program_exit(&self->other));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

TEST_F_TIMEOUT(passed, other_is_killed_first, GUP_PIN_PATIENCE)
{
	gup_pin_program_kill(&self->other);
	ASSERT_OK(gup_pin_program_do(&self->owner, STEP_WRITE));
	ASSERT_OK(gup_pin_program_exit(&self->owner));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

/* It can no longer be changed in size, nor be written to by another mapping. */
TEST_F_TIMEOUT(passed, sealed, GUP_PIN_PATIENCE)
{
	ASSERT_OK(gup_pin_program_do(&self->owner, STEP_SEAL));
	ASSERT_OK(gup_pin_program_do(&self->other, STEP_WRITE));
	ASSERT_OK(gup_pin_program_exit(&self->owner));
	ASSERT_OK(gup_pin_program_exit(&self->other));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

/* First both let go of the memory, then the device does. */
TEST_F_TIMEOUT(passed, device_closed_last, GUP_PIN_PATIENCE)
{
	struct gup_pin_program *holder = variant->other_gives ? &self->other : &self->owner;

	ASSERT_OK(gup_pin_program_do(&self->owner, STEP_UNMAP));
	ASSERT_OK(gup_pin_program_do(&self->other, STEP_WRITE));
	ASSERT_OK(gup_pin_program_do(&self->other, STEP_UNMAP));
	ASSERT_OK(gup_pin_program_check_lost(holder->pid, self->pins));
	ASSERT_OK(gup_pin_program_do(holder, STEP_CLOSE));
	ASSERT_OK(gup_pin_calm_end(&self->calm));
}

int main(int argc, char **argv)
{
	return gup_pin_repeat(test_harness_run, argc, argv);
}
