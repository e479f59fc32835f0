"""Every file of deploy/, loaded by the program it is for."""
