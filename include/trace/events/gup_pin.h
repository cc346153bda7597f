/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of CONFIG_DEBUG_GUP_PIN.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM gup_pin

#if !defined(_TRACE_GUP_PIN_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_GUP_PIN_H

#include <linux/kdev_t.h>
#include <linux/sched.h>
#include <linux/tracepoint.h>
#include <linux/types.h>

#ifndef __GUP_PIN_TRACE_ONCE_ONLY
#define __GUP_PIN_TRACE_ONCE_ONLY

/**
 * struct gup_pin_hazard_trace - arguments of gup_pin:gup_pin_hazard
 * @kind: name of the hazard
 * @ip: return address into the function that the title of the report names
 * @pfn: head of the folio
 * @order: order of the folio
 * @dev: device of the folio's file; 0 without a file
 * @ino: inode number of the file
 * @index: index of the folio in the file, in pages
 * @pins: recorded pins on the folio
 * @write: the reported pin is a write pin
 * @longterm: the reported pin is a long-term pin
 * @api: its pin function; "unknown" if there is no pin to report
 * @owner: tgid of the process whose memory was pinned
 * @tgid: process of the pinning task
 * @pid: the pinning task
 * @comm: name of the pinning task
 * @stake: what is at stake
 */
struct gup_pin_hazard_trace {
	const char *kind;
	unsigned long ip;
	unsigned long pfn;
	unsigned int order;
	dev_t dev;
	u64 ino;
	unsigned long index;
	unsigned int pins;
	bool write;
	bool longterm;
	const char *api;
	pid_t owner;
	pid_t tgid;
	pid_t pid;
	const char *comm;
	const char *stake;
};

/**
 * struct gup_pin_trace - arguments of gup_pin:gup_pin_acquire and gup_pin:gup_pin_release
 * @pfn: acquire: the first page pinned; release: the first page that loses a pin, or the
 *	head of the folio if the pages are unknown
 * @pins: number of pins
 * @addr: acquire: user address of that page; release: user address in the
 *	folio; 0 if unknown
 * @write: a write pin
 * @longterm: a long-term pin
 * @api: the pin function; "unknown" if there is no record
 * @owner: tgid of the process whose memory was pinned
 * @tgid: process of the pinning task
 * @pid: the pinning task
 * @comm: name of the pinning task
 * @stack: stack handle of the pin, as in debugfs
 * @age_ns: release: age of the pin, in ns
 * @ip: release: return address into the unpin function
 * @exact: release: no other pin is possible
 * @match: release: how certain the match is, as in debugfs
 */
struct gup_pin_trace {
	unsigned long pfn;
	unsigned long pins;
	unsigned long addr;
	bool write;
	bool longterm;
	const char *api;
	pid_t owner;
	pid_t tgid;
	pid_t pid;
	const char *comm;
	u32 stack;
	u64 age_ns;
	unsigned long ip;
	bool exact;
	const char *match;
};

#endif

TRACE_EVENT(gup_pin_acquire,
	TP_PROTO(const struct gup_pin_trace *pin),

	TP_ARGS(pin),

	TP_STRUCT__entry(
		__string(api, pin->api)
		__array(char, comm, TASK_COMM_LEN)
		__field(unsigned long, pfn)
		__field(unsigned long, pins)
		__field(unsigned long, addr)
		__field(pid_t, owner)
		__field(pid_t, tgid)
		__field(pid_t, pid)
		__field(u32, stack)
		__field(bool, write)
		__field(bool, longterm)
	),

	TP_fast_assign(
		__assign_str(api);
		memcpy(__entry->comm, pin->comm, TASK_COMM_LEN);
		__entry->pfn = pin->pfn;
		__entry->pins = pin->pins;
		__entry->addr = pin->addr;
		__entry->owner = pin->owner;
		__entry->tgid = pin->tgid;
		__entry->pid = pin->pid;
		__entry->stack = pin->stack;
		__entry->write = pin->write;
		__entry->longterm = pin->longterm;
	),

	TP_printk("pfn=0x%lx pins=%lu mode=%s term=%s api=%s owner=%d task=%d/%d comm=%s addr=0x%lx stack=0x%x",
		__entry->pfn, __entry->pins, __entry->write ? "w" : "r",
		__entry->longterm ? "long" : "short", __get_str(api),
		__entry->owner, __entry->tgid, __entry->pid, __entry->comm,
		__entry->addr, __entry->stack)
);

