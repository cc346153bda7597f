// SPDX-License-Identifier: GPL-2.0
#define NAME(name)	gup_pin_one_##name
#include "pinner.c"

module_init(gup_pin_one_init);
module_exit(gup_pin_one_exit);
