"""Dense nets on patches: auto-encoders layer by layer, and patches under noise or writing."""
