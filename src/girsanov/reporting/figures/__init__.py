"""The figures of the page, one a file, as SVG."""
