// SPDX-License-Identifier: GPL-2.0
/*
 * What is at stake when a hazard is met: a report stops test farms, so it is printed
 * only where data of a file that can still be read may be wrong or lost, and the pin
 * that may do it is certain.
 */
#include <linux/backing-dev.h>
#include <linux/buffer_head.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/string.h>

#include "../compat.h"
#include "internal.h"

const char *const gup_pin_stake_names[NR_GUP_PIN_STAKES] = {
	[GUP_PIN_STAKE_DATA]	= "data",
	[GUP_PIN_STAKE_MEMORY]	= "memory",
	[GUP_PIN_STAKE_HANG]	= "hang",
	[GUP_PIN_STAKE_TIME]	= "time",
	[GUP_PIN_STAKE_GUESS]	= "guess",
	[GUP_PIN_STAKE_REWRITE]	= "rewrite",
	[GUP_PIN_STAKE_DONE]	= "done",
	[GUP_PIN_STAKE_WAIT]	= "wait",
	[GUP_PIN_STAKE_READ]	= "read",
	[GUP_PIN_STAKE_NOTHING]	= "nothing",
	[GUP_PIN_STAKE_END]	= "end",
};

#ifdef CONFIG_BUFFER_HEAD
/* ext2 has the same number, but another way. */
static bool is_ext4(const struct super_block *sb)
{
	const char *name = sb->s_type->name;

	return sb->s_magic == EXT4_SUPER_MAGIC &&
	       (!strcmp(name, "ext4") || !strcmp(name, "ext3"));
}

/*
 * ext4 passes clean folios, and dirty ones of which it can write nothing now, through
 * the writeback state, to update the tags of their mapping. What it writes it has marked
 * before: the folio is locked, and no earlier write is under way.
 */
static bool only_updates_tags(struct folio *folio)
{
	const struct address_space *mapping = gup_pin_folio_file(folio);
	struct buffer_head *head, *bh;

	if (!mapping || !is_ext4(mapping->host->i_sb))
		return false;
	head = folio_buffers(folio);
	bh = head;
	while (bh) {
		if (buffer_async_write(bh))
			return false;
		bh = bh->b_this_page;
		if (bh == head)
			break;
	}
	return true;
}
#else
static bool only_updates_tags(struct folio *folio)
{
	return false;
}
#endif

/**
 * gup_pin_writeback_stake() - what is at stake when a folio's writeback starts
 * @folio: the folio; locked, or about to be submitted
 *
 * Any context but NMI.
 *
 * Return: GUP_PIN_STAKE_NOTHING if nothing is submitted.
 */
enum gup_pin_stake gup_pin_writeback_stake(struct folio *folio)
{
	return only_updates_tags(folio) ? GUP_PIN_STAKE_NOTHING :
					  GUP_PIN_STAKE_DATA;
}

/**
 * gup_pin_rewrite_stake() - what is at stake when a folio changes under writeback
 * @folio: the folio; may have left its file
 *
 * Where the device does not need stable pages, a page fault or write() may change them
 * meanwhile: it makes the folio dirty first, and it will be written again.
 *
 * Return: GUP_PIN_STAKE_REWRITE if it is so.
 */
enum gup_pin_stake gup_pin_rewrite_stake(const struct folio *folio)
{
	if (folio_test_dirty(folio) && !gup_pin_needs_stable(folio))
		return GUP_PIN_STAKE_REWRITE;
	return GUP_PIN_STAKE_DATA;
}

/**
 * gup_pin_truncate_stake() - what is at stake when a folio leaves its file
 * @folio: the folio; locked, and still in its mapping
 *
 * Nothing, if the file ends with it: no descriptor and no mapping of it is left, and
 * either no name is, or its file system, which has nothing but memory, is unmounted. A
 * file of a disk that is evicted while it has a name is read again later.
 *
 * Return: GUP_PIN_STAKE_END if the file ends.
 */
