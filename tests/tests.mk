# SPDX-License-Identifier: Apache-2.0
# Tests that belong to no single floor. Without a fuzzer each fuzz target runs its corpus
# as a plain test; with --enable-fuzzers the same names are libFuzzer programs.
fuzz_programs = \
	tests/fuzz/fuzz-address \
	tests/fuzz/fuzz-arc \
	tests/fuzz/fuzz-canonical \
	tests/fuzz/fuzz-command \
	tests/fuzz/fuzz-config \
	tests/fuzz/fuzz-control \
	tests/fuzz/fuzz-data \
	tests/fuzz/fuzz-directory \
	tests/fuzz/fuzz-dmarc \
	tests/fuzz/fuzz-downgrade \
	tests/fuzz/fuzz-dns \
	tests/fuzz/fuzz-dsn \
	tests/fuzz/fuzz-header \
	tests/fuzz/fuzz-key-record \
	tests/fuzz/fuzz-reply \
	tests/fuzz/fuzz-rule \
	tests/fuzz/fuzz-signature \
	tests/fuzz/fuzz-spf \
	tests/fuzz/fuzz-spool
if FUZZERS
EXTRA_PROGRAMS = $(fuzz_programs) $(bench_programs)
fuzz_main =
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
else
EXTRA_PROGRAMS = $(bench_programs)
check_PROGRAMS += $(fuzz_programs)
fuzz_main = tests/fuzz/replay-main.c
fuzz_ldflags = $(AM_LDFLAGS)
endif
EXTRA_DIST += tests/fuzz/replay-main.c tests/fuzz/corpus

