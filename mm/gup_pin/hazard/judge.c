// SPDX-License-Identifier: GPL-2.0
/*
 * Decide what is at stake when a hazard is detected. A report stops test farms, so it
 * is printed only if data of a file that can still be read may be wrong or lost, and
 * the pin that causes it is certain.
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
/* ext2 has the same magic number, but a different writeback path. */
static bool is_ext4(const struct super_block *sb)
{
	const char *name = sb->s_type->name;

	return sb->s_magic == EXT4_SUPER_MAGIC &&
	       (!strcmp(name, "ext4") || !strcmp(name, "ext3"));
}

/*
 * ext4 passes clean folios, and dirty folios that it cannot write now, through the
 * writeback state to update the tags of their mapping. If it writes a folio, it has
 * marked the buffers before: the folio is locked, and no earlier write is in progress.
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
 * gup_pin_writeback_stake() - what is at stake when writeback of a folio starts
 * @folio: the folio; locked, or about to be submitted
 *
 * Context: Any except NMI.
 * Return: GUP_PIN_STAKE_NOTHING if nothing is submitted, or GUP_PIN_STAKE_DATA.
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
 * If the device does not need stable pages, page faults and write() may change a folio
 * under writeback: they make it dirty first, so it is written again.
 *
 * Return: GUP_PIN_STAKE_REWRITE if so, or GUP_PIN_STAKE_DATA.
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
 * Nothing is at stake if the file ends: it has no open descriptor and no mapping, and
 * either it has no name or its file system, which exists in memory only, is unmounted.
 * A file on a disk that is evicted while it has a name can be read again later.
 *
 * Return: GUP_PIN_STAKE_END if the file ends, or GUP_PIN_STAKE_DATA.
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

/* Is a read pin as bad as a write pin? */
static bool any_mode(enum gup_pin_hazard_kind kind, enum gup_pin_stake stake)
{
	switch (kind) {
	case GUP_PIN_HAZARD_UNMATCHED_UNPIN:
	case GUP_PIN_HAZARD_DIRTY_READ_PIN:
	case GUP_PIN_HAZARD_OVERDUE:
		return true;
	default:
		/* A wait is for pins of any mode. */
		return stake == GUP_PIN_STAKE_HANG || stake == GUP_PIN_STAKE_WAIT;
	}
}

/*
 * Are the affected pages of a large folio other than the recorded ones? They may be
 * pinned nevertheless: one page may stand for a folio.
 */
static bool elsewhere(const struct gup_pin_hazard *hazard,
		      const struct gup_pin_item *pin)
{
	unsigned long page = pin->pfn - folio_pfn(hazard->folio);

	return hazard->npages && pin->pages < folio_nr_pages(hazard->folio) &&
	       (page < hazard->first || page >= hazard->first + hazard->npages);
}

/* Is it harmless if the I/O of the pin had ended? A pin that was just taken begins one. */
static bool may_be_late(enum gup_pin_hazard_kind kind)
{
	return kind == GUP_PIN_HAZARD_WRITEBACK || kind == GUP_PIN_HAZARD_TRUNCATE ||
	       kind == GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN;
}

/*
 * Do all write pins belong to reads that have ended? The unpin of such a read may then
 * dirty what was written back meanwhile.
 */
static bool has_ended(const struct gup_pin_hazard *hazard, unsigned int writes,
		      const struct gup_pin_ended *ended)
{
	if (hazard->kind == GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN && !ended->excused)
		return false;
	return may_be_late(hazard->kind) && ended->pins >= writes;
}

/* A long-term pin is never that of a direct read. */
static bool may_have_ended(const struct gup_pin_hazard *hazard,
			   const struct gup_pin_item *pin, const struct gup_pin_ended *ended)
{
	return may_be_late(hazard->kind) && ended->lossy && pin->id.term != GUP_PIN_LONG;
}

/**
 * gup_pin_pin_stake() - what is at stake, given the pins of the folio
 * @hazard: the hazard; its stake assumes a write pin
 * @pin: a pin on the folio, a write pin if there is one
 * @writes: number of write pins on the folio
 * @ended: pins of reads that had ended before the folio's pins were looked up
 *
 * Context: As gup_pin_hazard().
 * Return: the stake of the hazard, or a less harmful one that its pins justify.
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
	if (pin->mixed || may_have_ended(hazard, pin, ended) || elsewhere(hazard, pin))
		return max(stake, GUP_PIN_STAKE_GUESS);
	return stake;
}

/**
 * gup_pin_to_report() - should a hazard be reported?
 * @kind: its kind
 * @stake: what is at stake
 *
 * Context: Any.
 * Return: false if it is only counted.
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
