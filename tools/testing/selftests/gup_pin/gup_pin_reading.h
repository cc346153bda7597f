/* SPDX-License-Identifier: GPL-2.0 */
/* What it takes to read a file that has very many lines. */
#ifndef GUP_PIN_READING_H
#define GUP_PIN_READING_H

/**
 * struct gup_pin_reading - what it took to read a file
 * @lines: its lines, the first one included
 * @bytes: its size
 * @at_once: the most that one read() got: a seq_file gives what its buffer has
 * @ms: CPU time, which means most in a guest that counts instructions
 * @grown_kb: by how much the kernel's memory was more meanwhile than before
 */
struct gup_pin_reading {
	unsigned long lines;
	unsigned long bytes;
	unsigned long at_once;
	unsigned long ms;
	unsigned long grown_kb;
};

/* The filter may be NULL. What was measured is logged. */
const char *gup_pin_reading(const char *path, const char *filter,
			    struct gup_pin_reading *reading);
/* So many lines, in no more than 5 s, and with constant memory. */
const char *gup_pin_reading_check(const struct gup_pin_reading *reading,
				  unsigned long least, unsigned long most);

#endif /* GUP_PIN_READING_H */
