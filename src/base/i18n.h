/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people, in the language of the process. Only baridctl has one: it calls setlocale(). The
 * server's processes never do, so that there all texts stay English, as in the log. */
#ifndef I18N_H
#define I18N_H

#include <libintl.h>

/* By the catalogue's name: libbarid speaks in programs whose own texts have another. The result is
 * borrowed and lives as long as the process; formats are checked as if they stood alone. For text
 * that is told at once: what is kept in a record, a reply or the log is not marked. */
#define _(text) dgettext(GETTEXT_PACKAGE, text)

#endif
