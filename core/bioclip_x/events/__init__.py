"""Events: images of one burst, observation, individual or video, and the one decision on them."""
