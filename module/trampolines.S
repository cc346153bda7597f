/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What ftrace makes a hooked function call first. It forgets the way back into the function,
 * so that the wrapper runs in the function's place, as if the function's caller had called it.
 */
#include <linux/linkage.h>
#include <asm/unwind_hints.h>

.macro trampoline func
SYM_CODE_START(gup_pin_trampoline_\func)
	UNWIND_HINT_FUNC
	ENDBR
	addq	$8, %rsp
	UNWIND_HINT_FUNC
	jmp	gup_pin_wrap_\func
SYM_CODE_END(gup_pin_trampoline_\func)
.endm

#define HOOK(func, needed)	trampoline func
#include "list.h"
