"""Live views for front ends without our extension, drawn by ipywidgets while the kernel lives."""
