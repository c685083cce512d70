def exposure(run, frame, shot):
    return None
