"""Where guests run and are proved: in this process, on r0vm, or on a server."""
