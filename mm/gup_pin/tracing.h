/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints of pins; to be called only if they are on.
 */
#ifndef _MM_GUP_PIN_TRACING_H
#define _MM_GUP_PIN_TRACING_H

#include <linux/types.h>

struct folio;
struct gup_pin_id;
struct gup_pin_unpin;
struct page;

void gup_pin_trace_taken(const struct gup_pin_id *id, struct folio *folio,
			 unsigned long pins);
void gup_pin_trace_taken_pages(const struct gup_pin_id *id,
			       struct page **pages, unsigned long npages,
			       unsigned long addr);
void gup_pin_trace_dropped(const struct gup_pin_unpin *unpin, struct page *page,
			   unsigned long pins);

#endif /* _MM_GUP_PIN_TRACING_H */
