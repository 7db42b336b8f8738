"""Tables: columns, types, dates and missing values, in and out."""
