/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The harness of all kselftests. Its time limit is only meant to end a test that hangs.
 * The default of 30 s is too short: on a busy emulated machine a test with hundreds of
 * reads may take a minute.
 */
#ifndef GUP_PIN_HARNESS_H
#define GUP_PIN_HARNESS_H

#include "kselftest_harness.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	300

#endif /* GUP_PIN_HARNESS_H */