enum gup_pin_stake gup_pin_truncate_stake(const struct folio *folio)
{
	struct address_space *mapping = gup_pin_folio_file(folio);
	const struct inode *inode = mapping ? mapping->host : NULL;

	if (!inode || !gup_pin_inode_ends(inode))
		return GUP_PIN_STAKE_DATA;
	if (inode->i_nlink && mapping_can_writeback(mapping))
		return GUP_PIN_STAKE_DATA;
	return GUP_PIN_STAKE_END;
}

/* Is a pin for read as bad as one for write? */
static bool any_mode(enum gup_pin_hazard_kind kind, enum gup_pin_stake stake)
{
	switch (kind) {
	case GUP_PIN_HAZARD_UNMATCHED_UNPIN:
	case GUP_PIN_HAZARD_DIRTY_READ_PIN:
	case GUP_PIN_HAZARD_OVERDUE:
		return true;
	default:
		/* Any pin is waited for. */
		return stake == GUP_PIN_STAKE_HANG || stake == GUP_PIN_STAKE_WAIT;
	}
}

/*
 * It happens to other pages of a large folio than those that are on record as pinned. They
 * may be pinned nevertheless: one page may stand for a folio.
 */
static bool elsewhere(const struct gup_pin_hazard *hazard,
		      const struct gup_pin_item *pin)
{
	unsigned long page = pin->pfn - folio_pfn(hazard->folio);

	return hazard->npages && pin->pages < folio_nr_pages(hazard->folio) &&
	       (page < hazard->first || page >= hazard->first + hazard->npages);
}

/*
 * Are all pins for write of reads that have ended? The release of such a pin may then dirty
 * what was written back meanwhile.
 */
static bool has_ended(const struct gup_pin_hazard *hazard, unsigned int writes,
		      const struct gup_pin_ended *ended)
{
	switch (hazard->kind) {
	case GUP_PIN_HAZARD_WRITEBACK:
	case GUP_PIN_HAZARD_TRUNCATE:
		return ended->pins >= writes;
	case GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN:
		return ended->pins >= writes && ended->excused;
	default:
		return false;
	}
}

/**
 * gup_pin_pin_stake() - what is at stake, given what holds the folio
 * @hazard: the hazard; its stake is that of a pin for write
 * @pin: a pin on the folio, for write if there is one
 * @writes: pins for write on the folio
 * @ended: those of reads that had ended before these were looked at
 *
 * Context as gup_pin_hazard().
 *
 * Return: the least harmful of the reasons why it may be harmless; or the hazard's.
 */
enum gup_pin_stake gup_pin_pin_stake(const struct gup_pin_hazard *hazard,
				     const struct gup_pin_item *pin,
				     unsigned int writes,
				     const struct gup_pin_ended *ended)
{
	enum gup_pin_stake stake = hazard->stake;

	if (any_mode(hazard->kind, stake))
		return stake;
	if (pin->id.mode != GUP_PIN_WRITE)
		return max(stake, GUP_PIN_STAKE_READ);
	if (has_ended(hazard, writes, ended))
		return max(stake, GUP_PIN_STAKE_DONE);
	if (pin->mixed || ended->lossy || elsewhere(hazard, pin))
		return max(stake, GUP_PIN_STAKE_GUESS);
	return stake;
}

/**
 * gup_pin_to_report() - is a hazard to be reported?
 * @kind: which
 * @stake: what is at stake
 *
 * Any context.
 *
 * Return: false if it is only to be counted.
 */
bool gup_pin_to_report(enum gup_pin_hazard_kind kind, enum gup_pin_stake stake)
{
	switch (gup_pin_policy_of(kind)) {
	case GUP_PIN_POLICY_ANY:
		return stake < GUP_PIN_STAKE_NONE || stake == GUP_PIN_STAKE_READ;
	case GUP_PIN_POLICY_REPORT:
		return stake < GUP_PIN_STAKE_NONE;
	default:
		return false;
	}
}
