// SPDX-License-Identifier: GPL-2.0
/*
 * Pinned pages of files. The tests run before anything is mounted, so the files are of
 * shmem, or fakes.
 */
#include <linux/backing-dev.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>
#include <linux/writeback.h>

#include "../compat.h"
#include "../hooks.h"
#include "file.h"

/**
 * gup_pin_test_map() - map a new shmem file
 * @test: the test; the file is unmapped when it ends
 * @pages: size of the file in pages
 *
 * Return: the address.
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
 * @addr: its address
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

/* Minimum for a folio to look like that of a file with writeback. */
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
 * gup_pin_test_stand_in() - make a folio that looks like that of a file
 * @test: the test; the folio is freed when it ends
 *
 * The file has device 7:3 and inode number 42, and its mapping supports writeback.
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

/* Folio whose writeback was started and has not ended, with a reference. */
static struct folio *under_writeback;

/**
 * gup_pin_test_start_writeback() - set PG_writeback like __folio_start_writeback()
 * @folio: the folio
 *
 * Leaves out all that needs a real file system. Reports name the caller.
 */
noinline void gup_pin_test_start_writeback(struct folio *folio)
{
	folio_get(folio);
	under_writeback = folio;
	folio_test_set_writeback(folio);
	gup_pin_writeback_start(folio);
	/* Prevent a tail call. */
	barrier();
}

/**
 * gup_pin_test_end_writeback() - clear PG_writeback like folio_end_writeback()
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
 * gup_pin_test_end_left_writeback() - end the writeback that an aborted case left
 *
 * Otherwise truncation of the folio's file would wait forever.
 */
void gup_pin_test_end_left_writeback(void)
{
	if (under_writeback)
		gup_pin_test_end_writeback(under_writeback);
}
