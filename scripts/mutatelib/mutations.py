# SPDX-License-Identifier: GPL-2.0
"""The mutations: of hooks, barriers, locks, bounds, masks, marks, guesses and frees."""

from __future__ import annotations

from .mutation import Mutation

BUILTIN = "mm/gup_pin/builtin.h"
CONTROL = "mm/gup_pin/control.c"
ADD = "mm/gup_pin/record/add.c"
BLOCK = "mm/gup_pin/record/block.c"
EARLIER = "mm/gup_pin/record/earlier.c"
HANDLE = "mm/gup_pin/record/handle.c"
HOLDERS = "mm/gup_pin/record/holders.c"
HOOKS = "mm/gup_pin/hooks.c"
RECORD = "mm/gup_pin/record/record.h"
HUGE = "mm/gup_pin/huge.c"
INDEX = "mm/gup_pin/record/index.c"
INTERNAL = "mm/gup_pin/record/internal.h"
LOCATE = "mm/gup_pin/record/locate.c"
MATCH = "mm/gup_pin/record/match.c"
MEMORY = "mm/gup_pin/record/memory.c"
ORIGIN = "mm/gup_pin/record/origin.c"
SITE = "mm/gup_pin/record/site.c"
STACK_CACHE = "mm/gup_pin/record/stack_cache.c"
TASK = "mm/gup_pin/record/task.c"
TAKE = "mm/gup_pin/record/take.c"
UNLOADED = "mm/gup_pin/record/unloaded.c"
UNPIN = "mm/gup_pin/record/unpin.c"
UNPIN_FOLIO = "mm/gup_pin/record/unpin_folio.c"
UNPIN_HEADER = "mm/gup_pin/record/unpin.h"
UNRECORDED = "mm/gup_pin/record/unrecorded.c"
WALK = "mm/gup_pin/record/walk.c"
EVENT = "mm/gup_pin/hazard/event.c"
HAZARD = "mm/gup_pin/hazard/hazard.c"
RING = "mm/gup_pin/hazard/ring.c"
SEEN = "mm/gup_pin/hazard/seen.c"
JUDGE = "mm/gup_pin/hazard/judge.c"
DAX = "mm/gup_pin/hazard/dax.c"
OVERDUE = "mm/gup_pin/hazard/overdue.c"
DEED = "mm/gup_pin/hazard/deed.c"
ENDED = "mm/gup_pin/hazard/ended.c"
PROCFS = "mm/gup_pin/view/procfs.c"
REFUSED = "mm/gup_pin/view/refused.c"
HAZARDS = "mm/gup_pin/view/hazards.c"
# The hooks for all callers, and those of mm/.
HEADER = "include/linux/gup_pin.h"
MM_HEADER = "mm/gup_pin/hooks.h"

