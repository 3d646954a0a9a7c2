"""Local copies of studies that are on servers and in journals, kept in step with them."""
