/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bias: an owner who enters by plain stores, strangers who take it. Inside,
 * all write one plain number. Strangers exclude each other by a token, as those
 * of a queue do.
 *
 * ctest: timeout=600
 */
#include "arch/spin/arch_bias.h"
#include "proof_run.h"

template<unsigned STRANGERS, int TURNS>
struct bias_case : proof_suite<bias_case<STRANGERS, TURNS>, 1 + STRANGERS> {
	struct arch_bias bias;
	_Atomic(uint32_t) token;
	proof_var<uint32_t> inside;
	unsigned entered, taken;

	void
	setup()
	{
		atomic_store(&bias.inside, 0);
		atomic_store(&bias.taken, 0);
		atomic_store(&bias.out, 0);
		atomic_store(&token, 0);
		inside = 0;
		entered = 0;
		taken = 0;
	}

	void
	owner()
	{
		for (int i = 0; i < TURNS; i++) {
			if (!arch_bias_enter(&bias))
				return;
			proof_step();
			inside = inside + 1;
			entered++;
			arch_bias_leave(&bias);
		}
	}

	void
	stranger()
	{
		arch_bias_take(&bias);
		if (atomic_exchange_explicit(&token, 1, memory_order_acquire))
			return;
		inside = inside + 1;
		taken++;
		atomic_store_explicit(&token, 0, memory_order_release);
	}

	void
	run(unsigned i)
	{
		i == 0 ? owner() : stranger();
	}

	void
	finish()
	{
		proof_check(inside == entered + taken);
	}
};

int
main(void)
{
	int bad = 0;

	proof_membarrier = 1;
	bad += proof_case<bias_case<1, 2>>("bias, membarrier", { 0 }, {
		{ "BIAS-R1", "arch_bias_take_slow", PROOF_BARRIER },
		{ "BIAS-R2", "arch_bias_leave", PROOF_RELEASE },
		{ "BIAS-A2", "arch_bias_take_slow", PROOF_ACQUIRE },
	});
	bad += proof_case<bias_case<2, 1>>("bias, two strangers", { 3 }, {
		{ "BIAS-R3", "arch_bias_take_slow", PROOF_RELEASE },
		{ "BIAS-A3", "arch_bias_take", PROOF_ACQUIRE },
	});
	proof_membarrier = 0;
	arch_bias_fences = 1;
	bad += proof_case<bias_case<1, 2>>("bias, fences", { 0 }, {
		{ "BIAS-R1", "arch_bias_take_slow", PROOF_FENCE },
		{ "BIAS-A1", "arch_bias_enter", PROOF_FENCE },
		{ "BIAS-R2", "arch_bias_leave", PROOF_RELEASE },
		{ "BIAS-A2", "arch_bias_take_slow", PROOF_ACQUIRE },
	});
	return bad != 0;
}
