/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module "judge" of dialogue scripts: it answers what its rules say, in the place of a
 * DNS list, an SPF check or a script that would answer so.
 *
 *   [module judge]
 *   enabled = yes
 *   ehlo-list = if helo-domain == "listed.example" then "554 5.7.1 listed" else ""
 *
 * A verdict is "CODE ENHANCED TEXT", or empty for none. The keys, by stage and in the order
 * of their phases: ehlo-list (IDENTIFY), ehlo-identity (AUTHORISE), ehlo-script (INSPECT);
 * rcpt; message. The text of "save" is kept with the message; the transport "judge" delivers
 * to nowhere and tells what was kept; "mailbox" is one that the simulation always stands in
 * for. Content that arrives is hashed as it streams, and a
 * message whose bytes are others in the end is refused.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include <barid/barid.h>

extern const BaridModule judge_LTX_barid_module;

#endif
