/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tasks of a program that pin and unpin parts of its memory on request.
 *
 * As in gup_pin_util.h, `const char *` is NULL or an error.
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
	BY_GUP_TEST,		/* there is only one in the system */
	BY_CHILD,		/* the ring of a process that is killed */
	KINDS,
};

/**
 * struct gup_pin_holder - a task that pins
 * @thread: the task; waits for work on @go, and posts @done
 * @tid: its id
 * @pinner: the task that pinned: this one, or its child
 * @cpu: CPU it runs on; -1: any
 * @op: the operation to perform; NULL: end
 * @meet: where to wait for other tasks before @op; NULL: nowhere
 * @err: result of the last operation
 * @mem: all of the memory
 * @folio_size: in bytes; @first and @nr are multiples
 * @first: the first pinned folio
 * @nr: number of pinned folios; 0: none
 * @kind: kind of its pins
 * @fd: descriptor that holds the pins; -1: none
 * @file: file for O_DIRECT reads and writes; -1: none
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

/* Returns why there can be no pins of this kind; NULL if there can. */
const char *gup_pin_holder_missing(enum gup_pin_holder_kind kind);

/* The caller initialises @cpu, @mem and @file; all other members are 0. */
const char *gup_pin_holder_start(struct gup_pin_holder *holder);
/* Unpins everything, and ends. */
void gup_pin_holder_end(struct gup_pin_holder *holder);

/* Starts an operation, and waits until it has ended; @err is set then. */
void gup_pin_holder_begin(struct gup_pin_holder *holder,
			  void (*op)(struct gup_pin_holder *holder));
void gup_pin_holder_wait(struct gup_pin_holder *holder);

/* Pins @nr folios from @first on, as @kind says. */
void gup_pin_holder_pin(struct gup_pin_holder *holder);
/* For itself, or for another task that was given the descriptor. */
void gup_pin_holder_unpin(struct gup_pin_holder *holder);
/* The first page of each of these folios is pinned while it is read to or written from. */
void gup_pin_holder_read(struct gup_pin_holder *holder);
void gup_pin_holder_write(struct gup_pin_holder *holder);
/* Copies with process_vm_readv(). */
void gup_pin_holder_copy(struct gup_pin_holder *holder);

#endif /* GUP_PIN_HOLDER_H */
