"""What data can lie in: files and folders, read as rows and written from samples."""
