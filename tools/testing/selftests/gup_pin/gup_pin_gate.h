/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A page that a system call waits for until the test lets it go on: what the call has
 * pinned before stays pinned meanwhile.
 */
#ifndef GUP_PIN_GATE_H
#define GUP_PIN_GATE_H

/* Before the process that waits is forked. */
struct gup_pin_gate {
	int from;
	int to;
};

/* Why there cannot be one, or NULL. */
const char *gup_pin_gate_missing(void);
const char *gup_pin_gate_create(struct gup_pin_gate *gate);
/* In the process that is to wait: the page, or NULL. It may have but one. */
char *gup_pin_gate_page(struct gup_pin_gate *gate);
/* Fills it with zeros. */
const char *gup_pin_gate_open(struct gup_pin_gate *gate);
void gup_pin_gate_close(struct gup_pin_gate *gate);

#endif /* GUP_PIN_GATE_H */
