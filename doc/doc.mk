# SPDX-License-Identifier: Apache-2.0
# Pages of one floor or one program alone are listed in its own fragment.
dist_man5_MANS += doc/barid.conf.5 doc/barid-settings.5
dist_man8_MANS += doc/barid.8
EXTRA_DIST += doc/architecture.md doc/handbook/configuration.md doc/measurements.md doc/spool-format.md \
	doc/translating.md
