// SPDX-License-Identifier: GPL-2.0
/* Checksums of a folio's content, and comparison with them. */
#include <linux/highmem.h>
#include <linux/kcsan-checks.h>
#include <linux/mm.h>
#include <linux/xxhash.h>

#include "internal.h"

#define SUMS_PER_PAGE	(PAGE_SIZE / GUP_PIN_SUM_BYTES)

/**
 * gup_pin_sums_of() - number of checksums of a folio
 * @folio: the folio
 *
 * Return: their number.
 */
unsigned int gup_pin_sums_of(const struct folio *folio)
{
	return folio_nr_pages(folio) * SUMS_PER_PAGE;
}

/* Concurrent changes are expected: checksums are there to detect them. */
static u32 sum_bytes(const void *bytes)
{
	u32 sum;

	kcsan_disable_current();
	sum = xxhash(bytes, GUP_PIN_SUM_BYTES, 0);
	kcsan_enable_current();
	return sum;
}

static void sum_page(struct folio *folio, unsigned int page, u32 *sums)
{
	const void *bytes = kmap_local_folio(folio, page * PAGE_SIZE);
	unsigned int i;

	for (i = 0; i < SUMS_PER_PAGE; i++)
		sums[i] = sum_bytes(bytes + i * GUP_PIN_SUM_BYTES);
	kunmap_local(bytes);
}

/**
 * gup_pin_sum() - compute the checksums of a folio
 * @folio: the folio
 * @sums: filled in; has room for gup_pin_sums_of() checksums
 *
 * Context: Any except NMI.
 */
void gup_pin_sum(struct folio *folio, u32 *sums)
{
	unsigned int page;

	for (page = 0; page < folio_nr_pages(folio); page++)
		sum_page(folio, page, sums + page * SUMS_PER_PAGE);
}

/* Changes are noted in ascending order, so only the last range can grow. */
static void note_change(struct gup_pin_changes *changes, size_t first)
{
	if (!changes->nr || changes->end != first) {
		if (changes->nr < GUP_PIN_RANGES_MAX)
			changes->range[changes->nr].first = first;
		changes->nr++;
	}
	changes->end = first + GUP_PIN_SUM_BYTES;
	if (changes->nr <= GUP_PIN_RANGES_MAX)
		changes->range[changes->nr - 1].last = changes->end - 1;
}

static void compare_page(struct folio *folio, unsigned int page,
			 const u32 *sums, struct gup_pin_changes *changes)
{
	u32 now[SUMS_PER_PAGE];
	unsigned int i;

	sum_page(folio, page, now);
	for (i = 0; i < SUMS_PER_PAGE; i++)
		if (now[i] != sums[i])
			note_change(changes, page * PAGE_SIZE +
					     i * GUP_PIN_SUM_BYTES);
}

/**
 * gup_pin_sum_compare() - find what has changed since gup_pin_sum()
 * @folio: the folio
 * @sums: checksums from gup_pin_sum()
 * @changes: filled in
 *
 * Context: Any except NMI.
 * Return: true if the content has changed.
 */
bool gup_pin_sum_compare(struct folio *folio, const u32 *sums,
			 struct gup_pin_changes *changes)
{
	unsigned int page;

	changes->nr = 0;
	for (page = 0; page < folio_nr_pages(folio); page++)
		compare_page(folio, page, sums + page * SUMS_PER_PAGE, changes);
	return changes->nr;
}
