"""How learned deblurrers are trained."""
