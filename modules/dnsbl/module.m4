dnl SPDX-License-Identifier: Apache-2.0
BARID_MODULE([dnsbl], [lists published in the DNS])
