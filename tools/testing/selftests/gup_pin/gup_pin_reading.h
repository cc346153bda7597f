/* SPDX-License-Identifier: GPL-2.0 */
/* Cost of reading a file with very many lines. */
#ifndef GUP_PIN_READING_H
#define GUP_PIN_READING_H

/**
 * struct gup_pin_reading - cost of reading a file
 * @lines: number of lines, including the header
 * @bytes: size of the file
 * @at_once: largest result of a read(): a seq_file returns up to what its buffer holds
 * @ms: CPU time, which is most accurate in a guest that counts instructions
 * @grown_kb: maximum growth of kernel memory during the read
 */
struct gup_pin_reading {
	unsigned long lines;
	unsigned long bytes;
	unsigned long at_once;
	unsigned long ms;
	unsigned long grown_kb;
};

/* The filter may be NULL. Logs the results. */
const char *gup_pin_reading(const char *path, const char *filter,
			    struct gup_pin_reading *reading);
/* Expects this number of lines, at most 5 s, and constant memory. */
const char *gup_pin_reading_check(const struct gup_pin_reading *reading,
				  unsigned long least, unsigned long most);

#endif /* GUP_PIN_READING_H */
