"""One file a page; each ends in PAGES, and in FORMS and PARTS where it has any (`keepwell.web.page`)."""
