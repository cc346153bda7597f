// SPDX-License-Identifier: GPL-2.0
/*
 * Pinned pages of files. Tests run before anything is mounted, so the files are
 * of shmem, or only stand in for one.
 */
#include <linux/backing-dev.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gup_pin.h>
#include <linux/kdev_t.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>
#include <linux/writeback.h>

#include "../compat.h"
#include "file.h"

/**
 * gup_pin_test_map() - map a new file of shmem
 * @test: the test, at whose end it is unmapped
 * @pages: how long it is
 *
 * Return: where.
 */
unsigned long gup_pin_test_map(struct kunit *test, unsigned int pages)
{
	struct file *file = shmem_file_setup("gup_pin", pages * PAGE_SIZE,
					     GUP_PIN_NO_VMA_FLAGS);
	unsigned long addr;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	addr = kunit_vm_mmap(test, file, 0, pages * PAGE_SIZE,
			     PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	fput(file);
	KUNIT_ASSERT_NE(test, addr, 0);
	return addr;
}

/**
 * gup_pin_test_pin() - pin a page
 * @test: the test
 * @addr: where it is mapped
 * @write: for write
 *
 * Return: the page.
 */
struct page *gup_pin_test_pin(struct kunit *test, unsigned long addr,
			      bool write)
{
	struct page *page;

	KUNIT_ASSERT_EQ(test, 1, pin_user_pages_fast(addr, 1,
						     write ? FOLL_WRITE : 0,
						     &page));
	return page;
}

/* What a folio needs to look as if it were in a file that is written back. */
struct stand_in {
	struct address_space mapping;
	struct inode inode;
	struct super_block sb;
	struct file_system_type type;
	struct backing_dev_info bdi;
	struct folio *folio;
};

static const struct address_space_operations stand_in_ops = {
	.dirty_folio = noop_dirty_folio,
};

static void free_stand_in(void *data)
{
	struct stand_in *s = data;

	s->folio->mapping = NULL;
	folio_put(s->folio);
}

/**
 * gup_pin_test_stand_in() - make a folio look as if it were a file's
 * @test: the test, at whose end the folio is freed
 *
 * The file is on the device 7:3, has inode number 42, and its writeback tracks
 * what is dirty.
 *
 * Return: the folio.
 */
struct folio *gup_pin_test_stand_in(struct kunit *test)
{
	struct stand_in *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_ASSERT_NOT_NULL(test, page);
	s->folio = page_folio(page);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, free_stand_in,
							   s));
	s->type.name = "stand_in";
	s->bdi.capabilities = BDI_CAP_WRITEBACK;
	s->sb.s_type = &s->type;
	s->sb.s_bdi = &s->bdi;
	s->sb.s_dev = MKDEV(7, 3);
	s->inode.i_sb = &s->sb;
	s->inode.i_ino = 42;
	s->mapping.host = &s->inode;
	s->mapping.a_ops = &stand_in_ops;
	s->folio->mapping = &s->mapping;
	s->folio->index = 5;
	return s->folio;
}

/* Whose writeback was started and not ended; it has a reference. */
static struct folio *under_writeback;

/**
 * gup_pin_test_start_writeback() - what __folio_start_writeback() does
 * @folio: the folio
 *
 * Without all that wants a real file system. Reports name its caller.
 */
noinline void gup_pin_test_start_writeback(struct folio *folio)
{
	folio_get(folio);
	under_writeback = folio;
	folio_test_set_writeback(folio);
	gup_pin_writeback_start(folio);
	/* No tail call. */
	barrier();
}

/**
 * gup_pin_test_end_writeback() - what folio_end_writeback() does
 * @folio: the folio
 */
noinline void gup_pin_test_end_writeback(struct folio *folio)
{
	gup_pin_writeback_end(folio);
	folio_test_clear_writeback(folio);
	if (folio == under_writeback) {
		under_writeback = NULL;
		folio_put(folio);
	}
}

/**
 * gup_pin_test_end_left_writeback() - for the end of a case that was given up
 *
 * Whoever truncates the folio's file would wait for ever.
 */
void gup_pin_test_end_left_writeback(void)
{
	if (under_writeback)
		gup_pin_test_end_writeback(under_writeback);
}
