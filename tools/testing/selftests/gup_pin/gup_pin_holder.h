/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tasks of a program that pin parts of its memory, and unpin them, when they are asked to.
 *
 * As in gup_pin_util.h, `const char *` is NULL or what is wrong.
 */
#ifndef GUP_PIN_HOLDER_H
#define GUP_PIN_HOLDER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "gup_pin_mem.h"

enum gup_pin_holder_kind {
	BY_RING,
	BY_UDMABUF,
	BY_UMEM,
	BY_IOMMU,
	BY_GUP_TEST,		/* of which there is one in the system */
	BY_CHILD,		/* a ring of a process that is killed */
	KINDS,
};

/**
 * struct gup_pin_holder - a task that pins
 * @thread: the task; waits for work on @go, and posts @done
 * @tid: its id
 * @pinner: of what has pinned: it, or its child
 * @cpu: where it runs; -1: anywhere
 * @op: what it is to do; NULL: to end
 * @meet: where it waits for others before it does it; NULL: nowhere
 * @err: of the last operation
 * @mem: all of the memory
 * @folio_size: in bytes, of which @first and @nr are multiples
 * @first: the first folio that is pinned
 * @nr: how many; 0: none
 * @kind: of pins that it holds
 * @fd: what has them; -1: none
 * @file: to read from and write to, by O_DIRECT; -1: none
 */
struct gup_pin_holder {
	pthread_t thread;
	pid_t tid;
	pid_t pinner;
	int cpu;
	sem_t go;
	sem_t done;
	void (*op)(struct gup_pin_holder *holder);
	pthread_barrier_t *meet;
	int err;
	const struct gup_pin_mem *mem;
	size_t folio_size;
	unsigned int first;
	unsigned int nr;
	enum gup_pin_holder_kind kind;
	int fd;
	int file;
};

/* Why there can be no pins of this kind; NULL if there can be. */
const char *gup_pin_holder_missing(enum gup_pin_holder_kind kind);

/* What is not for gup_pin_holder_start() to set is 0, but for @cpu, @mem and @file. */
const char *gup_pin_holder_start(struct gup_pin_holder *holder);
/* Unpins what it has, and ends. */
void gup_pin_holder_end(struct gup_pin_holder *holder);

/* Has it do something; and waits for the end of it, after which @err is set. */
void gup_pin_holder_begin(struct gup_pin_holder *holder,
			  void (*op)(struct gup_pin_holder *holder));
void gup_pin_holder_wait(struct gup_pin_holder *holder);

/* Pins @nr folios from @first on, in the way of @kind. */
void gup_pin_holder_pin(struct gup_pin_holder *holder);
/* For itself, or for another task, which has been handed the descriptor. */
void gup_pin_holder_unpin(struct gup_pin_holder *holder);
/* Of the same folios each first page is pinned for as long as it is read to, or written. */
void gup_pin_holder_read(struct gup_pin_holder *holder);
void gup_pin_holder_write(struct gup_pin_holder *holder);
/* Copied by process_vm_readv(). */
void gup_pin_holder_copy(struct gup_pin_holder *holder);

#endif /* GUP_PIN_HOLDER_H */
