// SPDX-License-Identifier: GPL-2.0
/*
 * Objects that keep pins and name the folio alone when they release them: registered buffers
 * of io_uring, and udmabuf.
 *
 * Their functions say which object it is, but not what they call to pin and unpin. So while a
 * task is in one of them, that is noted, to be found by the task.
 */
#include <linux/atomic.h>
#include <linux/bvec.h>
#include <linux/dma-buf.h>
#include <linux/gup_pin.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <linux/xarray.h>

#include "handle.h"
#include "hooks.h"

/* Of more, the rest goes without: which of a folio's pins they release is a guess then. */
#define SCOPES_MAX	64

static struct scope scopes[SCOPES_MAX];

atomic_t gup_pin_scopes;

/* Returns NULL if there is no place. */
static struct scope *scope_begin(enum scope_kind kind, unsigned long handle)
{
	struct scope *scope;

	for (scope = scopes; scope < scopes + SCOPES_MAX; scope++) {
		if (cmpxchg(&scope->task, NULL, current))
			continue;
		scope->kind = kind;
		scope->handle = handle;
		scope->pages = NULL;
		scope->npages = 0;
		scope->at = 0;
		atomic_inc(&gup_pin_scopes);
		return scope;
	}
	return NULL;
}

static void scope_end(struct scope *scope)
{
	if (!scope)
		return;
	atomic_dec(&gup_pin_scopes);
	/* The next task fills in the rest once it has the place. */
	smp_store_release(&scope->task, NULL);
}

/* Its own places a task need not be afraid of. An interrupt has none. */
struct scope *__gup_pin_scope(enum scope_kind kind)
{
	struct scope *scope;

	if (!in_task())
		return NULL;
	for (scope = scopes; scope < scopes + SCOPES_MAX; scope++)
		if (READ_ONCE(scope->task) == current && scope->kind == kind)
			return scope;
	return NULL;
}

/**
 * gup_pin_scope_part() - which of a call's pages are an unpin of a folio about?
 * @scope: where pages were pinned
 * @folio: the folio; one of its pins stays
 * @npages: how many go
 *
 * Return: the first of them in the pages' array; NULL if they are not found.
 */
struct page **gup_pin_scope_part(struct scope *scope, struct folio *folio,
				 unsigned long npages)
{
	while (scope->at < scope->npages && page_folio(scope->pages[scope->at]) != folio)
		scope->at++;
	if (scope->npages - scope->at <= npages)
		return NULL;
	scope->at += npages + 1;
	return scope->pages + scope->at - npages;
}

/* As io_uring/rsrc.h has it, which is not in the kernel's headers. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
struct mapped_ubuf {
	u64 ubuf;
	unsigned int len;
	unsigned int nr_bvecs;
	unsigned int folio_shift;
	refcount_t refs;
	unsigned long acct_pages;
	struct bio_vec bvec[];
};
#else
struct mapped_ubuf {
	u64 ubuf;
	size_t len;
	unsigned int nr_bvecs;
	unsigned int folio_shift;
	refcount_t refs;
	u8 flags;
	u8 dir;
	void (*release)(void *priv);
	void *priv;
	struct bio_vec bvec[];
};

struct rsrc_node {
	unsigned char type;
	int refs;
	u64 tag;
	struct mapped_ubuf *buf;
};
#endif

/* Is it what it seems to be? It was made of this very vector. */
static bool is_made_of(const struct mapped_ubuf *buf, const struct iovec *iov)
{
	return buf->ubuf == (unsigned long)iov->iov_base && buf->len == iov->iov_len &&
	       buf->nr_bvecs && buf->nr_bvecs <= PFN_UP(iov->iov_len) + 1;
}

