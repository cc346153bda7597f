// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/gup_pin/hazards
 */
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/sched/clock.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "view.h"

/**
 * struct hazards_iter - state of reading `hazards`
 * @at: file position, in records, of @hazard
 * @end: there are no more records
 * @last: number of the newest record when the file was read from its start; without this
 *	end, a reader of new ones might never get to it
 * @filter: records to show
 * @as_of: see gup_pin_frames_as_of()
 * @hazard: the current record
 */
struct hazards_iter {
	loff_t at;
	bool end;
	u64 last;
	struct gup_pin_filter filter;
	u32 as_of;
	struct gup_pin_hazard_record hazard;
};

static bool next_wanted(struct hazards_iter *iter)
{
	struct gup_pin_hazard_record *hazard = &iter->hazard;

	iter->as_of = gup_pin_frames_as_of();
	while (gup_pin_ring_get(hazard, hazard->seq) && hazard->seq <= iter->last)
		if (gup_pin_filter_hazard(&iter->filter, hazard, local_clock()))
			return true;
	return false;
}

/* As in `pins`, seq_file seeks backwards only to the start of the file. */
static void *hazards_start(struct seq_file *m, loff_t *pos)
{
	struct hazards_iter *iter = m->private;

	if (!*pos) {
		iter->at = 0;
		iter->end = false;
		iter->last = READ_ONCE(gup_pin_ring.newest);
		iter->hazard.seq = 0;
		return SEQ_START_TOKEN;
	}
	return *pos == iter->at && !iter->end ? &iter->hazard : NULL;
}

static void *hazards_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct hazards_iter *iter = m->private;

	iter->at = ++*pos;
	iter->end = !next_wanted(iter);
	return iter->end ? NULL : &iter->hazard;
}

static void hazards_stop(struct seq_file *m, void *v)
{
}

/* These functions are not inlined, as each has a large buffer on the stack. */
static noinline_for_stack void show_event(struct seq_file *m,
					  const struct gup_pin_hazard_record *hazard,
					  u64 now)
{
	const struct gup_pin_event *event = &hazard->event;
	char comm[GUP_PIN_COMM_MAX];

	gup_pin_format_comm(comm, event->comm);
	seq_printf(m, "kind=%s age_ms=%llu task=%d/%d comm=%s ",
		   gup_pin_hazard_names[hazard->kind],
		   gup_pin_age_ms(event->time, now), event->tgid, event->pid,
		   comm);
}

static noinline_for_stack void show_pin(struct seq_file *m,
					const struct gup_pin_item *pin, u64 now)
{
	const struct gup_pin_run run = {
		.first = *pin,
		.pages = pin->pages,
		.pins = pin->pins,
	};
	char line[GUP_PIN_LINE_MAX];

	gup_pin_format_run(line, sizeof(line), &run, now);
	seq_puts(m, line);
}

static noinline_for_stack void show_func(struct seq_file *m,
					 const struct gup_pin_event *event, u32 as_of)
{
	char func[GUP_PIN_FRAME_MAX];

	gup_pin_frame_text(func, event->ip, event->mark, as_of);
	/* Cut the size and the module of the symbol. */
	func[strcspn(func, "/ ")] = '\0';
	seq_printf(m, " func=%s", func);
}

static void show_line(struct seq_file *m, const struct gup_pin_hazard_record *hazard,
		      u32 as_of, u64 now)
{
	show_event(m, hazard, now);
	show_pin(m, &hazard->pin, now);
	show_func(m, &hazard->event, as_of);
	seq_printf(m, " pins_on_folio=%u", hazard->pins);
	gup_pin_show_path(m, hazard->name);
	seq_printf(m, " count=%llu last_ms=%llu reported=%u indexes=0x%lx-0x%lx stake=%s\n",
		   hazard->count, gup_pin_age_ms(hazard->place.used, now),
		   hazard->reported, hazard->first_index, hazard->last_index,
		   gup_pin_stake_names[hazard->stake]);
}

static int hazards_show(struct seq_file *m, void *v)
{
	const struct hazards_iter *iter = m->private;
	const struct gup_pin_hazard_record *hazard = &iter->hazard;
	const struct gup_pin_event *event = &hazard->event;

	if (v == SEQ_START_TOKEN) {
		seq_printf(m, "# gup_pin hazards %d\n", GUP_PIN_TEXT_FORMAT);
		return 0;
	}
	show_line(m, hazard, iter->as_of, local_clock());
	seq_puts(m, "event:\n");
	gup_pin_show_frames(m, event->entries, event->nr, event->mark, iter->as_of);
	seq_puts(m, "pin:\n");
	gup_pin_show_stack(m, hazard->pin.id.stack, iter->as_of);
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations hazards_sops = {
	.start = hazards_start,
	.next = hazards_next,
	.stop = hazards_stop,
	.show = hazards_show,
};

static int hazards_open(struct inode *inode, struct file *file)
{
	if (!__seq_open_private(file, &hazards_sops,
				sizeof(struct hazards_iter)))
		return -ENOMEM;
	return 0;
}

static ssize_t hazards_write(struct file *file, const char __user *ubuf,
			     size_t count, loff_t *ppos)
{
	struct seq_file *m = file->private_data;
	struct hazards_iter *iter = m->private;

	return gup_pin_filter_write(m, &iter->filter, ubuf, count, ppos);
}

const struct file_operations gup_pin_hazards_fops = {
	.owner = THIS_MODULE,
	.open = hazards_open,
	.read = seq_read,
	.write = hazards_write,
	.llseek = seq_lseek,
	.release = seq_release_private,
};
