/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The harness of all kselftests. Its time limit is there to end a test that hangs, and
 * 30 s are too few for one that works on a busy machine: on an emulated one whose host
 * has other things to do, a test of some hundred readings may take a minute.
 */
#ifndef GUP_PIN_HARNESS_H
#define GUP_PIN_HARNESS_H

#include "kselftest_harness.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	300

#endif /* GUP_PIN_HARNESS_H */
