"""Why an image was named so: contributions of prompts, and where in the image they come from."""
