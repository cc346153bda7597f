// SPDX-License-Identifier: GPL-2.0
/* pin_user_pages() by a real driver: the umem of AF_XDP. */
#include <unistd.h>
#include "gup_pin_device.h"
#include "gup_pin_harness.h"
#include "gup_pin_mem.h"
#include "gup_pin_util.h"

FIXTURE(xdp)
{
	struct gup_pin_base base;
	struct gup_pin_mem mem;
	int sock;
};

FIXTURE_VARIANT(xdp)
{
	enum gup_pin_mem_kind kind;
	size_t size;
};

FIXTURE_VARIANT_ADD(xdp, anon)
{
	.kind = MEM_ANON,
	.size = 64 * PAGE_SIZE,
};

FIXTURE_VARIANT_ADD(xdp, hugetlb)
{
	.kind = MEM_HUGETLB,
	.size = SIZE_2M,
};

FIXTURE_SETUP(xdp)
{
	const char *missing = gup_pin_missing() ?: gup_pin_mem_missing(variant->kind) ?:
		gup_pin_device_missing(DEVICE_UMEM);

	self->sock = -1;
	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_OK(gup_pin_begin(&self->base));
	ASSERT_OK(gup_pin_mem_get(&self->mem, variant->kind, variant->size));
}

FIXTURE_TEARDOWN(xdp)
{
	if (self->sock >= 0)
		close(self->sock);
	gup_pin_mem_put(&self->mem);
}

TEST_F(xdp, umem)
{
	struct gup_pin_want want;

	ASSERT_OK(gup_pin_device_give_part(DEVICE_UMEM, -1, self->mem.addr, 0, self->mem.size,
					   &self->sock));
	gup_pin_want_self(&want, "pin_user_pages", 'w', "long", self->mem.map);
	want.order = self->mem.order;
	want.comm = "gup_pin_xdp";
	ASSERT_OK(gup_pin_check_pages(&want, 0, self->mem.addr,
				      self->mem.size / PAGE_SIZE));
	ASSERT_EQ(0, close(self->sock));
	self->sock = -1;
	ASSERT_OK(gup_pin_end(&self->base));
}

TEST_HARNESS_MAIN
