# SPDX-License-Identifier: GPL-2.0
# Everything is done by the scripts; this names what one does most. ./try, ./demo and
# ./check are there for machines without make.
# Kernel trees and builds are kept outside the checkout, in $(CACHE).

KVER ?=
CACHE = $(or $(GUP_PIN_CACHE),$(HOME)/.cache/gup-pin)

export KVER

.DEFAULT_GOAL := help
.PHONY: help try demo check check-debug check-users bench lint kernel series clean distclean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14
	@echo 'KVER=6.12 or KVER=7.3 restricts check, check-debug, check-users and lint to that kernel,'
	@echo 'and is the one that try, bench, kernel and series take (6.12 if not given).'

try: ## load the tracker into a kernel that Debian ships, and show what it sees
	@./try

demo: ## show pins of a real workload, live and from a crash dump
	@./demo

check: ## all tests, on both kernels
	@./check

check-debug: ## the kernel's tests with KASAN and lockdep, PREEMPT_RT, KCSAN; mutations of the core
	@scripts/check --debug

check-users: ## users of pins whose drivers only Debian's kernels have, and test suites of others
	@scripts/check --users

bench: ## measure what tracking costs, compare with the baseline
	@scripts/bench

lint: ## check the sources without running them
	@scripts/lint

kernel: ## build the test kernel
	@scripts/kernel $(or $(KVER),6.12)

series: ## write a series of patches for a kernel, to be sent
	@scripts/series $(or $(KVER),6.12)

clean: ## remove built kernels and the trees with the project applied
	rm -rf $(foreach part,bench build demo drivers lint module selftests series vm,"$(CACHE)/$(part)") "$(CACHE)"/src/linux-*-gup_pin*

# By name, so that a wrong GUP_PIN_CACHE, such as a home directory, loses nothing else.
distclean: clean ## remove all of the cache: downloads, trees, ccache, everything
	rm -rf --one-file-system $(foreach part,apt ccache dl fresh lock roots setup.log setup.tried src stock,"$(CACHE)/$(part)")
	[ ! -d "$(CACHE)" ] || rmdir --ignore-fail-on-non-empty "$(CACHE)"
