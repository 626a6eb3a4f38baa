dnl SPDX-License-Identifier: Apache-2.0
BARID_MODULE([limit], [limits on connections, messages and recipients])