tests_fuzz_fuzz_address_SOURCES = tests/fuzz/fuzz-address.c $(fuzz_main)
tests_fuzz_fuzz_address_LDADD = $(MIME_LIBS)
tests_fuzz_fuzz_address_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_arc_SOURCES = tests/fuzz/fuzz-arc.c $(arc_parts) $(fuzz_main)
tests_fuzz_fuzz_arc_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_fuzz_fuzz_arc_LDADD = libbarid.la $(GLIB_LIBS)
tests_fuzz_fuzz_arc_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_canonical_SOURCES = tests/fuzz/fuzz-canonical.c $(fuzz_main)
tests_fuzz_fuzz_canonical_LDADD = $(MIME_LIBS)
tests_fuzz_fuzz_canonical_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_command_SOURCES = tests/fuzz/fuzz-command.c $(fuzz_main)
tests_fuzz_fuzz_command_LDADD = $(SMTP_LIBS)
tests_fuzz_fuzz_command_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz-config.c $(fuzz_main)
tests_fuzz_fuzz_config_LDADD = $(CONF_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_config_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_control_SOURCES = tests/fuzz/fuzz-control.c $(fuzz_main)
tests_fuzz_fuzz_control_LDADD = $(CONTROL_LIBS)
tests_fuzz_fuzz_control_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_data_SOURCES = tests/fuzz/fuzz-data.c $(fuzz_main)
tests_fuzz_fuzz_data_LDADD = $(SMTP_LIBS)
tests_fuzz_fuzz_data_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_directory_SOURCES = tests/fuzz/fuzz-directory.c $(fuzz_main)
tests_fuzz_fuzz_directory_LDADD = $(STORE_LIBS)
tests_fuzz_fuzz_directory_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_dmarc_SOURCES = tests/fuzz/fuzz-dmarc.c $(dmarc_parts) $(fuzz_main)
tests_fuzz_fuzz_dmarc_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_fuzz_fuzz_dmarc_LDADD = libbarid.la $(GLIB_LIBS)
tests_fuzz_fuzz_dmarc_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_dns_SOURCES = tests/fuzz/fuzz-dns.c $(fuzz_main)
tests_fuzz_fuzz_dns_LDADD = $(DNS_LIBS)
tests_fuzz_fuzz_dns_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_dsn_SOURCES = tests/fuzz/fuzz-dsn.c $(fuzz_main)
tests_fuzz_fuzz_dsn_LDADD = $(MIME_LIBS)
tests_fuzz_fuzz_dsn_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_downgrade_SOURCES = tests/fuzz/fuzz-downgrade.c $(fuzz_main)
tests_fuzz_fuzz_downgrade_LDADD = $(MIME_LIBS)
tests_fuzz_fuzz_downgrade_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_header_SOURCES = tests/fuzz/fuzz-header.c $(fuzz_main)
tests_fuzz_fuzz_header_LDADD = $(MIME_LIBS)
tests_fuzz_fuzz_header_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_key_record_SOURCES = tests/fuzz/fuzz-key-record.c $(fuzz_main)
tests_fuzz_fuzz_key_record_LDADD = $(SIGNATURE_LIBS)
tests_fuzz_fuzz_key_record_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_reply_SOURCES = tests/fuzz/fuzz-reply.c $(fuzz_main)
tests_fuzz_fuzz_reply_LDADD = $(SMTP_LIBS)
tests_fuzz_fuzz_reply_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_rule_SOURCES = tests/fuzz/fuzz-rule.c $(fuzz_main)
tests_fuzz_fuzz_rule_LDADD = $(CONF_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_rule_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_signature_SOURCES = tests/fuzz/fuzz-signature.c $(fuzz_main)
tests_fuzz_fuzz_signature_LDADD = $(SIGNATURE_LIBS)
tests_fuzz_fuzz_signature_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_spf_SOURCES = tests/fuzz/fuzz-spf.c $(spf_parts) $(fuzz_main)
tests_fuzz_fuzz_spf_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)
tests_fuzz_fuzz_spf_LDADD = $(BASE_LIBS)
tests_fuzz_fuzz_spf_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_spool_SOURCES = tests/fuzz/fuzz-spool.c $(fuzz_main)
tests_fuzz_fuzz_spool_LDADD = $(SPOOL_LIBS)
tests_fuzz_fuzz_spool_LDFLAGS = $(fuzz_ldflags)

bench_programs = \
	tests/bench/bench-proto \
	tests/bench/bench-rule \
	tests/bench/bench-spool \
	tests/bench/smtp-count \
	tests/bench/smtp-load
tests_bench_bench_proto_SOURCES = tests/bench/bench-proto.c
tests_bench_bench_proto_LDADD = $(SMTP_LIBS)
tests_bench_bench_rule_SOURCES = tests/bench/bench-rule.c
tests_bench_bench_rule_LDADD = $(CONF_LIBS) $(BASE_LIBS) $(PCRE2_LIBS)
if MODULE_OPENSSL
bench_programs += tests/bench/bench-signing
endif
tests_bench_bench_signing_SOURCES = tests/bench/bench-signing.c modules/openssl/openssl.c
tests_bench_bench_signing_CFLAGS = $(AM_CFLAGS) $(LIBCRYPTO_CFLAGS)
tests_bench_bench_signing_LDADD = $(HOST_LIBS) $(LIBCRYPTO_LIBS)
tests_bench_bench_spool_SOURCES = tests/bench/bench-spool.c
tests_bench_bench_spool_LDADD = $(SPOOL_LIBS)
tests_bench_smtp_count_SOURCES = tests/bench/smtp-count.c
tests_bench_smtp_count_LDADD = $(GLIB_LIBS)
tests_bench_smtp_load_SOURCES = tests/bench/smtp-load.c
tests_bench_smtp_load_LDADD = $(GNUTLS_LIBS) $(GLIB_LIBS)
EXTRA_DIST += tests/bench/bench-auth.py tests/bench/bench-relay.py tests/bench/bench-server.py \
	tests/bench/measure.py tests/bench/relays.py tests/bench/servers.py

# A module of the system tests, which put it beside the others in a build of their own.
check_LTLIBRARIES += tests/system/probe/probe.la
tests_system_probe_probe_la_SOURCES = tests/system/probe/probe.c
tests_system_probe_probe_la_LDFLAGS = $(module_ldflags) -rpath $(pkglibdir)
tests_system_probe_probe_la_LIBADD = libbarid.la $(GLIB_LIBS)

# Modules of other versions of the interface; "old" sees the headers of 1.0 only.
check_LTLIBRARIES += tests/abi/old.la tests/abi/newmajor.la tests/abi/newminor.la
tests_abi_old_la_SOURCES = tests/abi/old.c
tests_abi_old_la_CPPFLAGS = -I$(srcdir)/tests/abi/1.0
tests_abi_old_la_LDFLAGS = $(module_ldflags) -rpath $(pkglibdir)
tests_abi_old_la_LIBADD = libbarid.la $(GLIB_LIBS)
tests_abi_newmajor_la_SOURCES = tests/abi/foreign.c
tests_abi_newmajor_la_CPPFLAGS = $(AM_CPPFLAGS) -DFOREIGN=newmajor -DFOREIGN_MAJOR=2
tests_abi_newmajor_la_LDFLAGS = $(module_ldflags) -rpath $(pkglibdir)
tests_abi_newmajor_la_LIBADD = libbarid.la $(GLIB_LIBS)
tests_abi_newminor_la_SOURCES = tests/abi/foreign.c
tests_abi_newminor_la_CPPFLAGS = $(AM_CPPFLAGS) -DFOREIGN=newminor -DFOREIGN_MINOR=999
tests_abi_newminor_la_LDFLAGS = $(module_ldflags) -rpath $(pkglibdir)
tests_abi_newminor_la_LIBADD = libbarid.la $(GLIB_LIBS)

check_PROGRAMS += tests/dialogue/run-dialogue
tests_dialogue_run_dialogue_SOURCES = tests/dialogue/run-dialogue.c
tests_dialogue_run_dialogue_LDADD = libbarid.la $(GLIB_LIBS)

.PHONY: bench check-programs fuzzers list-check-programs
bench: $(bench_programs)
fuzzers: $(fuzz_programs)
check-programs: $(check_PROGRAMS) $(check_LTLIBRARIES)
list-check-programs:
	@echo $(check_PROGRAMS)

EXTRA_DIST += tests/abi tests/run.py tests/leaks.supp tests/data tests/dialogue tests/lint tests/npm tests/packaging tests/peers tests/system

# Whole folders are shipped; what a build inside them left there is not.
dist-hook:
	rm -rf $(distdir)/tests/dialogue/run-dialogue
	find $(distdir)/tests '(' -name '*.o' -o -name '*.lo' -o -name '*.la' -o -name .libs \
	  -o -name .deps -o -name .dirstamp -o -name __pycache__ ')' -prune -exec rm -rf '{}' +
