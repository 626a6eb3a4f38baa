dnl SPDX-License-Identifier: Apache-2.0
BARID_MODULE([dkim], [DKIM signatures])
