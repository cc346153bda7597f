// SPDX-License-Identifier: GPL-2.0
/*
 * Stale dirty: a holder of a pin marks a file's folio dirty, but the file system has
 * cleaned and write-protected it since it was pinned.
 *
 * The page fault that preceded the pin called page_mkwrite(), so the file system knew
 * that the folio would be written to: it allocated blocks and journal credits, and the
 * folio became dirty. The folio stays dirty until writeback cleans it. After that only
 * another page fault or write() makes it dirty, and both notify the file system again.
 * So a folio that has a write pin and is clean was cleaned since it was pinned,
 * provided that it is locked, which rules out a page fault in progress. Marking it
 * dirty now bypasses the file system, which may have freed the blocks or the buffers.
 */
#include <linux/backing-dev.h>
#include <linux/instruction_pointer.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "internal.h"

/* Does a write fault make clean folios of the mapping dirty? */
static bool tracks_dirty(const struct folio *folio)
{
	struct address_space *mapping = folio->mapping;

	/* Truncated, which is a hazard of its own. */
	if (!mapping || folio_test_anon(folio))
		return false;
	/* DAX keeps the state of its folios in the mapping. */
	if (folio_is_zone_device(folio))
		return false;
	return mapping_can_writeback(mapping);
}

/* The folio is locked, so neither truncation nor a page fault is in progress. */
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
