"""The report: an audit and its plans as one page that needs nothing but a browser."""
