# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += src/baridctl/baridctl
dist_man1_MANS += doc/baridctl.1
completiondir = $(datadir)/bash-completion/completions
EXTRA_DIST += src/baridctl/completion.bash
install-data-local:
	$(MKDIR_P) $(DESTDIR)$(completiondir)
	$(INSTALL_DATA) $(srcdir)/src/baridctl/completion.bash $(DESTDIR)$(completiondir)/baridctl
# A sendmail of another mail system is left alone.
install-exec-hook:
	$(MKDIR_P) $(DESTDIR)$(sbindir)
	test -e $(DESTDIR)$(sbindir)/sendmail || \
	  ln -srf $(DESTDIR)$(bindir)/baridctl $(DESTDIR)$(sbindir)/sendmail
uninstall-local:
	rm -f $(DESTDIR)$(completiondir)/baridctl
	case "$$(readlink $(DESTDIR)$(sbindir)/sendmail)" in */baridctl) \
	  rm -f $(DESTDIR)$(sbindir)/sendmail;; esac
src_baridctl_baridctl_SOURCES = \
	src/baridctl/check.c src/baridctl/check.h \
	src/baridctl/check-subject.c src/baridctl/check-subject.h \
	src/baridctl/check-arc.c src/baridctl/check-dkim.c src/baridctl/check-dmarc.c \
	src/baridctl/check-domain.c \
	src/baridctl/check-dsn.c src/baridctl/check-iprev.c src/baridctl/check-message.c src/baridctl/check-spf.c \
	src/baridctl/follow.c \
	src/baridctl/genkey.c src/baridctl/genkey.h \
	src/baridctl/client.c src/baridctl/client.h src/baridctl/config-diff.c \
	src/baridctl/ctl.h \
	src/baridctl/main.c \
	src/baridctl/module-new.c src/baridctl/module-new.h src/baridctl/module-template.h \
	src/baridctl/module-toggle.c \
	src/baridctl/offline.c src/baridctl/offline.h \
	src/baridctl/online.c src/baridctl/online.h \
	src/baridctl/options.c src/baridctl/options.h \
	src/baridctl/policy-tests.c \
	src/baridctl/replay.c src/baridctl/replay.h src/baridctl/replay-script.c \
	src/baridctl/sendmail.c src/baridctl/sendmail.h src/baridctl/sign.c \
	src/baridctl/show.c src/baridctl/show.h \
	src/baridctl/show-explain.c src/baridctl/show-modules.c src/baridctl/show-shadow.c \
	src/baridctl/table.c src/baridctl/table.h
nodist_src_baridctl_baridctl_SOURCES = src/baridctl/module-template-files.c
src_baridctl_baridctl_LDADD = libbarid.la $(GLIB_LIBS) $(JSON_LIBS)

# What "module new" writes.
module_templates = \
	any/.gitignore any/Makefile any/ci.sh \
	policy/NAME.c.in policy/NAME.conf policy/README.md policy/barid-NAME.5.in \
	policy/tests/test-NAME.c.in \
	content/NAME.c.in content/NAME.conf content/README.md content/barid-NAME.5.in \
	content/tests/test-NAME.c.in
module_template_folder = $(srcdir)/src/baridctl/module-new
src/baridctl/module-template-files.c: $(module_templates:%=$(srcdir)/src/baridctl/module-new/%) \
  $(srcdir)/src/baridctl/module-new/make-template-files.sh Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SHELL) $(module_template_folder)/make-template-files.sh \
	  $(module_template_folder) $(module_templates) > $@.tmp && mv $@.tmp $@
CLEANFILES += src/baridctl/module-template-files.c
# One by one: make would make a program of that name from module-new.c.
EXTRA_DIST += src/baridctl/module-new/make-template-files.sh \
	$(module_templates:%=src/baridctl/module-new/%)

if HAVE_CHECK
check_PROGRAMS += src/baridctl/tests/test-options src/baridctl/tests/test-show
src_baridctl_tests_test_show_SOURCES = src/baridctl/tests/test-show.c \
	src/baridctl/show.c src/baridctl/show-explain.c src/baridctl/show-modules.c \
	src/baridctl/show-shadow.c src/baridctl/table.c
src_baridctl_tests_test_show_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_baridctl_tests_test_show_LDADD = $(BASE_LIBS) $(JSON_LIBS) $(CHECK_LIBS)
src_baridctl_tests_test_options_SOURCES = src/baridctl/tests/test-options.c \
	src/baridctl/client.c src/baridctl/options.c src/baridctl/table.c
src_baridctl_tests_test_options_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
src_baridctl_tests_test_options_LDADD = $(BASE_LIBS) $(CHECK_LIBS)
endif
