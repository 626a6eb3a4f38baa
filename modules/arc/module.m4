dnl SPDX-License-Identifier: Apache-2.0
BARID_MODULE([arc], [ARC chains])
