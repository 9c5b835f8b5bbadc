"""Tables from the words of a page and its ruled lines: rows, columns and spanning cells, as Markdown or HTML."""
