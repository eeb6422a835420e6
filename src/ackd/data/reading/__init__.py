"""From a file to pixels: MS images, photographs, invalid pixels, and numbers that cannot be."""
