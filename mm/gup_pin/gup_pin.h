/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CONFIG_DEBUG_GUP_PIN, private to mm/gup_pin/.
 */
#ifndef _MM_GUP_PIN_H
#define _MM_GUP_PIN_H

#include "root.h"	/* where it all hangs */
#include "text.h"	/* how it is shown */
#include "ring.h"	/* hazards */

#endif /* _MM_GUP_PIN_H */
