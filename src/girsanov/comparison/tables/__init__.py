"""What measures see of tables: columns as they are, and features of them."""
