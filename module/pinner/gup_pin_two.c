// SPDX-License-Identifier: GPL-2.0
#define NAME(name)	gup_pin_two_##name
#include "pinner.c"

module_init(gup_pin_two_init);
module_exit(gup_pin_two_exit);
