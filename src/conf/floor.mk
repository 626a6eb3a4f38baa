# SPDX-License-Identifier: Apache-2.0
# Two libraries: the supervisor reads configuration text but knows neither settings nor
# rules, so it links the first one only.
noinst_LTLIBRARIES += src/conf/libconftext.la src/conf/libconf.la
LIBBARID_PARTS += src/conf/libconftext.la src/conf/libconf.la
src_conf_libconftext_la_SOURCES = \
	src/conf/config-absent.c \
	src/conf/config-edit.c src/conf/config-edit.h \
	src/conf/config-file.c src/conf/config-file.h \
	src/conf/config-problem.c src/conf/config-problem.h \
	src/conf/config-tree.c src/conf/config-tree.h \
	src/conf/config-value.c src/conf/config-value.h \
	src/conf/default-files.h
nodist_src_conf_libconftext_la_SOURCES = src/conf/default-files.c
src_conf_libconf_la_SOURCES = \
	src/conf/rule-arithmetic.c \
	src/conf/rule-bounds.c \
	src/conf/rule-code.c \
	src/conf/rule-compile.c src/conf/rule-compiler.h src/conf/rule-program.h \
	src/conf/rule-dns.c src/conf/rule-dns.h \
	src/conf/rule-eval.c \
	src/conf/rule-function.c \
	src/conf/rule-items.c src/conf/rule-items.h \
	src/conf/rule-language.h \
	src/conf/rule-lexer.c src/conf/rule-lexer.h \
	src/conf/rule-list.c src/conf/rule-list.h \
	src/conf/rule-list-file.c src/conf/rule-list-file.h \
	src/conf/rule-literal.c src/conf/rule-literal.h \
	src/conf/rule-parser.c src/conf/rule-parser.h \
	src/conf/rule-parser-expr.c src/conf/rule-parser-set.c \
	src/conf/rule-provide.h \
	src/conf/rule-reasons.c src/conf/rule-reasons.h \
	src/conf/rule-regex.c src/conf/rule-regex.h \
	src/conf/rule-registry.c src/conf/rule-registry.h \
	src/conf/rule-set.c src/conf/rule-set.h \
	src/conf/rule-shadow.c src/conf/rule-shadow.h \
	src/conf/rule-template.c src/conf/rule-template.h \
	src/conf/rule-words.c src/conf/rule-words.h \
	src/conf/settings.c src/conf/settings.h
CONF_TEXT_LIBS = src/conf/libconftext.la
CONF_LIBS = src/conf/libconf.la src/conf/libconftext.la $(PCRE2_LIBS)

src/conf/default-files.c: $(dist_confd_DATA) src/conf/make-default-files.sh Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	$(SHELL) $(srcdir)/src/conf/make-default-files.sh $(srcdir) $(dist_confd_DATA) > $@.tmp && \
	mv $@.tmp $@
CLEANFILES += src/conf/default-files.c
EXTRA_DIST += src/conf/make-default-files.sh

if HAVE_CHECK
check_PROGRAMS += src/conf/tests/test-config-edit
src_conf_tests_test_config_edit_SOURCES = src/conf/tests/test-config-edit.c
src_conf_tests_test_config_edit_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_conf_tests_test_config_edit_LDADD = $(CONF_TEXT_LIBS) $(BASE_LIBS) $(CHECK_LIBS)
check_PROGRAMS += src/conf/tests/test-config-tree src/conf/tests/test-settings \
	src/conf/tests/test-rule-language src/conf/tests/test-rule-limits \
	src/conf/tests/test-rule-lists src/conf/tests/test-rule-values \
	src/conf/tests/test-rule-reasons src/conf/tests/test-rule-words
src_conf_tests_test_rule_words_SOURCES = src/conf/tests/test-rule-words.c \
	src/conf/tests/rule-fixture.c src/conf/tests/rule-fixture.h
src_conf_tests_test_rule_words_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_conf_tests_test_rule_words_LDADD = $(CONF_LIBS) $(BASE_LIBS) $(CHECK_LIBS)
src_conf_tests_test_rule_reasons_SOURCES = src/conf/tests/test-rule-reasons.c \
	src/conf/tests/rule-fixture.c src/conf/tests/rule-fixture.h
src_conf_tests_test_rule_reasons_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_conf_tests_test_rule_reasons_LDADD = $(CONF_LIBS) $(BASE_LIBS) $(CHECK_LIBS)
src_conf_tests_test_config_tree_SOURCES = src/conf/tests/test-config-tree.c
src_conf_tests_test_config_tree_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_conf_tests_test_config_tree_LDADD = $(CONF_TEXT_LIBS) $(BASE_LIBS) $(CHECK_LIBS)
src_conf_tests_test_settings_SOURCES = src/conf/tests/test-settings.c
src_conf_tests_test_settings_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_conf_tests_test_settings_LDADD = $(CONF_LIBS) $(BASE_LIBS) $(CHECK_LIBS)
src_conf_tests_test_rule_language_SOURCES = src/conf/tests/test-rule-language.c \
	src/conf/tests/rule-fixture.c src/conf/tests/rule-fixture.h
src_conf_tests_test_rule_language_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_conf_tests_test_rule_language_LDADD = $(CONF_LIBS) $(BASE_LIBS) $(CHECK_LIBS)
src_conf_tests_test_rule_limits_SOURCES = src/conf/tests/test-rule-limits.c \
	src/conf/tests/rule-fixture.c src/conf/tests/rule-fixture.h
src_conf_tests_test_rule_limits_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_conf_tests_test_rule_limits_LDADD = $(CONF_LIBS) $(BASE_LIBS) $(CHECK_LIBS)
src_conf_tests_test_rule_values_SOURCES = src/conf/tests/test-rule-values.c \
	src/conf/tests/rule-fixture.c src/conf/tests/rule-fixture.h
src_conf_tests_test_rule_values_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_conf_tests_test_rule_values_LDADD = $(CONF_LIBS) $(BASE_LIBS) $(CHECK_LIBS)
src_conf_tests_test_rule_lists_SOURCES = src/conf/tests/test-rule-lists.c \
	src/conf/tests/rule-fixture.c src/conf/tests/rule-fixture.h
src_conf_tests_test_rule_lists_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_conf_tests_test_rule_lists_LDADD = $(CONF_LIBS) $(BASE_LIBS) $(CHECK_LIBS)
endif
