/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Telling of pins by tracepoints; to be called only if somebody wants to know.
 */
#ifndef _MM_GUP_PIN_TRACING_H
#define _MM_GUP_PIN_TRACING_H

#include <linux/types.h>

struct folio;
struct gup_pin_id;
struct page;

void gup_pin_trace_taken(const struct gup_pin_id *id, struct folio *folio,
			 unsigned long pins);
void gup_pin_trace_taken_pages(const struct gup_pin_id *id,
			       struct page **pages, unsigned long npages,
			       unsigned long addr);
void gup_pin_trace_dropped(struct folio *folio, unsigned long pins,
			   bool dirty, unsigned long ip, unsigned long site);
void gup_pin_trace_dropped_pages(struct page **pages, unsigned long npages,
				 unsigned long ip, unsigned long site);

#endif /* _MM_GUP_PIN_TRACING_H */
