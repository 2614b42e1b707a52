/* SPDX-License-Identifier: Apache-2.0 */
/* The product's header; a barrier knows whose it is, for the broken twins. */
#include_next "arch/spin/arch_bell.h"
#define arch_bell_barrier() proof_barrier(proof_here())
