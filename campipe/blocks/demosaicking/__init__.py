"""Demosaicking: three colours at each pixel from one."""
