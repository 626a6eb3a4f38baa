dnl SPDX-License-Identifier: Apache-2.0
BARID_MODULE([dmarc], [DMARC policies of authors' domains])
