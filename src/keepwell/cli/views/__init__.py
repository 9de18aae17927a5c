"""One file a command: `render(report)` turns its report into something that Rich can print."""
