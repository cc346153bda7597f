/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In place of what dirties a folio under its lock, so that it is looked at under that lock.
 */
#ifndef _GUP_PIN_DIRTY_H
#define _GUP_PIN_DIRTY_H

#include <linux/compiler.h>
#include <linux/gup_pin.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

/*
 * Returns whether it was clean. May sleep. Part of the wrapper, whose function the title of a
 * report names.
 */
static __always_inline bool mark_dirty(struct folio *folio)
{
	bool ret;

	folio_lock(folio);
	gup_pin_dirtying(folio);
	ret = folio_mark_dirty(folio);
	folio_unlock(folio);
	return ret;
}

#endif /* _GUP_PIN_DIRTY_H */
