/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barid-check: tests of a module by its author, in any test framework. Link them with
 * "pkg-config barid-check"; the module itself needs none of this.
 *
 *   static const BaridCheckSetup setup = {
 *       BARID_CHECK_SETUP,
 *       .module = "./example.so",
 *       .config = "[module example]\nlist = bl.example\n",
 *       .zone = "7.2.0.192.bl.example. A 127.0.0.2\n",
 *   };
 *   BaridCheck *check = barid_check_new(&setup);
 *
 *   barid_check_connect(check, .ip = "192.0.2.7");
 *   barid_check_mail(check, "sender@example.net");
 *   barid_check_rcpt(check, "alice@example.org");
 *   barid_check_assert_reply(check, "550 5.7.1 *listed");
 *   barid_check_free(check);
 *
 * The module is opened, checked and started as the server does it, and the server's own code
 * runs: sessions, queue and deliveries. What surrounds it is made up: connections are in
 * memory, the clock moves only when all wait, names are looked up in (zone), stores are in
 * memory, next hops are peers of the test. Nothing else is reached, and nothing written but
 * files in a folder that goes away. barid-check(3) has more.
 *
 * The test runs on a plain thread: a call goes on until the server has nothing left to do
 * for it. One BaridCheck may be there at a time, and a process has one thread that uses them.
 */
#ifndef BARID_CHECK_H
#define BARID_CHECK_H

#include <barid/transport.h>
#include <barid/verdict.h>

typedef struct BaridCheck BaridCheck;

/* What is done about a failure; (message) has several lines and names file and line. It may
 * return, then the test goes on, or leave by longjmp(). */
typedef void (*BaridCheckFailed)(const gchar *message, gpointer data);

/* --- what is tested --- */

/* All texts are borrowed while the check lives. */
typedef struct {
    gsize struct_size;
    const gchar *module; /* the path of NAME.so; its [module NAME] is enabled */
    const gchar *config; /* as in a configuration file, added to that of barid-check(3), which
                          * has the domain example.org with alice and bob; or NULL */
    const gchar *zone;   /* what the DNS says, as in barid-dialogue(5); or NULL */
    BaridCheckFailed failed; /* NULL: the message goes to stderr, the process aborts */
    gpointer failed_data;
} BaridCheckSetup;

#define BARID_CHECK_SETUP .struct_size = sizeof(BaridCheckSetup)

/* Opens and starts the module. It is 2026-01-01 00:00 UTC. A failure, and NULL when that
 * returns, with all that is wrong when the module or the configuration is refused. */
#define barid_check_new(setup) barid_check_new_at(setup, __FILE__, __LINE__)
/* What barid_check_new() would fail with: what is wrong with the module or the configuration,
 * a line each, as an administrator would read it. NULL when nothing is. The caller owns it. */
gchar *barid_check_dup_problems(const BaridCheckSetup *setup);
/* The client leaves, the module is stopped and closed. NULL is nothing. */
void barid_check_free(BaridCheck *self);

/* --- a session --- */

typedef struct {
    gsize struct_size;
    const gchar *ip;       /* default: 192.0.2.1 */
    const gchar *helo;     /* default: client.example */
    const gchar *user;     /* authenticates as this user of the configuration */
    const gchar *listener; /* default: smtp; also plain, without TLS, and lmtp */
    gboolean tls;          /* STARTTLS first */
} BaridCheckClient;

/* The calls below give the last line of the server's reply, which lives until the next of
 * them; it is "" when there is no connection any more. A refusal is no failure.
 *
 * A client comes, in the place of the one before, and says who it is. It stops at the first
 * refusal. Arguments are members: barid_check_connect(check, .tls = TRUE, .user = "alice"). */
#define barid_check_connect(check, ...) \
    barid_check_connect_as(             \
        check, &(BaridCheckClient){.struct_size = sizeof(BaridCheckClient), __VA_ARGS__})
/* An address, "" for the null sender; parameters may follow: "a@example.net SIZE=1000". */
const gchar *barid_check_mail(BaridCheck *self, const gchar *path);
/* The same: "alice@example.org NOTIFY=NEVER". */
const gchar *barid_check_rcpt(BaridCheck *self, const gchar *path);
/* A message whose lines end with LF or CRLF. */
const gchar *barid_check_message(BaridCheck *self, const gchar *text);
/* A message byte by byte as it is. The server sees it in pieces of (piece_bytes), all of it
 * at once with 0; the end of a piece is nowhere in particular. */
const gchar *barid_check_content(BaridCheck *self, gconstpointer bytes, gsize len,
                                 gsize piece_bytes);
/* Any command line, without its end. */
const gchar *barid_check_command(BaridCheck *self, const gchar *line);
const gchar *barid_check_get_reply(const BaridCheck *self);
/* The client leaves without a word. */
void barid_check_leave(BaridCheck *self);

/* --- time, stores, deliveries, and the rest --- */

/* Time passes, and what is due meanwhile happens. */
void barid_check_wait(BaridCheck *self, gint64 ms);
/* Puts a value into a [store NAME], or takes it away with NULL. */
void barid_check_put(BaridCheck *self, const gchar *store, const gchar *key, const gchar *value);
/* From now on stores cannot answer: each call fails, as it would when a database is away; or
 * they can again. */
