"""The wire shapes, and the table of operations made of them. The only place where a wire shape is written."""
