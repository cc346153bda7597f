/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The functions of the kernel that are hooked: HOOK(FUNCTION, NEEDED or OPTIONAL). Without
 * one that is needed what is recorded would be wrong. For C and for assembly: each user
 * defines HOOK first.
 */
#include <linux/version.h>

HOOK(pin_user_pages, NEEDED)
HOOK(pin_user_pages_fast, NEEDED)
HOOK(pin_user_pages_remote, NEEDED)
HOOK(pin_user_pages_unlocked, NEEDED)
HOOK(memfd_pin_folios, NEEDED)
HOOK(folio_add_pin, NEEDED)

HOOK(unpin_user_page, NEEDED)
HOOK(unpin_user_pages, NEEDED)
HOOK(unpin_user_pages_dirty_lock, NEEDED)
HOOK(unpin_user_page_range_dirty_lock, NEEDED)
HOOK(unpin_user_folio, NEEDED)
HOOK(unpin_folio, NEEDED)
HOOK(unpin_folios, NEEDED)

#undef HOOK
