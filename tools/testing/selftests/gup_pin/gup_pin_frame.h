/* SPDX-License-Identifier: GPL-2.0 */
/* Is a driver's function in the stacks of pins? */
#ifndef GUP_PIN_FRAME_H
#define GUP_PIN_FRAME_H

#include <sys/types.h>

/*
 * All pins that a process has taken were taken through one of these functions, which
 * are separated by '|'. NULL, or what is wrong; that there are no pins is wrong as well.
 */
const char *gup_pin_check_frame(pid_t tgid, const char *functions);

#endif /* GUP_PIN_FRAME_H */
