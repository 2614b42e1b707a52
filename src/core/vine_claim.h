/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claim: a session's hold on its slot, from the application's side: how it gets
 * one, has the appliance admit it there, and gives it back.
 */
#ifndef VINE_CLAIM_H
#define VINE_CLAIM_H

struct vine_session;

/*
 * vine_claim_make claims a slot of the session's segment and waits until the
 * appliance has answered: then slot, bell, control queue and mailbox are the
 * session's. Blocks up to attach_timeout. One thread. Returns 0, or, logged and
 * with the slot given back: -ETIMEDOUT where no appliance serves or answers,
 * -EUSERS where there is no slot, or no memory or quota for a session,
 * -ECONNRESET where the appliance ended it at once, -EPROTO for an answer that
 * makes no sense, or why the appliance refused.
 */
int vine_claim_make(struct vine_session *session);

/*
 * vine_claim_end asks the appliance to take everything back, waits for that up
 * to attach_timeout, and gives the slot back in any case. Nothing of the
 * session may be in use any more. Returns 0, or -ETIMEDOUT where there was no
 * answer.
 */
int vine_claim_end(struct vine_session *session);

#endif