TRACE_EVENT(gup_pin_release,
	TP_PROTO(const struct gup_pin_trace *pin),

	TP_ARGS(pin),

	TP_STRUCT__entry(
		__string(api, pin->api)
		__string(match, pin->match)
		__array(char, comm, TASK_COMM_LEN)
		__field(unsigned long, ip)
		__field(unsigned long, pfn)
		__field(unsigned long, pins)
		__field(unsigned long, addr)
		__field(u64, age_ns)
		__field(pid_t, owner)
		__field(pid_t, tgid)
		__field(pid_t, pid)
		__field(u32, stack)
		__field(bool, write)
		__field(bool, longterm)
		__field(bool, exact)
	),

	TP_fast_assign(
		__assign_str(api);
		__assign_str(match);
		memcpy(__entry->comm, pin->comm, TASK_COMM_LEN);
		__entry->ip = pin->ip;
		__entry->pfn = pin->pfn;
		__entry->pins = pin->pins;
		__entry->addr = pin->addr;
		__entry->age_ns = pin->age_ns;
		__entry->owner = pin->owner;
		__entry->tgid = pin->tgid;
		__entry->pid = pin->pid;
		__entry->stack = pin->stack;
		__entry->write = pin->write;
		__entry->longterm = pin->longterm;
		__entry->exact = pin->exact;
	),

	TP_printk("func=%ps pfn=0x%lx pins=%lu mode=%s term=%s api=%s owner=%d task=%d/%d comm=%s age_ns=%llu addr=0x%lx stack=0x%x match=%s",
		(void *)__entry->ip, __entry->pfn, __entry->pins,
		__entry->write ? "w" : "r", __entry->longterm ? "long" : "short",
		__get_str(api), __entry->owner, __entry->tgid, __entry->pid,
		__entry->comm, __entry->age_ns, __entry->addr, __entry->stack,
		__get_str(match))
);

TRACE_EVENT(gup_pin_hazard,
	TP_PROTO(const struct gup_pin_hazard_trace *hazard),

	TP_ARGS(hazard),

	TP_STRUCT__entry(
		__string(kind, hazard->kind)
		__string(api, hazard->api)
		__string(stake, hazard->stake)
		__array(char, comm, TASK_COMM_LEN)
		__field(unsigned long, ip)
		__field(unsigned long, pfn)
		__field(unsigned long, index)
		__field(u64, ino)
		__field(dev_t, dev)
		__field(unsigned int, order)
		__field(unsigned int, pins)
		__field(pid_t, owner)
		__field(pid_t, tgid)
		__field(pid_t, pid)
		__field(bool, write)
		__field(bool, longterm)
	),

	TP_fast_assign(
		__assign_str(kind);
		__assign_str(api);
		__assign_str(stake);
		memcpy(__entry->comm, hazard->comm, TASK_COMM_LEN);
		__entry->ip = hazard->ip;
		__entry->pfn = hazard->pfn;
		__entry->index = hazard->index;
		__entry->ino = hazard->ino;
		__entry->dev = hazard->dev;
		__entry->order = hazard->order;
		__entry->pins = hazard->pins;
		__entry->owner = hazard->owner;
		__entry->tgid = hazard->tgid;
		__entry->pid = hazard->pid;
		__entry->write = hazard->write;
		__entry->longterm = hazard->longterm;
	),

	TP_printk("kind=%s func=%ps pfn=0x%lx order=%u dev=%u:%u ino=%llu index=0x%lx pins_on_folio=%u mode=%s term=%s api=%s owner=%d task=%d/%d comm=%s stake=%s",
		__get_str(kind), (void *)__entry->ip, __entry->pfn,
		__entry->order, MAJOR(__entry->dev), MINOR(__entry->dev),
		__entry->ino, __entry->index, __entry->pins,
		__entry->write ? "w" : "r", __entry->longterm ? "long" : "short",
		__get_str(api), __entry->owner, __entry->tgid, __entry->pid,
		__entry->comm, __get_str(stake))
);

#endif /* _TRACE_GUP_PIN_H */

/* This part must be outside protection. */
#include <trace/define_trace.h>