static void keep(const struct mapped_ubuf *buf, const struct iovec *iov)
{
	struct page **pages;
	unsigned int i;

	if (!iov->iov_base || !is_made_of(buf, iov))
		return;
	pages = kvmalloc_array(buf->nr_bvecs, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return;
	for (i = 0; i < buf->nr_bvecs; i++)
		pages[i] = buf->bvec[i].bv_page;
	__gup_pin_keep_pages(buf, pages, buf->nr_bvecs);
	kvfree(pages);
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
HIDDEN_WRAPPER(int, io_sqe_buffer_register, void *ctx, struct iovec *iov,
	       struct mapped_ubuf **buf, void *last_hpage)
{
	int ret;

	wrapper_enter();
	ret = REAL(io_sqe_buffer_register)(ctx, iov, buf, last_hpage);
	if (static_branch_unlikely(&gup_pin_hooks) && !ret)
		keep(*buf, iov);
	wrapper_leave();
	return ret;
}

HIDDEN_WRAPPER(void, io_buffer_unmap, void *ctx, struct mapped_ubuf **slot)
{
	struct scope *scope;

	if (!static_branch_unlikely(&gup_pin_hooks)) {
		REAL(io_buffer_unmap)(ctx, slot);
		return;
	}
	wrapper_enter();
	scope = scope_begin(SCOPE_RELEASE, (unsigned long)*slot);
	REAL(io_buffer_unmap)(ctx, slot);
	scope_end(scope);
	wrapper_leave();
}
#else
HIDDEN_WRAPPER(struct rsrc_node *, io_sqe_buffer_register, void *ctx, struct iovec *iov)
{
	struct rsrc_node *node;
	struct scope *scope;

	if (!static_branch_unlikely(&gup_pin_hooks))
		return REAL(io_sqe_buffer_register)(ctx, iov);
	wrapper_enter();
	scope = scope_begin(SCOPE_PIN, 0);
	node = REAL(io_sqe_buffer_register)(ctx, iov);
	scope_end(scope);
	if (!IS_ERR_OR_NULL(node))
		keep(node->buf, iov);
	wrapper_leave();
	return node;
}

HIDDEN_WRAPPER(void, io_release_ubuf, void *buf)
{
	struct scope *scope;

	if (!static_branch_unlikely(&gup_pin_hooks)) {
		REAL(io_release_ubuf)(buf);
		return;
	}
	wrapper_enter();
	scope = scope_begin(SCOPE_RELEASE, (unsigned long)buf);
	REAL(io_release_ubuf)(buf);
	scope_end(scope);
	wrapper_leave();
}
#endif

/*
 * What udmabuf has is not known before it has it, so its pins get a number, which is kept by
 * the address of what is released in the end. Odd, so that it is no object's address.
 */
static atomic_long_t last_number = ATOMIC_LONG_INIT(1);
static DEFINE_XARRAY(numbers);

static void keep_number(int fd, unsigned long number)
{
	struct dma_buf *buf = dma_buf_get(fd);

	if (IS_ERR(buf))
		return;
	xa_store(&numbers, (unsigned long)buf->priv, xa_mk_value(number), GFP_KERNEL);
	dma_buf_put(buf);
}

HIDDEN_WRAPPER(long, udmabuf_create, void *device, void *head, void *list)
{
	struct scope *scope;
	long fd;

	if (!static_branch_unlikely(&gup_pin_hooks))
		return REAL(udmabuf_create)(device, head, list);
	wrapper_enter();
	scope = scope_begin(SCOPE_PIN, atomic_long_add_return(2, &last_number));
	fd = REAL(udmabuf_create)(device, head, list);
	if (scope && fd >= 0)
		keep_number(fd, scope->handle);
	scope_end(scope);
	wrapper_leave();
	return fd;
}

HIDDEN_WRAPPER(void, release_udmabuf, struct dma_buf *buf)
{
	struct scope *scope = NULL;
	void *number;

	if (!static_branch_unlikely(&gup_pin_hooks)) {
		REAL(release_udmabuf)(buf);
		return;
	}
	wrapper_enter();
	number = xa_erase(&numbers, (unsigned long)buf->priv);
	if (number)
		scope = scope_begin(SCOPE_RELEASE, xa_to_value(number));
	REAL(release_udmabuf)(buf);
	scope_end(scope);
	wrapper_leave();
}

/**
 * gup_pin_handles_exit() - forget the numbers
 */
void gup_pin_handles_exit(void)
{
	xa_destroy(&numbers);
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
MODULE_IMPORT_NS(DMA_BUF);
#else
MODULE_IMPORT_NS("DMA_BUF");
#endif
