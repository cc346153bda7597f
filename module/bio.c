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

/* A chain ends with the last of its bios. */
static bool ends_now(struct bio *bio)
{
	return !bio_flagged(bio, BIO_CHAIN) || atomic_read(&bio->__bi_remaining) == 1;
}

WRAPPER(void, bio_endio, struct bio *bio)
{
	if (static_branch_unlikely(&gup_pin_hooks)) {
		struct bio *ended = bio;

		while (ended && ends_now(ended)) {
			gup_pin_read_ended(ended);
			if (!gup_pin_is_chained(ended))
				break;
			ended = ended->bi_private;
		}
	}
	REAL(bio_endio)(bio);
}