void barid_check_set_stores_failing(BaridCheck *self, gboolean failing);
/* Attempts all that is due, until the queue rests. A transport of the module is called; what
 * other transports get is kept. */
void barid_check_deliver(BaridCheck *self);
/* Any other word of dialogue scripts: (word), what follows its colon, and the indented lines
 * below it, or NULL. barid_check_do(check, "peer", "mx.example.com", "rcpt 550 5.1.1 no"). */
#define barid_check_do(check, word, text, block) \
    barid_check_do_at(check, word, text, block, __FILE__, __LINE__)

/* --- what has become of it --- */

/* In patterns * and ? are wild.
 *
 * The last reply begins so: "550 5.7.1", or "25?". */
#define barid_check_assert_reply(check, pattern) \
    barid_check_assert_at(check, "reply", pattern, NULL, __FILE__, __LINE__)
/* What the last command came to: "continue", "defer", "reject", "hold", ... */
#define barid_check_assert_verdict(check, word) \
    barid_check_assert_at(check, "verdict", word, NULL, __FILE__, __LINE__)
/* Who decided that, or the reason that was given with it. */
#define barid_check_assert_decided_by(check, what) \
    barid_check_assert_at(check, "decided-by", what, NULL, __FILE__, __LINE__)
/* A finding of the session or the transaction is like (pattern), or is not there with NULL. */
#define barid_check_assert_finding(check, name, pattern) \
    barid_check_assert_at(check, "finding", name, pattern, __FILE__, __LINE__)
/* A field (name) of the newest message holds (pattern), or there is none with NULL. */
#define barid_check_assert_field(check, name, pattern) \
    barid_check_assert_at(check, "field", name, pattern, __FILE__, __LINE__)
/* The newest message holds the bytes of (text). */
#define barid_check_assert_content(check, text) \
    barid_check_assert_at(check, "content", text, NULL, __FILE__, __LINE__)
/* Something was delivered: "alice@example.org maildir", or is in the queue: "1", "1 held". */
#define barid_check_assert_delivered(check, what) \
    barid_check_assert_at(check, "delivered-to", what, NULL, __FILE__, __LINE__)
#define barid_check_assert_queue(check, what) \
    barid_check_assert_at(check, "queue", what, NULL, __FILE__, __LINE__)
/* The decision record, JSON, of the session and its last transaction holds (pattern). What
 * barid_explain() was given is in its "inputs". */
#define barid_check_assert_record(check, pattern) \
    barid_check_assert_at(check, "record", pattern, NULL, __FILE__, __LINE__)
/* That record; the caller owns it. */
gchar *barid_check_dup_record(BaridCheck *self);
/* A failure of the test's own. Nothing happens with a condition that holds. */
#define barid_check_assert(check, condition) \
    barid_check_assert_that(check, condition, #condition, __FILE__, __LINE__)

/* --- suspensions --- */

/* What befalls a call of the module while it waits for something. */
typedef enum {
    BARID_CHECK_UNDISTURBED,
    BARID_CHECK_DELAY,   /* it takes a second longer: nothing else may change */
    BARID_CHECK_TIMEOUT, /* its time is over: the wait fails, and all that follow */
    BARID_CHECK_CANCEL,  /* the server ends the session: the same, and no one is left to answer */
} BaridCheckDisturbance;

typedef void (*BaridCheckTest)(BaridCheck *check, gconstpointer data);

/* Runs (test) undisturbed, and then, with a new check each time, once for every point at which
 * the module waited and every disturbance, which comes there. Then it is a failure
 *   - when an assertion does not hold; those after a TIMEOUT or CANCEL are not looked at,
 *   - when the session does not go on after a TIMEOUT, or end after a CANCEL,
 *   - when the module goes on waiting for ever, although each wait fails (the process aborts),
 *   - when memory is left over that an undisturbed run gives back.
 * All questions to DNS and stores are points. Returns the number of points. */
guint barid_check_each_suspension(const BaridCheckSetup *setup, BaridCheckTest test,
                                  gconstpointer data);
/* What has happened so far in this run: for a test that asserts what on-error makes of it. */
BaridCheckDisturbance barid_check_get_disturbance(const BaridCheck *self);

/* --- what the macros call --- */

BaridCheck *barid_check_new_at(const BaridCheckSetup *setup, const gchar *file, gint line);
const gchar *barid_check_connect_as(BaridCheck *self, const BaridCheckClient *client);
void barid_check_do_at(BaridCheck *self, const gchar *word, const gchar *text,
                       const gchar *block, const gchar *file, gint line);
/* (value) is the second argument of those that have two. */
void barid_check_assert_at(BaridCheck *self, const gchar *what, const gchar *pattern,
                           const gchar *value, const gchar *file, gint line);
void barid_check_assert_that(BaridCheck *self, gboolean condition, const gchar *text,
                             const gchar *file, gint line);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaridCheck, barid_check_free)

#endif
