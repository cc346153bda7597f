// SPDX-License-Identifier: GPL-2.0
/*
 * Stale dirty: a holder of a pin marks a file's folio dirty, but the file system
 * has cleaned and write-protected it since it was pinned.
 *
 * The page fault that let the pin be taken told the file system, by
 * page_mkwrite(), that the folio would be written to: it got its blocks and its
 * journal credits, and the folio became dirty. It stays so until writeback cleans
 * it, and becomes so again only by another page fault or write(), both of which
 * tell the file system too. So a folio that has a write pin and is clean, while
 * it is locked so that no page fault is half done, was cleaned since. Whoever
 * marks it dirty now goes behind the file system's back, which need not expect
 * it: it may have taken the blocks or the buffers away.
 */
#include <linux/backing-dev.h>
#include <linux/instruction_pointer.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "internal.h"

/* Does a page fault for writing make the mapping's clean folios dirty? */
static bool tracks_dirty(const struct folio *folio)
{
	struct address_space *mapping = folio->mapping;

	/* Truncated: that was a hazard of its own. */
	if (!mapping || folio_test_anon(folio))
		return false;
	/* The state of DAX folios is kept in their mapping. */
	if (folio_is_zone_device(folio))
		return false;
	return mapping_can_writeback(mapping);
}

/* The folio is locked, so it is neither truncated nor in the midst of a page fault. */
void __gup_pin_dirtying(struct folio *folio)
{
	struct gup_pin_holders holders;
	const struct gup_pin_hazard hazard = {
		.kind = GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN,
		.folio = folio,
		.ip = _RET_IP_,
	};

	if (!tracks_dirty(folio))
		return;
	gup_pin_walk_holders(&gup_pin_root.index, folio_pfn(folio), NULL, 0,
			     &holders);
	if (holders.writes)
		gup_pin_hazard(&hazard);
}
