// SPDX-License-Identifier: GPL-2.0
/*
 * The wrappers of what block/bio.c does with pages that are pinned.
 *
 * What dirties or releases a bio's pages is not called but done here: which pages they are
 * knows the bio alone, and what is dirtied has to be looked at while it is locked.
 */
#include <linux/bio.h>
#include <linux/gup_pin.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "dirty.h"
#include "hooks.h"
#include "site.h"

WRAPPER(void, __bio_release_pages, struct bio *bio, bool mark_it_dirty)
{
	struct folio_iter fi;

	if (!static_branch_unlikely(&gup_pin_hooks)) {
		REAL(__bio_release_pages)(bio, mark_it_dirty);
		return;
	}
	wrapper_enter();
	bio_for_each_folio_all(fi, bio) {
		size_t first = fi.offset / PAGE_SIZE;
		size_t npages = (fi.offset + fi.length - 1) / PAGE_SIZE - first + 1;

		if (mark_it_dirty)
			mark_dirty(fi.folio);
		gup_pin_unpin_bio(bio, fi.folio, first, npages);
		gup_pin_read_released(bio, fi.folio, npages);
	}
	wrapper_leave();
}

WRAPPER(void, bio_set_pages_dirty, struct bio *bio)
{
	struct folio_iter fi;

	if (!static_branch_unlikely(&gup_pin_hooks)) {
		REAL(bio_set_pages_dirty)(bio);
		return;
	}
	wrapper_enter();
	bio_for_each_folio_all(fi, bio)
		mark_dirty(fi.folio);
	wrapper_leave();
}

/* A bio with children ends with the last of them, as bio_endio() counts. */
static bool ends_now(struct bio *bio)
{
	if (!bio_flagged(bio, BIO_CHAIN))
		return true;
	if (!atomic_dec_and_test(&bio->__bi_remaining))
		return false;
	bio_clear_flag(bio, BIO_CHAIN);
	return true;
}

/*
 * What bio_endio() does to a bio and its ancestors is done here, one by one: which child is
 * the last, only the decrement shows. While its child ends, the parent is kept from ending;
 * it has BIO_CHAIN as long as it has a child.
 */
WRAPPER(void, bio_endio, struct bio *bio)
{
	struct bio *parent;

	if (!static_branch_unlikely(&gup_pin_hooks) ||
	    (!bio_flagged(bio, BIO_CHAIN) && !gup_pin_is_chained(bio))) {
		gup_pin_read_ended(bio);
		REAL(bio_endio)(bio);
		return;
	}
	wrapper_enter();
	for (; bio && ends_now(bio); bio = parent) {
		gup_pin_read_ended(bio);
		parent = gup_pin_is_chained(bio) ? bio->bi_private : NULL;
		if (parent)
			atomic_inc(&parent->__bi_remaining);
		REAL(bio_endio)(bio);
	}
	wrapper_leave();
}
