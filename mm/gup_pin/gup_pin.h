/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CONFIG_DEBUG_GUP_PIN, private to mm/gup_pin/: includes all folders, for the top level.
 */
#ifndef _MM_GUP_PIN_H
#define _MM_GUP_PIN_H

#include "hazard/hazard.h"
#include "root.h"
#include "view/view.h"

#endif /* _MM_GUP_PIN_H */
