/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/worker.h"

int
main(int argc, char **argv)
{
    gboolean only_check = argc == 2 && strcmp(argv[1], "--check") == 0;

    if (argc > 2 || (argc == 2 && !only_check)) {
        fputs("barid-worker is started by barid(8)\n", stderr);
        return 2;
    }
    /* The supervisor's end is always descriptor 3. */
    return worker_run(3, only_check);
}
