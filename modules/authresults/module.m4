dnl SPDX-License-Identifier: Apache-2.0
BARID_MODULE([authresults], [the header field Authentication-Results])
