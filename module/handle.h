/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Objects that keep pins: what a task is doing with one just now.
 */
#ifndef _GUP_PIN_HANDLE_H
#define _GUP_PIN_HANDLE_H

#include <linux/atomic.h>
#include <linux/types.h>

struct folio;
struct page;
struct task_struct;

enum scope_kind {
	SCOPE_PIN,
	SCOPE_RELEASE,
};

/**
 * struct scope - a task pins for an object, or releases what it has
 * @task: the task; NULL if this is free
 * @kind: which of the two
 * @handle: the object, or a number for it; 0 if it is not known yet
 * @pages: what was pinned meanwhile,
 * @npages: and how many; 0 for folios
 * @at: those of them that were looked at
 */
struct scope {
	struct task_struct *task;
	enum scope_kind kind;
	unsigned long handle;
	struct page **pages;
	unsigned long npages;
	unsigned long at;
};

extern atomic_t gup_pin_scopes;

struct scope *__gup_pin_scope(enum scope_kind kind);
struct page **gup_pin_scope_part(struct scope *scope, struct folio *folio,
				 unsigned long npages);
void gup_pin_handles_exit(void);

/* What current is doing; NULL if nothing of the kind, as nearly always. */
static __always_inline struct scope *gup_pin_scope(enum scope_kind kind)
{
	return unlikely(atomic_read(&gup_pin_scopes)) ? __gup_pin_scope(kind) : NULL;
}

#endif /* _GUP_PIN_HANDLE_H */
