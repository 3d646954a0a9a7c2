"""What commands print: tables, JSON, text, figures."""
