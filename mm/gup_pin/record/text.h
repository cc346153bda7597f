/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names of the parts of a record, for output.
 */
#ifndef _MM_GUP_PIN_RECORD_TEXT_H
#define _MM_GUP_PIN_RECORD_TEXT_H

#include "record.h"

struct inode;
struct pid_namespace;
struct seq_file;

/* words.c */

/* Size of an escaped task name. */
#define GUP_PIN_COMM_MAX	(4 * TASK_COMM_LEN + 1)

extern const char *const gup_pin_api_names[NR_GUP_PIN_APIS];
const char *gup_pin_mode_name(enum gup_pin_mode mode);
const char *gup_pin_term_name(enum gup_pin_term term);
const char *gup_pin_api_name(unsigned int api);
const char *gup_pin_map_name(enum gup_pin_map map);
const char *gup_pin_match_name(enum gup_pin_match match);
unsigned int gup_pin_format_comm(char *buf, const char *comm);
u64 gup_pin_age_ms(u64 time, u64 now);

/* name.c */

/* Size of a path in `pins`, and of a path that is stored or reported. */
#define GUP_PIN_NAME_MAX	256
#define GUP_PIN_SHORT_NAME	64

unsigned int gup_pin_file_nlink(const struct folio *folio);
void gup_pin_file_type(const struct folio *folio, char *type, size_t size);
void gup_pin_file_name(const struct folio *folio,
		       const struct gup_pin_folio *desc, char *name, size_t size);
void gup_pin_inode_name(const struct inode *inode, char *name, size_t size);
void gup_pin_item_name(const struct gup_pin_item *item, char *name, size_t size);
void gup_pin_show_path(struct seq_file *m, const char *name);

/* unloaded.c */

/* Size of a frame: what %pS prints, the name of the module, and why it is gone. */
#define GUP_PIN_FRAME_MAX	768

u32 gup_pin_frames_as_of(void);
void gup_pin_frame_text(char *buf, unsigned long ip, u32 mark, u32 as_of);
void gup_pin_site_text(char *buf, unsigned long ip, u32 time);

/* task.c */
void gup_pin_tasks_init(void);
bool gup_pin_process_lives(pid_t tgid, u64 age);
bool gup_pin_task_lives(pid_t pid, u64 age);
pid_t gup_pin_process_nr(pid_t tgid, u64 age, struct pid_namespace *ns);
pid_t gup_pin_task_nr(pid_t pid, u64 age, struct pid_namespace *ns);

#endif /* _MM_GUP_PIN_RECORD_TEXT_H */
