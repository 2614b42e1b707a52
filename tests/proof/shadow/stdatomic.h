/* SPDX-License-Identifier: Apache-2.0 */
/* In place of the compiler's: proof.h has what the product uses of it. */
