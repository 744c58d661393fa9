// S7: without the key service nothing starts, and what runs stops with its lease, and goes on by itself.
