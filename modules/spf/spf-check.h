/* SPDX-License-Identifier: Apache-2.0 */
/* check_host() of RFC 7208 section 4. */
#ifndef SPF_CHECK_H
#define SPF_CHECK_H

#include <barid/barid.h>

/* Section 4.6.4. */
#define SPF_LOOKUPS_MAX 10
#define SPF_VOID_LOOKUPS_MAX 2
#define SPF_NAMES_MAX 10 /* of one mx, ptr or %{p} */

typedef enum {
    SPF_RESULT_NONE,
    SPF_RESULT_NEUTRAL,
    SPF_RESULT_PASS,
    SPF_RESULT_FAIL,
    SPF_RESULT_SOFTFAIL,
    SPF_RESULT_TEMPERROR,
    SPF_RESULT_PERMERROR,
} SpfResult;

/* Borrowed for the call. */
typedef struct {
    BaridScope *scope;     /* whose look-ups these are */
    const gchar *ip;       /* of the client, as text */
    const gchar *domain;   /* whose policy it is */
    const gchar *sender;   /* "local@domain" */
    const gchar *helo;
    const gchar *receiver; /* this server */
    gint64 now_s;
    /* Is told each step in a sentence for people; NULL without. */
    void (*step)(const gchar *text, gpointer data);
    gpointer step_data;
} SpfQuestion;

typedef struct {
    SpfResult result;
    gchar *term;        /* that decided, e.g. "-all", or NULL */
    gchar *domain;      /* in whose record it stands, or NULL */
    gchar *explanation; /* of a fail, by the domain (section 6.2); or NULL */
    gchar *problem;     /* of an error, or why there is no policy; or NULL */
    guint n_lookups;    /* terms that needed the DNS */
    guint n_void;       /* look-ups that found nothing */
} SpfAnswer;

/* (*out_answer) is for spf_answer_clear(). */
BARID_SUSPENDS void spf_check(const SpfQuestion *question, SpfAnswer *out_answer);
void spf_answer_clear(SpfAnswer *self);
/* "pass", ... */
const gchar *spf_result_get_name(SpfResult result);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SpfAnswer, spf_answer_clear)

#endif
