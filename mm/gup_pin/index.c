// SPDX-License-Identifier: GPL-2.0
/*
 * The index: pfn / 64 -> block.
 *
 * A folio can be neither split nor freed while it is pinned, so its head pfn
 * is a stable key. All under the lock of the block's shard, but for
 * initialising.
 */
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "gup_pin.h"

/*
 * An xa_node is there from its first entry to its last. xas_store() reports
 * each change of a node's count, so while entries are only added a count of 1
 * is a new node, and while they are only removed a count of 0 is a freed one.
 */
static struct gup_pin_shard *node_shard(struct xa_node *node)
{
	return container_of(node->array, struct gup_pin_shard, xa);
}

static void count_new_node(struct xa_node *node)
{
	if (node->count == 1)
		node_shard(node)->nodes++;
}

static void count_freed_node(struct xa_node *node)
{
	if (!node->count)
		node_shard(node)->nodes--;
}

void gup_pin_index_init(struct gup_pin_index *index)
{
	unsigned int i;

	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		xa_init_flags(&index->shards[i].xa, XA_FLAGS_LOCK_IRQ);
	xa_init_flags(&index->earlier.xa, XA_FLAGS_LOCK_IRQ);
}

/**
 * gup_pin_index_node_bytes() - what the shards' xa_nodes take
 * @index: the index
 *
 * Return: bytes; exact while nobody pins or unpins.
 */
u64 gup_pin_index_node_bytes(struct gup_pin_index *index)
{
	u64 nodes = 0;
	unsigned int i;

	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		nodes += READ_ONCE(index->shards[i].nodes);
	return nodes * sizeof(struct xa_node);
}

/* What gup_pin_index_find() does when a block was not found lately. */
struct gup_pin_block *__gup_pin_index_find(struct gup_pin_shard *shard,
					   unsigned long nr)
{
	struct gup_pin_block *block = xa_load(&shard->xa, gup_pin_key(nr));

	if (block)
		*gup_pin_recent(shard, nr) = block;
	return block;
}

/**
 * gup_pin_index_insert() - put a new block into the index
 * @shard: its shard
 * @block: the block; its number is set
 * @xas: of the shard's xarray, for xas_nomem() where an xa_node was missing
 *
 * Return: false if it was.
 */
bool gup_pin_index_insert(struct gup_pin_shard *shard,
			  struct gup_pin_block *block, struct xa_state *xas)
{
	xas_set(xas, gup_pin_key(block->nr));
	xas_set_update(xas, count_new_node);
	xas_store(xas, block);
	if (xas_error(xas))
		return false;
	*gup_pin_recent(shard, block->nr) = block;
	return true;
}

static void index_remove(struct gup_pin_shard *shard,
			 struct gup_pin_block *block)
{
	XA_STATE(xas, &shard->xa, gup_pin_key(block->nr));

	xas_set_update(&xas, count_freed_node);
	xas_store(&xas, NULL);
	if (*gup_pin_recent(shard, block->nr) == block)
		*gup_pin_recent(shard, block->nr) = NULL;
	gup_pin_block_free(block);
}

/* Keep an empty block in place of another that became empty before. */
static void index_keep(struct gup_pin_shard *shard, struct gup_pin_block *block)
{
	struct gup_pin_block *old = shard->kept[shard->next_kept];

	shard->kept[shard->next_kept] = block;
	shard->next_kept = (shard->next_kept + 1) % GUP_PIN_KEPT;
	block->kept = true;
	if (!old)
		return;
	old->kept = false;
	if (!old->used)
		index_remove(shard, old);
}

/**
 * gup_pin_index_emptied() - a block has no pin left
 * @shard: its shard
 * @block: the block; may be gone on return
 *
 * It stays for a while, unless there is a bound to the memory.
 */
void gup_pin_index_emptied(struct gup_pin_shard *shard,
			   struct gup_pin_block *block)
{
	gup_pin_block_emptied(block);
	if (block->kept)
		return;
	if (READ_ONCE(gup_pin_max_memory_mb))
		index_remove(shard, block);
	else
		index_keep(shard, block);
}

static void drop_kept(struct gup_pin_shard *shard)
{
	struct gup_pin_block *block;
	unsigned int i;

	for (i = 0; i < GUP_PIN_KEPT; i++) {
		block = shard->kept[i];
		shard->kept[i] = NULL;
		if (!block)
			continue;
		block->kept = false;
		if (!block->used)
			index_remove(shard, block);
	}
}

/**
 * gup_pin_index_drop_kept() - free the empty blocks that were kept
 * @index: the index
 *
 * Any context where the shards' locks may be taken.
 */
void gup_pin_index_drop_kept(struct gup_pin_index *index)
{
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < GUP_PIN_NR_SHARDS; i++) {
		xa_lock_irqsave(&index->shards[i].xa, flags);
		drop_kept(&index->shards[i]);
		xa_unlock_irqrestore(&index->shards[i].xa, flags);
	}
}

/**
 * gup_pin_index_newest() - find a pin that folio_add_pin() continues
 * @index: the index
 * @pfn: of the folio's head
 * @pid: of the task, whose newest pin is meant
 * @id: set to that pin's origin
 * @call: set to that pin's call
 *
 * Return: false if the task has no recorded pin on the folio.
 */
