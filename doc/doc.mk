# SPDX-License-Identifier: Apache-2.0
# Pages of one floor or one program alone are listed in its own fragment.
dist_man5_MANS += doc/barid.conf.5 doc/barid-settings.5
dist_man8_MANS += doc/barid.8
handbook_chapters = \
	doc/handbook/index.md \
	doc/handbook/install.md \
	doc/handbook/receiving.md \
	doc/handbook/relaying.md \
	doc/handbook/signing.md \
	doc/handbook/configuration.md \
	doc/handbook/module.md \
	doc/handbook/operations.md \
	doc/handbook/formats.md
other_documents = doc/architecture.md doc/measurements.md doc/spool-format.md doc/translating.md
html_parts = doc/html/links.lua doc/html/page.html doc/html/style.css
EXTRA_DIST += $(handbook_chapters) $(other_documents) $(html_parts)

# "make html": the handbook, the other documents and the manual pages, in the folder html. Needs
# pandoc and mandoc. The name of a file that a block is stands above it.
manual_pages = $(dist_man1_MANS) $(dist_man3_MANS) $(dist_man5_MANS) $(dist_man8_MANS)
html-local: $(handbook_chapters) $(other_documents) $(html_parts) $(manual_pages)
	rm -rf html && $(MKDIR_P) html/man
	cp $(srcdir)/doc/html/style.css html/
	cp $(srcdir)/doc/html/style.css html/man/
	for page in $(manual_pages); do : > html/man/$${page##*/}.html; done
	for page in $(manual_pages); do \
	  source=$$(cd $(srcdir) && pwd)/$$page; name=$${page##*/}; \
	  (cd html/man && mandoc -Thtml -O 'style=style.css,man=%N.%S.html;elsewhere:%N' "$$source" | \
	    sed 's|<a class="Xr" href="elsewhere:[^"]*">\([^<]*\)</a>|\1|g' > "$$name.html") || \
	    exit 1; done
	for chapter in $(handbook_chapters) $(other_documents); do \
	  name=$${chapter##*/}; toc=--toc; test "$$name" != index.md || toc=; \
	  sed 's|^```\([a-z]*\) \(..*\)$$|<p class="file">\2</p>\n\n```\1|' "$(srcdir)/$$chapter" | \
	  BARID_PAGES="$(notdir $(manual_pages))" pandoc -f gfm -t html5 $$toc --toc-depth=2 \
	    --lua-filter=$(srcdir)/doc/html/links.lua --template=$(srcdir)/doc/html/page.html \
	    --metadata pagetitle="$$(sed -n 's/^# //p' "$(srcdir)/$$chapter" | head -n 1)" \
	    -o "html/$${name%.md}.html" || exit 1; done
CLEAN_FOLDERS += html