MUTATIONS = [
    # Hooks.
    Mutation(
        "undo-of-folios-is-hooked",
        MM_HEADER,
        "\t__gup_pin_unpin_folios(folios, nfolios);\n",
        "\tunpin_folios(folios, nfolios);\n",
        "gup_pin_udmabuf",
    ),
    Mutation(
        "undo-of-a-folio-is-hooked",
        MM_HEADER,
        "gup_pin_undo_folio(struct folio *folio)\n{\n\t__gup_pin_unpin_folio(folio, 1);\n",
        "gup_pin_undo_folio(struct folio *folio)\n{\n\tunpin_folio(folio);\n",
        "gup_pin_movable",
    ),
    Mutation(
        "zero-page-is-released",
        HOOKS,
        "\tif (is_zero_page(page))\n\t\treturn;\n\tunpin_range(&unpin, page, 1);\n",
        "\tunpin_range(&unpin, page, 1);\n",
        "gup_pin_api.zero_page",
    ),
    Mutation(
        "pending-unpins-are-forgotten",
        HOOKS,
        "\tgup_pin_unpin_flush(unpin);\n\tgup_pin_unpin_end(unpin);\n",
        "\tgup_pin_unpin_end(unpin);\n",
        "gup_pin_api.pin_functions",
    ),
    Mutation(
        "pending-unpins-of-a-page-are-one",
        RECORD,
        "if (unpin->block != block || (unpin->mask & bit)) {",
        "if (unpin->block != block) {",
        "gup_pin_api.array_has_pages_twice",
    ),
    Mutation(
        "no-barrier-after-the-record",
        HOOKS,
        "\tsmp_mb(); /* as in gup_pin_sees_writeback() */\n",
        "",
        why="the guest's CPUs are threads of this machine's, whose stores are seen long before"
        " the flag is read: what a CPU that reorders does is acted out by gup_pin_race",
    ),
    # Adding.
    Mutation(
        "added-while-off",
        ADD,
        "\tif (!READ_ONCE(index->recording))\n\t\treturn ADD_OFF;\n",
        "",
        "gup_pin_index.switched_off",
    ),
    Mutation(
        "block-forgets-earlier-pins",
        ADD,
        "\t\tblock->earlier = gup_pin_earlier_mask(index, nr);\n",
        "",
        "gup_pin_earlier.take_no_record",
    ),
    Mutation(
        "assumed-mode-is-trusted",
        ADD,
        "\tif (unlikely(what->flags & DOUBTFUL))\n\t\tblock->guessed |= what->mask;\n",
        "",
        "gup_pin_api.further_pin_of_another_task",
    ),
    Mutation(
        "untracked-is-not-counted",
        ADD,
        "\t\tshard->untracked += pins;\n",
        "",
        "gup_pin_api.memory_runs_out",
    ),
    Mutation(
        "origin-keeps-what-was-not-added",
        ADD,
        "\tif (adder->what.origin && adder->added != pins)\n",
        "\tif (false)\n",
        "gup_pin_origin.part_is_recorded",
    ),
    # Blocks.
    Mutation(
        "record-of-another-mapping",
        BLOCK,
        "record->base == what->base && ",
        "",
        "gup_pin_block.different_is_another",
    ),
    Mutation(
        "page-twice-in-a-mask",
        BLOCK,
        "!(record->mask & what->mask) && record->origin",
        "record->origin",
        "gup_pin_block.array_has_a_page_twice",
    ),
    Mutation(
        "first-record-out-of-order",
        BLOCK,
        "record = gup_pin_block_empty(block) ? &block->first :",
        "record = !block->first.mask ? &block->first :",
        "gup_pin_block.first_record_is_used_in_order",
    ),
    Mutation(
        "record-is-not-freed",
        BLOCK,
        "\tshard->spare = spare;\n\tshard->nr_spare++;\n",
        "",
        "gup_pin_memory.spare_records",
    ),
    Mutation(
        "too-many-spare-records",
        BLOCK,
        "shard->nr_spare == GUP_PIN_SPARE || ",
        "",
        "gup_pin_memory.spare_records",
    ),
    Mutation(
        "spare-records-despite-a-bound",
        BLOCK,
        " || READ_ONCE(gup_pin_max_memory_mb))",
        ")",
        "gup_pin_memory.spare_records",
    ),
    Mutation(
        "spare-records-stay",
        INDEX,
        "\tgup_pin_drop_spare(shard);\n",
        "",
        "gup_pin_memory.spare_records",
    ),
    Mutation(
        "records-are-not-counted-down",
        BLOCK,
        "\tblock->nr_records--;\n",
        "",
        "gup_pin_model.goes_like_a_model",
    ),
    Mutation(
        "place-stays-after-a-pause",
        BLOCK,
        "\tnext = gup_pin_next_record(block, &place);\n\tgup_pin_place_del(block, &place);\n",
        "\tnext = gup_pin_next_record(block, &place);\n",
        "gup_pin_unpin.behind_very_many",
    ),
    # The index.
    Mutation(
        "recent-block-is-gone",
        INDEX,
        "\tif (*gup_pin_recent(shard, block->nr) == block)\n"
        "\t\t*gup_pin_recent(shard, block->nr) = NULL;\n",
        "",
        "gup_pin_index.kept_blocks",
    ),
    Mutation(
        "freed-nodes-count",
        INDEX,
        "\tif (!node->count)\n\t\tcount_node(node, -1);\n",
        "",
        "gup_pin_memory.nodes_count",
    ),
    Mutation(
        "kept-block-in-use-is-removed",
        INDEX,
        "\told->kept = false;\n\tif (gup_pin_block_empty(old))\n\t\tremove(shard, old);\n",
        "\told->kept = false;\n\tremove(shard, old);\n",
        "gup_pin_index.kept_blocks",
    ),
    Mutation(
        "kept-block-is-kept-twice",
        INDEX,
        "\tif (block->kept)\n\t\treturn;\n",
        "",
        "gup_pin_model.goes_like_a_model",
    ),
    Mutation(
        "kept-blocks-stay-when-off",
        INDEX,
        "\txa_lock_irqsave(&shard->xa, flags);\n\tdrop_kept(shard);\n",
        "\txa_lock_irqsave(&shard->xa, flags);\n",
        "gup_pin_index.switched_off",
    ),
    Mutation(
        "flush-keeps-origins",
        INDEX,
        "\tgup_pin_origin_put(record->origin, pins);\n",
        "",
        "gup_pin_walk.flushed_meanwhile",
    ),
    # Memory.
    Mutation(
        "no-bound-for-origins",
        MEMORY,
        "\tif (!may_allocate(sizes[kind]))\n",
        "\tif (kind != GUP_PIN_ORIGINS && !may_allocate(sizes[kind]))\n",
        "gup_pin_memory.origins_have_a_bound",
    ),
    Mutation(
        "bound-for-blocks-alone",
        MEMORY,
        "\tif (!may_allocate(sizes[kind]))\n",
        "\tif (kind == GUP_PIN_BLOCKS && !may_allocate(sizes[kind]))\n",
        "gup_pin_memory.records_have_a_bound",
    ),
    # Origins.
    Mutation(
        "origin-freed-at-once",
        ORIGIN,
        "\tkfree_rcu(origin, rcu);\n",
        "\tkfree(origin);\n",
        "gup_pin_origin.readers_may_look_on",
    ),
    Mutation(
        "cached-origin-is-freed",
        ORIGIN,
        """\tif (atomic_read(&origin->cached))
		return false;
	/* If no more were taken than had been released before, all have been. */
	released = atomic64_read(&origin->released);
	if (atomic64_cmpxchg(&origin->acquired, released, GUP_PIN_ORIGIN_DEAD) != released)
		return false;
	if (!atomic_read(&origin->cached))
		return true;
	atomic64_set(&origin->acquired, released);
	return false;
""",
        """\treleased = atomic64_read(&origin->released);
	return atomic64_cmpxchg(&origin->acquired, released, GUP_PIN_ORIGIN_DEAD) == released;
""",
        "gup_pin_origin.cached_ones_stay",
    ),
    Mutation(
        "dead-origin-is-taken",
        ORIGIN,
        "\treturn atomic64_add_return(pins, &origin->acquired) >= 0;\n",
        "\tatomic64_add(pins, &origin->acquired);\n\treturn true;\n",
        "gup_pin_origin.dying_ones_are_left",
    ),
    Mutation(
        "sweep-does-not-come-again",
        ORIGIN,
        "\tif (READ_ONCE(origins->count) > ORIGINS_KEPT)\n"
        "\t\tschedule_delayed_work(&origins->sweep, SWEEP_INTERVAL);\n",
        "",
        "gup_pin_origin.unused_go_by_themselves",
    ),
    Mutation(
        "used-origin-is-swept",
        ORIGIN,
        "\t\t\tif (READ_ONCE(origin->used))\n\t\t\t\tWRITE_ONCE(origin->used, false);\n"
        "\t\t\telse if (origin_kill(origin))\n",
        "\t\t\tif (origin_kill(origin))\n",
        "gup_pin_origin.used_ones_stay",
    ),
    Mutation(
        "peak-is-not-raised",
        ORIGIN,
        "\tgup_pin_origin_raise_peak(origin, gup_pin_origin_live(origin));\n",
        "",
        "gup_pin_origin.acquired_and_peak",
    ),
    # Zombies, and memory of others.
    Mutation(
        "zombie-thread-lives",
        TASK,
        "if (!task || READ_ONCE(task->exit_state) || is_younger(task, age))",
        "if (!task || is_younger(task, age))",
        "gup_pin_orphans",
    ),
    Mutation(
        "zombie-process-lives",
        TASK,
        "\tif (!task || task_tgid_nr(task) != tgid ||\n"
        "\t    (READ_ONCE(task->exit_state) && !atomic_read(&task->signal->live)))\n",
        "\tif (!task || task_tgid_nr(task) != tgid)\n",
        "gup_pin_orphans",
    ),
    Mutation(
        "process-ends-with-its-first-thread",
        TASK,
        "(READ_ONCE(task->exit_state) && !atomic_read(&task->signal->live))",
        "READ_ONCE(task->exit_state)",
        "gup_pin_orphans",
    ),
    Mutation(
        "mm-leaks-at-close",
        PROCFS,
        "\tforget(reader->mm);\n",
        "",
        "gup_pin_proc",
    ),
    # The stack cache.
    Mutation(
        "last-return-address-is-skipped",
        STACK_CACHE,
        "\tfor (i = from; i < to; i++)\n\t\tif (words[trace->at[i]]",
        "\tfor (i = from; i + 1 < to; i++)\n\t\tif (words[trace->at[i]]",
        "gup_pin_stack_cache.moved_up_and_down",
    ),
    Mutation(
        "second-return-address-is-skipped",
        STACK_CACHE,
        "\t\tif (words[trace->at[i]] != trace->ip[i])\n",
        "\t\tif (i != 1 && words[trace->at[i]] != trace->ip[i])\n",
        "gup_pin_stack_cache.same_as_unwinding",
    ),
    Mutation(
        "links-are-not-compared",
        STACK_CACHE,
        "\t\tif (start[link->at] !=\n",
        "\t\tif (false && start[link->at] !=\n",
        "gup_pin_stack_cache.remembered_at_once",
    ),
    Mutation(
        "cache-does-not-hold-its-origin",
        STACK_CACHE,
        "\tatomic_inc(&origin->cached);\n",
        "",
        "gup_pin_stack_cache.remembered_at_once",
    ),
    Mutation(
        "interrupts-are-remembered",
        LOCATE,
        "\t    unwind_get_entry_regs(state, NULL) ||\n",
        "",
        why="interrupts have stacks of their own, which are refused before, and no exception"
        " that comes upon the kernel pins",
    ),
    # Marks, and guesses.
    Mutation(
        "trust-leaves-guessed",
        TAKE,
        "\tblock->guessed &= ~mask;\n",
        "",
        "gup_pin_unpin.doubt_is_of_pages",
    ),
    Mutation(
        "handle-of-several",
        MATCH,
        "verdict->score >= GUP_PIN_FITS_HANDLE && verdict->handles == 1",
        "verdict->score >= GUP_PIN_FITS_HANDLE",
        "gup_pin_unpin.equal_handles",
    ),
    Mutation(
        "newest-of-the-best",
        MATCH,
        "if (!verdict->record || fits > verdict->score)",
        "if (!verdict->record || fits >= verdict->score)",
        "gup_pin_unpin.decides_in_order",
    ),
    Mutation(
        "release-with-interrupts-on",
        UNPIN,
        "\txa_lock_irqsave(&shard->xa, flags);\n\tblock = gup_pin_index_find(shard, nr);\n"
        "\tif (likely(block && READ_ONCE(",
        "\tlocal_save_flags(flags);\n\txa_lock(&shard->xa);\n"
        "\tblock = gup_pin_index_find(shard, nr);\n\tif (likely(block && READ_ONCE(",
        "gup_pin_index.unpinned_in_an_interrupt",
        # Without lockdep it is an occasional deadlock.
        flavour="stress",
    ),
    Mutation(
        "array-has-no-end",
        MATCH,
        "entry >= unpin->first && entry <= unpin->last",
        "entry >= unpin->first",
        "gup_pin_unpin.decides_in_order",
    ),
    Mutation(
        "any-handle-fits",
        MATCH,
        "score = unpin->handle && record->cookie == unpin->handle ? GUP_PIN_FITS_HANDLE : 0;",
        "score = unpin->handle ? GUP_PIN_FITS_HANDLE : 0;",
        "gup_pin_unpin.decides_in_order",
    ),
    Mutation(
        "stack-does-not-count",
        MATCH,
        "\tif (site && gup_pin_site_has_stack(site, id->stack))\n"
        "\t\tscore |= GUP_PIN_FITS_STACK;\n",
        "",
        "gup_pin_unpin.decides_in_order",
    ),
    Mutation(
        "mode-does-not-count",
        MATCH,
        "\tif (unpin->write && id->mode == GUP_PIN_WRITE)\n\t\tscore |= GUP_PIN_FITS_MODE;\n",
        "",
        "gup_pin_unpin.decides_in_order",
    ),
    Mutation(
        "kind-does-not-count",
        MATCH,
        "\tif (site && gup_pin_site_has_kind(site, id))\n\t\tscore |= GUP_PIN_FITS_KIND;\n",
        "",
        "gup_pin_unpin.decides_in_order",
    ),
    Mutation(
        "task-in-an-interrupt",
        MATCH,
        "if (unpin->pid && id->pid == unpin->pid)",
        "if (id->pid == unpin->pid)",
        "gup_pin_unpin.no_task_in_an_interrupt",
    ),
    Mutation(
        "whole-folio-takes-a-page",
        MATCH,
        "\t\tif ((record->mask & mask) &&\n"
        "\t\t    (!whole || (record->flags & GUP_PIN_RECORD_FOLIO))) {\n",
        "\t\tif (record->mask & mask) {\n",
        "gup_pin_folio.folio_of_two_calls",
    ),
    Mutation(
        "cut-is-not-reported",
        MATCH,
        "\t\tverdict.cut = pause && verdict.record;\n\t\tif (verdict.cut)\n",
        "\t\tif (pause && verdict.record)\n",
        "gup_pin_unpin.behind_very_many",
    ),
    Mutation(
        "handle-is-not-looked-for",
        MATCH,
        "\tif (unpin->handle) {\n\t\tverdict = look(",
        "\tif (false) {\n\t\tverdict = look(",
        "gup_pin_unpin.handle_behind_very_many",
    ),
    Mutation(
        "earlier-pin-takes-a-record",
        MATCH,
        "\treturn verdict->score >= GUP_PIN_FITS_ARRAY ||\n"
        "\t       ((verdict->score & GUP_PIN_FITS_STACK) && id->term == GUP_PIN_SHORT);\n",
        "\treturn id || true;\n",
        "gup_pin_earlier.take_no_record",
    ),
    Mutation(
        "long-pin-of-a-known-stack",
        MATCH,
        "((verdict->score & GUP_PIN_FITS_STACK) && id->term == GUP_PIN_SHORT);\n",
        "(id && (verdict->score & GUP_PIN_FITS_STACK));\n",
        "gup_pin_earlier.go_before_long_ones",
    ),
    Mutation(
        "guessed-is-no-doubt",
        MATCH,
        "if (others || (block->guessed & mask) || verdict->cut || !verdict->alike)",
        "if (others || verdict->cut || !verdict->alike)",
        "gup_pin_unpin.alike_then_guessed",
    ),
    Mutation(
        "unlike-is-no-doubt",
        MATCH,
        "if (others || (block->guessed & mask) || verdict->cut || !verdict->alike)",
        "if (others || (block->guessed & mask) || verdict->cut)",
        "gup_pin_unpin.decides_in_order",
    ),
    Mutation(
        "untracked-pins-are-none",
        UNPIN_HEADER,
        "READ_ONCE(index->earlier.known)) &&\n\t       !shard->untracked;",
        "READ_ONCE(index->earlier.known));",
        "gup_pin_folio.untracked_beside_what_fits",
    ),
    Mutation(
        "what-fits-is-exact-beside-others",
        MATCH,
        "if (others || (block->guessed & mask) ||",
        "if ((block->guessed & mask) ||",
        "gup_pin_folio.untracked_beside_what_fits",
    ),
    Mutation(
        "pins-of-other-folios-count",
        UNRECORDED,
        "(npages > 1 ? unpin->taken : 0);",
        "unpin->taken;",
        "gup_pin_earlier.are_of_one_folio",
    ),
    Mutation(
        "alike-is-exact",
        MATCH,
        "return verdict->records > 1 || (block->alike & mask) ? GUP_PIN_ALIKE : GUP_PIN_EXACT;",
        "return verdict->records > 1 ? GUP_PIN_ALIKE : GUP_PIN_EXACT;",
        "gup_pin_unpin.last_of_alike_ones",
    ),
    Mutation(
        "guess-teaches-a-site",
        TAKE,
        "if (sure && unpin->site &&",
        "if (unpin->site &&",
        "gup_pin_site.a_guess_teaches_nothing",
    ),
    Mutation(
        "pages-with-two-records-are-taken",
        TAKE,
        "\tonce &= ~more;\n",
        "",
        "gup_pin_unpin.*",
    ),
    Mutation(
        "page-with-two-records-is-taken",
        TAKE,
        "if (only || hit != mask)",
        "if (hit != mask)",
        "gup_pin_unpin.*",
    ),
    Mutation(
        "doubt-is-forgotten",
        TAKE,
        "if (!only || (block->earlier | block->alike | block->guessed) & mask)",
        "if (!only || block->earlier & mask)",
        "gup_pin_unpin.*",
    ),
    Mutation(
        "last-pin-leaves-its-marks",
        TAKE,
        "\ttrust(block, mask & ~left);\n",
        "",
        "gup_pin_unpin.decides_in_order",
    ),
    Mutation(
        "rest-is-not-alike",
        TAKE,
        "\tif (doubt == GUP_PIN_DOUBT_ALIKE)\n\t\tblock->alike |= left;\n",
        "",
        "gup_pin_unpin.*",
    ),
    Mutation(
        "rest-is-not-mixed",
        TAKE,
        "\tif (doubt == GUP_PIN_DOUBT_MIXED)\n\t\tblock->mixed |= left;\n",
        "",
        "gup_pin_hazard.*",
    ),
    Mutation(
        "untracked-stay-after-their-unpin",
        UNRECORDED,
        "\tgone = min_t(u64, pins, shard->untracked);\n\tshard->untracked -= gone;\n",
        "\tgone = min_t(u64, pins, shard->untracked);\n",
        "gup_pin_folio.*",
    ),
    Mutation(
        "large-folio-is-not-marked-before",
        UNPIN_FOLIO,
        "\tfor (nr = first; pins && least < GUP_PIN_FITS_HANDLE && nr <= last; nr++)\n"
        "\t\tdoubt_block(unpin->index, nr, gup_pin_folio_mask(nr, pfn, npages),\n"
        "\t\t\t    GUP_PIN_DOUBT_ALIKE);\n",
        "",
        "gup_pin_folio.*",
    ),
    Mutation(
        "page-of-a-folio-is-exact",
        UNPIN_FOLIO,
        "\tif (match == GUP_PIN_EXACT && !whole && verdict.score < GUP_PIN_FITS_HANDLE)\n"
        "\t\tmatch = GUP_PIN_ALIKE;\n",
        "",
        why="unpin_fitting() marks the pages before, so that only a record that is added in between"
        " has none",
    ),
    Mutation(
        "doubted-pages-are-not-tried",
        UNPIN_FOLIO,
        "if ((result == GUP_PIN_NO_RECORD && unpin_doubted(unpin, head)) ||",
        "if ((result == GUP_PIN_NO_RECORD && !head) ||",
        "gup_pin_folio.page_after_folio",
    ),
    Mutation(
        "untracked-pins-go-where-there-is-doubt",
        UNPIN_FOLIO,
        "if (unpin->certain && unpin_untracked_of(unpin, pfn)) {",
        "if (unpin->certain && !pfn) {",
        "gup_pin_folio.untracked_beside_doubted",
    ),
    Mutation(
        "untracked-pins-of-handles-go-anywhere",
        UNPIN_FOLIO,
        "\t\tpins = unpin_kept(unpin, pfn, npages, pins);\n",
        "",
        "gup_pin_folio.untracked_of_a_handle",
    ),
    Mutation(
        "untracked-pins-are-earlier-ones",
        UNPIN_FOLIO,
        "shard->untracked +\n\t\t\t    gup_pin_most_before(unpin->index, gup_pin_head_pfn(pfn)));",
        "shard->untracked +\n\t\t\t    READ_ONCE(unpin->index->complete) - 1U);",
        "gup_pin_folio.untracked_where_late",
    ),
    Mutation(
        "whole-folio-is-never-meant",
        TAKE,
        "gup_pin_match_of(block, mask, &verdict, others + also);\n\tverdict.modes |= also;\n",
        "gup_pin_match_of(block, mask, &verdict, others);\n",
        "gup_pin_folio.page_beside_folio",
    ),
    Mutation(
        "whole-folio-never-fits-better",
        TAKE,
        "if (unpin->whole_score > verdict.score)\n",
        "if (!block)\n",
        "gup_pin_folio.folio_fits_better",
    ),
    Mutation(
        "page-is-not-marked-before-its-folio",
        TAKE,
        "\t\tgup_pin_doubt_rest(block, mask,\n"
        "\t\t\t\t   gup_pin_doubt_of(verdict, unpin, GUP_PIN_INFERRED, 0));\n",
        "",
        "gup_pin_folio.folio_fits_better",
    ),
    Mutation(
        "page-is-forgotten-without-its-folio",
        UNPIN_FOLIO,
        "\t\tgup_pin_unpin_mask(unpin, gup_pin_block_nr(pfn),\n"
        "\t\t\t\t   BIT_ULL(gup_pin_block_bit(pfn)));\n"
        "\t\tunpin->whole = was;\n",
        "\t\tunpin->whole = was;\n",
        "gup_pin_folio.folio_fits_some",
    ),
    Mutation(
        "pins-of-a-folio-are-not-counted-off",
        TAKE,
        "\t\tatomic_long_sub(all, &unpin->index->whole);\n",
        "\t\tbarrier();\n",
        "gup_pin_folio.folio_as_such",
    ),
    Mutation(
        "page-of-a-folio-is-not-meant",
        UNPIN_FOLIO,
        "\t\tdoubt_all(unpin, pfn, npages);\n",
        "\t\tbarrier();\n",
        "gup_pin_folio.folio_beside_pages",
    ),
    Mutation(
        "array-never-comes-back",
        UNRECORDED,
        "\t\t\tgone++;\n",
        "\t\t\tbarrier();\n",
        "gup_pin_folio.untracked_between",
    ),
    Mutation(
        "peek-counts-pins-of-other-folios",
        UNPIN,
        "\tgup_pin_next_folio(&copy);\n",
        "",
        "gup_pin_folio.untracked_is_shown",
    ),
    Mutation(
        "blocks-of-a-folio-are-alike",
        UNPIN_FOLIO,
        "\tif (!alike)\n\t\tunpin->beside |= modes;\n",
        "",
        "gup_pin_folio.folio_of_two_blocks",
    ),
    Mutation(
        "first-block-goes-first",
        UNPIN_FOLIO,
        "\t\t\tbest = max(best, verdict.score);\n",
        "",
        "gup_pin_folio.folio_best_block",
    ),
    Mutation(
        "untracked-whole-folio-is-not-meant",
        UNPIN_FOLIO,
        "untracked = shard->untracked && READ_ONCE(unpin->index->whole_untracked);",
        "untracked = false;",
        "gup_pin_folio.untracked_whole",
    ),
    Mutation(
        "untracked-whole-folio-is-a-read",
        HOLDERS,
        "written = !all_recorded(index, shard) || (block",
        "written = (block",
        "gup_pin_folio.untracked_whole",
    ),
    Mutation(
        "untracked-pin-has-no-handle",
        HANDLE,
        "if (!sure || (block",
        "if ((block",
        "gup_pin_folio.handle_of_untracked",
    ),
    Mutation(
        "unsure-handle-is-exact",
        MATCH,
        "\tif (verdict->record->flags & GUP_PIN_RECORD_UNSURE)\n\t\treturn GUP_PIN_INFERRED;\n",
        "",
        "gup_pin_folio.handle_of_untracked",
    ),
    Mutation(
        "guess-is-continued",
        INDEX,
        "\t\t\t\t\tnewest->flags |= GUP_PIN_RECORD_UNSURE;\n",
        "\t\t\t\t\tbarrier();\n",
        "gup_pin_folio.newest_is_a_guess",
    ),
    Mutation(
        "mistaken-untracked-pin-is-a-bug",
        UNRECORDED,
        "\t\tshard->untracked_guessed += untracked;\n",
        "\t\tbarrier();\n",
        "gup_pin_folio.untracked_mistaken",
    ),
    Mutation(
        "flushed-block-has-no-earlier-pins",
        INDEX,
        "\tblock->earlier = U64_MAX;\n",
        "",
        "gup_pin_walk.flushed_meanwhile",
    ),
    Mutation(
        "releases-are-not-joined",
        TAKE,
        "\t    last->time == (u32)jiffies)\n\t\tmask |= last->mask;\n",
        "\t    last->time == (u32)jiffies)\n\t\tmask |= 0;\n",
        "gup_pin_unpin.releases_of_a_tick",
    ),
    # Earlier pins.
    Mutation(
        "mappings-are-earlier-pins",
        EARLIER,
        "refs = folio_ref_count(folio) - folio_mapcount(folio);",
        "refs = folio_ref_count(folio);",
        "gup_pin_earlier.are_no_mappings",
    ),
    Mutation(
        "recorded-pins-are-earlier-ones",
        EARLIER,
        "store(&index->earlier, &xas, pins - recorded);",
        "store(&index->earlier, &xas, pins);",
        "gup_pin_earlier.*",
    ),
    Mutation(
        "blocks-are-not-marked",
        EARLIER,
        "\tif (found && !xas_error(&xas))\n\t\tmark_blocks(index, folio);\n",
        "",
        "gup_pin_earlier.*",
    ),
    Mutation(
        "folio-begins-in-its-block",
        EARLIER,
        "\tmask = mask_of_head(index, nr);\n",
        "\tmask = 0;\n",
        "gup_pin_earlier.*",
    ),
    Mutation(
        "earlier-pins-never-go",
        EARLIER,
        "\tif (entry)\n\t\tstore(earlier, &xas, xa_to_value(entry) -",
        "\tif (false)\n\t\tstore(earlier, &xas, xa_to_value(entry) -",
        "gup_pin_earlier.*",
    ),
    Mutation(
        "no-bound-for-earlier-pins",
        EARLIER,
        "\tif (gup_pin_memory_full())\n\t\treturn -ENOMEM;\n",
        "",
        "gup_pin_memory.earlier_pins_have_a_bound",
    ),
    Mutation(
        "earlier-nodes-stay-counted",
        EARLIER,
        "\tgup_pin_memory_count(-(long)(earlier->nodes * sizeof(struct xa_node)));\n",
        "",
        "gup_pin_memory.earlier_nodes_count",
    ),
    # Handles.
    Mutation(
        "handle-of-an-older-pin",
        HANDLE,
        "if (record && record->time > newest->time)",
        "if (record && !newest->time)",
        "gup_pin_unpin.newest_gets_the_handle",
    ),
    Mutation(
        "handle-is-given-twice",
        HANDLE,
        "if (newest.time && !newest.handled)",
        "if (newest.time)",
        "gup_pin_unpin.newest_gets_the_handle",
    ),
    # Walking.
    Mutation(
        "walk-leaves-its-place",
        WALK,
        "\t\trecord = gup_pin_next_record(block, &walk->place);\n"
        "\t\tgup_pin_place_del(block, &walk->place);\n",
        "\t\trecord = gup_pin_next_record(block, &walk->place);\n",
        "gup_pin_walk.place_survives",
    ),
    Mutation(
        "readers-places-are-not-counted",
        INTERNAL,
        "\tlist_add(&place->list, prev);\n\tblock->nr_records++;\n",
        "\tlist_add(&place->list, prev);\n",
        "gup_pin_walk.very_many_readers",
    ),
    Mutation(
        "walk-ends-in-the-list",
        WALK,
        "\tgup_pin_place_del(block, &walk->place);\n\tgup_pin_index_tidy(shard, block);\n",
        "\tgup_pin_index_tidy(shard, block);\n",
        "gup_pin_walk.ends_anywhere",
    ),
    Mutation(
        "walk-takes-another-for-its-record",
        WALK,
        "if (record && (record != walk->record || record->time != walk->time))",
        "if (record && record != walk->record)",
        "gup_pin_walk.*",
    ),
    # Holders.
    Mutation(
        "guess-is-only-read",
        HOLDERS,
        "\t\twrites = block->guessed;\n",
        "\t\twrites = 0;\n",
        "gup_pin_holders.only_reads",
    ),
    Mutation(
        "not-recorded-is-not-reported",
        HOLDERS,
        "\ttally->holders->all_recorded &= all_recorded(tally->index, shard);\n",
        "",
        "gup_pin_holders.what_is_not_recorded",
    ),
    Mutation(
        "whole-folio-is-not-endangered",
        HOLDERS,
        "\treturn head == tally->pfn ||\n",
        "\treturn true ||\n",
        "gup_pin_holders.whole_folio_beside_a_page",
    ),
    Mutation(
        "whole-folio-is-not-written",
        HOLDERS,
        "\treturn head == pfn || !written_as_whole(index, head);\n",
        "\treturn head == pfn || index;\n",
        "gup_pin_holders.whole_folio_beside_a_page",
    ),
    Mutation(
        "guess-hides-what-is-certain",
        HOLDERS,
        "\treturn mode == GUP_PIN_WRITE ? mixed : 2;\n",
        "\treturn mode == GUP_PIN_WRITE ? 0 : 2;\n",
        "gup_pin_holders.certain_before_guessed",
    ),
    # Sites.
    Mutation(
        "site-with-many-stacks-has-six",
        SITE,
        "\treturn READ_ONCE(site->many);\n",
        "\treturn false;\n",
        "gup_pin_site.*",
    ),
    # Switching.
    Mutation(
        "late-pins-are-not-looked-for",
        CONTROL,
        "\t\tif (!index->complete)\n\t\t\tgup_pin_earlier_find(index);\n",
        "",
        "gup_pin_enable",
    ),
    Mutation(
        "off-keeps-the-records",
        CONTROL,
        "\t\tgup_pin_index_flush(index);\n",
        "",
        "gup_pin_enable",
    ),
    Mutation(
        "off-is-still-complete",
        CONTROL,
        "\t\tWRITE_ONCE(index->complete, false);\n",
        "",
        "gup_pin_enable",
    ),
    Mutation(
        "bound-keeps-empty-blocks",
        CONTROL,
        "\t\tgup_pin_index_drop_kept(&gup_pin_root.index);\n",
        "\t\t;\n",
        "gup_pin_scale",
    ),
    # Hazards.
    Mutation(
        "full-table-of-reports",
        SEEN,
        "\tif (first)\n\t\tremember(record);\n",
        "\tif (first && !seen[record->kind][SEEN_PLACES - 1].place.used)\n\t\tremember(record);\n",
        "gup_pin_seen.the_oldest_is_forgotten",
    ),
    Mutation(
        "user-has-no-share",
        SEEN,
        "\tif (record->place.uid) {\n",
        "\tif (false) {\n",
        "gup_pin_seen.a_user_has_a_share",
    ),
    Mutation(
        "equal-hazards-are-two",
        RING,
        "\tentry = find(hazard);\n\tif (entry)\n\t\tmerge(entry, hazard, again);\n\telse\n",
        "\tentry = NULL;\n\tif (entry)\n\t\tmerge(entry, hazard, again);\n\telse\n",
        "gup_pin_ring.equal_ones_are_one",
    ),
    Mutation(
        "swap-is-a-hazard",
        EVENT,
        "\tif (folio_test_anon(folio) || folio_test_swapcache(folio))\n"
        "\t\treturn;\n\tgup_pin_hazard(&hazard);\n\tif (hazard.stake",
        "\tgup_pin_hazard(&hazard);\n\tif (hazard.stake",
        "gup_pin_hazard.anonymous_memory_is_no_hazard",
    ),
    # More hooks.
    Mutation(
        "added-pin-is-not-in-vmstat",
        HOOKS,
        "\tif (api == GUP_PIN_FOLIO_ADD_PIN)\n"
        "\t\tnode_stat_mod_folio(folio, NR_FOLL_PIN_ACQUIRED, pins);\n",
        "",
        "gup_pin_api.further_pins_in_vmstat",
    ),
    Mutation(
        "read-bio-does-not-write",
        HOOKS,
        "\tunpin.write = !op_is_write(bio_op(bio));\n",
        "\tunpin.write = false;\n",
        "gup_pin_hooks.bios_have_a_direction",
    ),
    Mutation(
        "trampoline-is-a-site",
        BUILTIN,
        "return is_kretprobe_trampoline(site) ? 0 : site;",
        "return site;",
        "gup_pin_api.probe_is_no_site",
        # The others have no kprobes.
        flavour="debug",
    ),
    Mutation(
        "every-page-stands-for-its-folio",
        HOOKS,
        "bool whole = folio_test_large(folio) && is_alone(pages, npages, i);",
        "bool whole = folio_test_large(folio) && (is_alone(pages, npages, i) || true);",
        "gup_pin_hooks.kept_pages_of_a_folio",
    ),
    Mutation(
        "large-folio-under-writeback",
        HOOKS,
        "\t\ttaken->mappings &= (unsigned long)folio->mapping;\n",
        "",
        "gup_pin_hazard.pin_under_writeback_is_reported",
    ),
    Mutation(
        "mapped-huge-is-another-page",
        HUGE,
        "huge = pmd_present(pmd) && pmd_leaf(pmd) &&\n"
        "\t       pmd_page(pmd) + ((addr & ~PMD_MASK) >> PAGE_SHIFT) == page;\n",
        "huge = pmd_present(pmd) && pmd_leaf(pmd) && page;\n",
        "gup_pin_hooks.another_is_mapped_by_now",
    ),
    Mutation(
        "undo-of-pages-is-hooked",
        MM_HEADER,
        "unsigned long npages)\n{\n\t__gup_pin_unpin_pages(pages, npages);\n",
        "unsigned long npages)\n{\n\tunpin_user_pages(pages, npages);\n",
        why="where there is no device-coherent memory, none is left to undo at the end",
    ),
    Mutation(
        "undo-of-a-page-is-hooked",
        MM_HEADER,
        "\t__gup_pin_unpin_pages(&page, 1);\n",
        "\tunpin_user_page(page);\n",
        why="x86 undoes none: that is where a page cannot be made accessible",
    ),
    Mutation(
        "bio-is-not-reported",
        HEADER,
        "\t\t__gup_pin_released_bio(bio, folio_page(folio, first), npages);\n",
        "\t\t;\n",
        "gup_pin_direct_io",
    ),
    Mutation(
        "handle-is-not-named",
        HEADER,
        "\t\t__gup_pin_released_kept(handle, folio);\n",
        "\t\t__gup_pin_released_kept(NULL, folio);\n",
        "gup_pin_hooks.kept_pages_of_a_folio",
    ),
    Mutation(
        "writeback-is-looked-for-too-early",
        HOOKS,
        "\trecord_pages(&adder, request, npages, addr, &taken);\n"
        "\tgup_pin_add_end(&adder, npages);\n"
        "\tif (!taken.mappings)\n"
        "\t\tcheck_pages(request, npages, taken.large, &id, &adder.what, _RET_IP_);\n",
        "\tcheck_pages(request, npages, true, &id, &adder.what, _RET_IP_);\n"
        "\trecord_pages(&adder, request, npages, addr, &taken);\n"
        "\tgup_pin_add_end(&adder, npages);\n",
        "gup_pin_hazard.pin_under_writeback_is_reported",
    ),
    Mutation(
        "recorded-before-unpins-are-hooked",
        CONTROL,
        "\t\tstatic_branch_enable(&gup_pin_hooks);\n\t\tWRITE_ONCE(index->recording, true);\n",
        "\t\tWRITE_ONCE(index->recording, true);\n\t\tstatic_branch_enable(&gup_pin_hooks);\n",
        why="a pin is recorded by a hook as well: a few microseconds, in which all are patched,"
        " are more than gup_pin_enable can aim at",
    ),
    Mutation(
        "acquired-is-read-first",
        ORIGIN,
        "\ts64 released = atomic64_read_acquire(&origin->released);\n"
        "\ts64 acquired = atomic64_read(&origin->acquired);\n",
        "\ts64 acquired = atomic64_read(&origin->acquired);\n"
        "\ts64 released = atomic64_read_acquire(&origin->released);\n",
        "gup_pin_origin.held_is_seen",
    ),
    Mutation(
        "released-is-read-without-acquire",
        ORIGIN,
        "atomic64_read_acquire(&origin->released)",
        "atomic64_read(&origin->released)",
        why="x86 reads in order, and these reads are volatile",
    ),
    Mutation(
        "mask-comes-before-the-record",
        BLOCK,
        "\trecord->origin = what->origin;\n",
        "\tWRITE_ONCE(record->mask, what->mask);\n\trecord->origin = what->origin;\n",
        why="readers take the lock; only a crash dump at that moment would see it",
    ),
    Mutation(
        "folio-goes-on-behind-its-end",
        BLOCK,
        "min(pfn + npages, gup_pin_block_first(nr + 1)) - 1;",
        "min(pfn + npages, gup_pin_block_first(nr + 1) - 1);",
        "gup_pin_block.folio_masks",
    ),
    Mutation(
        "hazard-being-written-has-a-number",
        RING,
        "\tWRITE_ONCE(entry->seq, 0);\n\tbarrier();\n",
        "",
        why="readers take the lock; only a crash dump at that moment would see it",
    ),
    Mutation(
        "hazards-have-one-number",
        RING,
        "\tWRITE_ONCE(entry->seq, ++gup_pin_ring.newest);\n",
        "\tWRITE_ONCE(entry->seq, gup_pin_ring.newest ?: ++gup_pin_ring.newest);\n",
        "gup_pin_ring.*",
    ),
    Mutation(
        "guessed-mode-is-reported",
        JUDGE,
        "if (pin->mixed || may_have_ended(hazard, pin, ended) || elsewhere(hazard, pin))",
        "if (may_have_ended(hazard, pin, ended) || elsewhere(hazard, pin))",
        "gup_pin_hazard.a_guessed_mode",
    ),
    Mutation(
        "part-elsewhere-is-reported",
        JUDGE,
        "return hazard->npages && pin->pages < folio_nr_pages",
        "return 0 && pin->pages < folio_nr_pages",
        "gup_pin_judge.*",
    ),
    Mutation(
        "dirtied-without-an-excuse",
        JUDGE,
        "if (hazard->kind == GUP_PIN_HAZARD_DIRTIED_AFTER_CLEAN && !ended->excused)",
        "if (0)",
        "gup_pin_judge.*",
    ),
    Mutation(
        "one-ended-read-excuses-all",
        JUDGE,
        "return may_be_late(hazard->kind) && ended->pins >= writes;",
        "return may_be_late(hazard->kind) && ended->pins && writes;",
        "gup_pin_ended.one_of_two_has_ended",
    ),
    Mutation(
        "deed-of-another-pin",
        DEED,
        "deed->time && deed->time == pin->time && deed->pfn == pin->pfn &&",
        "deed->time && deed->pfn == pin->pfn &&",
        "gup_pin_hazard.another_truncation",
    ),
    Mutation(
        "write-excuses",
        ENDED,
        "return bio_flagged(bio, BIO_PAGE_PINNED) && !op_is_write(bio_op(bio));",
        "return bio_flagged(bio, BIO_PAGE_PINNED);",
        "gup_pin_ended.a_write_excuses_nothing",
    ),
    Mutation(
        "release-leaves-the-ended-read",
        ENDED,
        "taken = place ? min(pages, place->pages) : 0;",
        "taken = 0;",
        "gup_pin_ended.nothing_is_left_of_it",
    ),
    Mutation(
        "replaced-read-is-forgotten",
        ENDED,
        "\t\tbucket->nr_lost += place->pages;\n\t\tbucket->lost = jiffies;\n"
        "\t\tatomic_add(place->pages, &ended_nr);\n",
        "\t\t;\n",
        "gup_pin_ended.too_many_have_ended",
    ),
    Mutation(
        "replaced-read-stays",
        ENDED,
        "\t\tbucket->nr_lost -= lost;\n\t\tatomic_sub(lost, &ended_nr);\n",
        "\t\t;\n",
        "gup_pin_ended.too_many_have_ended",
    ),
    Mutation(
        "first-part-releases-all",
        ENDED,
        "\t\tplace->pages -= taken;\n",
        "\t\tplace->pages = 0;\n",
        "gup_pin_ended.one_of_two_parts_is_released",
    ),
    Mutation(
        "refusals-of-one-user-replace-all",
        REFUSED,
        "refused = refused_stalest(own >= REFUSED_SHARE, uid);",
        "refused = refused_stalest(false, uid);",
        "gup_pin_lines.refusals_of_one_user",
    ),
    Mutation(
        "long-term-pin-may-have-ended",
        JUDGE,
        "ended->lossy && pin->id.term != GUP_PIN_LONG;",
        "ended->lossy;",
        "gup_pin_ended.a_long_term_pin_is_certain",
    ),
    Mutation(
        "function-is-named-as-now",
        HAZARDS,
        "gup_pin_frame_text(func, event->ip, event->mark, as_of);",
        "gup_pin_frame_text(func, event->ip, event->mark + 1, as_of);",
        "gup_pin_lines.function_that_is_gone",
    ),
    Mutation(
        "title-of-another-pin",
        HAZARD,
        "record->writes = hazard->pin->id.mode == GUP_PIN_WRITE;",
        "record->writes |= hazard->pin->id.mode == GUP_PIN_WRITE;",
        "gup_pin_views.overdue_reader",
    ),
    Mutation(
        "changed-page-may-be-a-late-pin",
        JUDGE,
        "return may_be_late(hazard->kind) && ended->lossy &&",
        "return ended->lossy &&",
        "gup_pin_judge.*",
    ),
    Mutation(
        "ignored-writeback-excuses-nothing",
        HAZARD,
        "\tif (record.stake == GUP_PIN_STAKE_DONE)\n",
        "\tif (record.stake == GUP_PIN_STAKE_DONE &&\n"
        "\t    gup_pin_policy_of(hazard->kind) != GUP_PIN_POLICY_OFF)\n",
        "gup_pin_dirtied.read_that_has_ended",
    ),
    Mutation(
        "pin-under-writeback-blames-another",
        EVENT,
        "\t\t.pin = pin,\n",
        "",
        "gup_pin_ended.*",
    ),
    Mutation(
        "suppressed-wait-is-never-reported",
        DAX,
        "\tif (tell(folio, wait, GUP_PIN_STAKE_HANG, true))\n\t\treturn;\n",
        "\ttell(folio, wait, GUP_PIN_STAKE_HANG, true);\n\treturn;\n",
        "gup_pin_waits.a_wait_that_is_reported_later",
    ),
    Mutation(
        "wait-for-short-pins-is-long",
        DAX,
        "if (stake == GUP_PIN_STAKE_HANG && !has_lasted(waiting.holders.oldest))",
        "if (0)",
        "gup_pin_waits.many_short_waits",
    ),
    Mutation(
        "wait-of-another-user-is-dropped",
        DAX,
        ".place.uid = __kuid_val(current_uid()),",
        ".place.uid = 0,",
        "gup_pin_waits.waits_of_another_user",
    ),
    Mutation(
        "suppressed-overdue-is-never-reported",
        OVERDUE,
        "!report(item, folio, again))",
        "!report(item, folio, again) && !origins)",
        "gup_pin_views.overdue_is_told_later",
    ),
    Mutation(
        "title-is-not-first-in-the-stack",
        EVENT,
        "\tskip_frames(event);\n\tevent->ip = gup_pin_shown_ip(ip);\n",
        "\tevent->ip = gup_pin_shown_ip(ip);\n",
        "gup_pin_report.stack_begins_with_the_title",
    ),
    Mutation(
        "bio-is-reported-after-the-put",
        HEADER,
        "\t\t__gup_pin_released_bio(bio, folio_page(folio, first), npages);\n"
        "\t__gup_pin_unpin_folio(folio, npages);\n",
        "\t\t__gup_pin_unpin_folio(folio, npages);\n"
        "\telse\n\t\t__gup_pin_unpin_folio(folio, npages);\n"
        "\tif (static_branch_unlikely(&gup_pin_hooks))\n"
        "\t\t__gup_pin_released_bio(bio, folio_page(folio, first), npages);\n",
        "gup_pin_hooks.record_of_a_bio_goes_first",
    ),
    # Modules that are unloaded.
    Mutation(
        "stacks-of-equal-addresses-are-one",
        UNLOADED,
        "\treturn stack_depot_set_extra_bits(stack, gup_pin_unloaded_mark(entries, nr));\n",
        "\treturn stack;\n",
        "gup_pin_unloaded.another_in_its_place",
    ),
    Mutation(
        "newest-name-is-taken",
        UNLOADED,
        "\t\t\tfound = name;\n\treturn found;\n",
        "\t\t\tfound = found ?: name;\n\treturn found;\n",
        "gup_pin_unloaded.another_in_its_place",
    ),
    Mutation(
        "first-other-mark-is-taken",
        UNLOADED,
        "\t\ti = next == mark ? i + 1 : 0;\n",
        "\t\ti++;\n",
        "gup_pin_unloaded.another_in_its_place",
    ),
    Mutation(
        "lost-name-is-that-of-another",
        UNLOADED,
        "\tif (is_lost(ip, when))\n\t\treturn &gup_pin_unloads.lost;\n",
        "",
        "gup_pin_unloaded.too_many",
    ),
    Mutation(
        "copy-has-names-of-newer-code",
        UNLOADED,
        "\t\t   is_newer(ip, buf, as_of))\n",
        "\t\t   false)\n",
        "gup_pin_unloaded.copies",
    ),
    Mutation(
        "trace-of-unloaded-code-is-recalled",
        STACK_CACHE,
        "\t\t\tif (!has_code(trace, code))\n",
        "\t\t\tif (has_code(trace, code) || true)\n",
        "gup_pin_unloaded.pins_and_unpins",
    ),
    Mutation(
        "unloaded-site-has-learned",
        ORIGIN,
        "\t\t\t\tWRITE_ONCE(origin->site, 0);\n",
        "\t\t\t\tcontinue;\n",
        "gup_pin_unloaded.pins_and_unpins",
    ),
    Mutation(
        "what-an-unloaded-site-has-learned-stays",
        SITE,
        "\t\tmemset(site->stack, 0, sizeof(site->stack));\n",
        "",
        "gup_pin_site.unloaded_is_forgotten",
    ),
    Mutation(
        "unloaded-site-ends-a-search",
        SITE,
        "smp_store_release(&site->ip, GUP_PIN_SITE_UNLOADED);",
        "smp_store_release(&site->ip, 0);",
        "gup_pin_site.unloaded_is_forgotten",
    ),
    Mutation(
        "hazards-of-two-modules-are-one",
        HAZARD,
        "folio->dev, folio->ino, event->mark,",
        "folio->dev, folio->ino, 0,",
        "gup_pin_ring.other_code_is_another",
    ),
]
