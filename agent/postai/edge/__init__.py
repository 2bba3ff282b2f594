"""The edge: speaks PostgreSQL's protocol between clients and servers."""
