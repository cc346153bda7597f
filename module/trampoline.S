/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What ftrace makes a hooked function call first. It forgets the way back into the function,
 * so that the wrapper runs in the function's place, as if the function's caller had called it.
 *
 * That way says which function it is. Registers with arguments stay as they are; %r11 has
 * none.
 */
#include <linux/linkage.h>
#include <asm/unwind_hints.h>

.set nr, 0
.macro wrapper_of func
	cmpq	gup_pin_behind + 8 * nr(%rip), %r11
	je	gup_pin_wrap_\func
	.set nr, nr + 1
.endm

SYM_CODE_START(gup_pin_trampoline)
	UNWIND_HINT_FUNC
	ENDBR
	popq	%r11
	UNWIND_HINT_FUNC
#define HOOK(func, needed)	wrapper_of func
#include "list.h"
	ud2
SYM_CODE_END(gup_pin_trampoline)
