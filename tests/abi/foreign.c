/* SPDX-License-Identifier: Apache-2.0 */
/* A module that says that it was built for another version of the interface. FOREIGN is its
 * name. */
#include <barid/barid.h>

#ifdef FOREIGN_MAJOR
#undef BARID_API_MAJOR
#define BARID_API_MAJOR FOREIGN_MAJOR
#endif
#ifdef FOREIGN_MINOR
#undef BARID_API_MINOR
#define BARID_API_MINOR FOREIGN_MINOR
#endif
#define FOREIGN_DEFINE(name) BARID_MODULE_DEFINE(name)

FOREIGN_DEFINE(FOREIGN) = {
    BARID_MODULE_HEADER,
    .name = G_STRINGIFY(FOREIGN),
    .summary = "Is of another version",
};