bool gup_pin_index_newest(struct gup_pin_index *index, unsigned long pfn,
			  pid_t pid, struct gup_pin_id *id,
			  struct gup_pin_call *call)
{
	unsigned long nr = gup_pin_block_nr(pfn);
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
	const struct gup_pin_call *newest = NULL;
	const struct gup_pin_ref *ref = NULL;
	struct gup_pin_ref_iter iter;
	struct gup_pin_block *block;
	unsigned long flags;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	if (block)
		ref = gup_pin_ref_first(&iter, block, gup_pin_block_bit(pfn),
					0);
	for (; ref; ref = gup_pin_ref_next(&iter))
		if (ref->call->origin->id.pid == pid &&
		    (!newest || ref->call->time >= newest->time))
			newest = ref->call;
	if (newest) {
		*id = newest->origin->id;
		/* Pairs with call_set_addr() in record.c. */
		u32 npages = smp_load_acquire(&newest->npages);

		*call = *newest;
		/* The copy lies in no block. */
		call->npages = npages & ~GUP_PIN_CALL_OWN;
	}
	xa_unlock_irqrestore(&shard->xa, flags);
	return newest;
}

/**
 * gup_pin_index_doubt() - say of a folio's records that they may be wrong
 * @index: the index
 * @pfn: of the folio's head
 *
 * Their modes, too. Any context where the shards' locks may be taken.
 */
void gup_pin_index_doubt(struct gup_pin_index *index, unsigned long pfn)
{
	unsigned long nr = gup_pin_block_nr(pfn), flags;
	struct gup_pin_shard *shard = gup_pin_shard_of(index, nr);
	struct gup_pin_block *block;

	xa_lock_irqsave(&shard->xa, flags);
	block = gup_pin_index_find(shard, nr);
	if (block && (block->used & BIT_ULL(gup_pin_block_bit(pfn)))) {
		block->inferred |= BIT_ULL(gup_pin_block_bit(pfn));
		block->unsure = true;
	}
	xa_unlock_irqrestore(&shard->xa, flags);
}

static void flush_block(struct gup_pin_shard *shard,
			struct gup_pin_block *block,
			struct gup_pin_drops *drops)
{
	unsigned int bit, calls;

	while (block->used) {
		bit = __ffs64(block->used);
		shard->released += gup_pin_block_pins(block, bit, &calls);
		shard->folios--;
		gup_pin_block_release_all(block, bit, drops);
	}
}

/* An interrupted walk goes on at its key, so the lock may be dropped anywhere. */
static void flush_shard(struct gup_pin_shard *shard)
{
	struct gup_pin_drops drops = {};
	struct gup_pin_block *block;
	unsigned long flags;

	XA_STATE(xas, &shard->xa, 0);

	xas_lock_irqsave(&xas, flags);
	/* From here on a block that is emptied is freed at once. */
	memset(shard->kept, 0, sizeof(shard->kept));
	xas_for_each(&xas, block, ULONG_MAX) {
		flush_block(shard, block, &drops);
		xas_pause(&xas);
		index_remove(shard, block);
		xas_unlock_irqrestore(&xas, flags);
		cond_resched();
		xas_lock_irqsave(&xas, flags);
	}
	shard->untracked = 0;
	/* Where memory ran out, empty nodes may be left that were counted. */
	shard->nodes = 0;
	xas_unlock_irqrestore(&xas, flags);
	xa_destroy(&shard->xa);
	gup_pin_drop_now(&drops);
}

/**
 * gup_pin_index_flush() - forget all pins
 * @index: the index; its recording is false already
 *
 * May sleep.
 */
void gup_pin_index_flush(struct gup_pin_index *index)
{
	unsigned int i;

	for (i = 0; i < GUP_PIN_NR_SHARDS; i++)
		flush_shard(&index->shards[i]);
}

/* The reasons not to be quick may come and go at once. */
static DEFINE_SPINLOCK(quick_lock);

static void update_quick(struct gup_pin_index *index)
{
	bool known = index->complete || index->earlier.known;

	WRITE_ONCE(index->quick, known && !index->traced);
}

/**
 * gup_pin_index_complete() - are all pins on record?
 * @index: the index
 * @complete: whether they are
 */
void gup_pin_index_complete(struct gup_pin_index *index, bool complete)
{
	spin_lock(&quick_lock);
	WRITE_ONCE(index->complete, complete);
	update_quick(index);
	spin_unlock(&quick_lock);
}

/**
 * gup_pin_index_earlier_known() - are the pins from before tracking known?
 * @index: the index
 * @known: whether they are
 */
void gup_pin_index_earlier_known(struct gup_pin_index *index, bool known)
{
	spin_lock(&quick_lock);
	WRITE_ONCE(index->earlier.known, known);
	update_quick(index);
	spin_unlock(&quick_lock);
}

/**
 * gup_pin_index_traced() - does somebody trace unpins?
 * @index: the index
 * @traced: whether somebody does
 *
 * Then none goes the short way, which looks at nothing that would tell. So the
 * short way need not ask whether it is traced.
 */
void gup_pin_index_traced(struct gup_pin_index *index, bool traced)
{
	spin_lock(&quick_lock);
	index->traced = traced;
	update_quick(index);
	spin_unlock(&quick_lock);
}
